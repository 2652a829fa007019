"""What is slow to make, made once: a small corpus, its arrays, trained models, and the five scripts' own outputs."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import settings

from speech_autoencoder import audio, building, dataset
from speech_autoencoder.config import CLASSIC, FeatureConfig, ModelConfig, TrainingConfig
from speech_autoencoder.entropy import EntropyModel
from speech_autoencoder.errors import InputError

# Neither a busy machine nor luck may fail a test.
settings.register_profile("project", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("project")

ROOT = Path(__file__).parent.parent
GENERATORS = ("train_data_generator", "test_data_generator")
SCRIPTS = (*GENERATORS, "autoencoder_for_many_data", "evaluate_for_many_data", "predict_for_one_data")
RECORDING = "speechdata/testing/en-allison/70_allison_digits.flac"
OFFLINE = Path(__file__).with_name("offline.py")
# Small clips, for tests of training: what they are of does not matter there.
TINY = FeatureConfig("tiny", 8_000, 256, 64, 16, 32, -100.0, 10.0)
# Of this shape, the floor is the very PCA that training starts from.
TINY_MODEL = ModelConfig(n_mels=16, frames_per_latent=4, latent_size=4, finest=1, width=8, depth=1)
TINY_TRAINING = TrainingConfig(epochs=4, batch_size=4, learning_rate=1e-2, averaging=0.9)
# The samples of the recordings of `corpus`.
LENGTHS = {"5_anna_0.wav": 9_000, "sub/7_ben_1.flac": 2_000, "7_ben_2.wav": 2_500, "a b/한.wav": 1}


def make_speech(n_samples, sr, seed=0):
    """A waveform (n_samples,) with what speech has: a gliding pitch, its harmonics, syllables, pauses, some noise."""
    rng, t = np.random.default_rng(seed), np.arange(n_samples) / sr
    pitch_hz = 130 * 2 ** (0.3 * np.sin(2 * np.pi * 0.7 * t + seed))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sr
    voice = sum(np.cos(k * phase + k * k) / k for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 3 * t), 0, None)
    return (0.1 * syllables * (voice + 0.1 * rng.standard_normal(n_samples))).astype(np.float32)


def make_dataset(names, n_frames, seed=0, features=TINY):
    """A Dataset in memory whose bands all follow one slow path, but bent: a network soon learns what PCA cannot say."""
    rng = np.random.default_rng(seed)
    bands, clips = np.arange(features.n_mels)[:, None], []
    for length in n_frames:
        n_clips = -(-length // features.n_frames)
        path = rng.normal(size=n_clips * features.n_frames).cumsum() / 5 + 3 * rng.normal()
        sound = 0.5 + 0.4 * np.sin(path * (1 + bands / features.n_mels) + bands)
        sound += 0.02 * rng.normal(size=sound.shape)
        sound[:, length:] = 0
        clips.append(sound.reshape(features.n_mels, n_clips, -1).transpose(1, 0, 2)[..., None])
    counts = [len(part) for part in clips]
    n_frames = np.array(n_frames)
    return dataset.Dataset(
        clips=np.concatenate(clips).astype(np.float32),
        features=features,
        audio_dir=Path("nowhere"),
        names=list(names),
        sr=np.full(len(counts), features.sr),
        n_samples=(n_frames - 1) * features.hop_length,
        n_frames=n_frames,
        first_row=np.concatenate([[0], np.cumsum(counts)]),
        fingerprint=f"made of seed {seed}",
    )


def shake(network, scale=0.05, seed=0):
    """Nothing; every weight is moved, as long training would, so that the learned path speaks too."""
    rng = np.random.default_rng(seed)
    for weight in network.weights:
        weight.assign(np.asarray(weight) + scale * rng.normal(size=tuple(weight.shape)).astype(np.float32))


def make_entropy(
    n_channels, n_groups, *, n_hidden=4, n_qualities=3, first_step=1.0, ratio=0.5, weights=1.0, seed=0, as_floats=False
):
    """An EntropyModel of random weights, for latents of about unit scale, or the floats that it is made from.

    Its steps are first_step, and each is `ratio` times the one before.
    """
    steps = np.repeat(first_step * ratio ** np.arange(n_qualities)[:, None], n_channels, axis=1)
    rng = np.random.default_rng(seed)
    units = n_groups * n_hidden
    floats = {
        "steps": steps,
        "groups": np.linspace(0, n_channels, n_groups + 1).round().astype(int),
        "hidden_kernel": weights * rng.normal(0, 0.3, (3 * n_channels, units)),
        "hidden_bias": rng.normal(0, 0.1, (n_qualities, units)),
        "linear_kernel": weights * rng.normal(0, 0.1, (3 * n_channels, n_channels)),
        "mean_kernel": weights * rng.normal(0, 0.1, (units, n_channels)),
        "mean_bias": rng.normal(0, 0.1, (n_qualities, n_channels)),
        "scale_kernel": weights * rng.normal(0, 0.2, (units, n_channels)),
        "scale_bias": np.log(0.5 / steps),
    }
    return floats if as_floats else EntropyModel.from_floats(**floats)


def train_tiny(data, folder, config=TINY_TRAINING, **options):
    """training.train on the tiny network, its files in folder."""
    from speech_autoencoder import training

    return training.train(
        data,
        TINY_MODEL,
        config,
        model_path=folder / "model.h5",
        checkpoint_path=folder / "model.checkpoint.npz",
        **options,
    )


def raise_at(line, error=KeyboardInterrupt):
    """A `say` that, with a line that matches, raises what Ctrl-C does, or another error."""

    def say(text):
        if re.match(line, text):
            raise error

    return say


def run_script(script, *arguments, cwd, options=(), **environment):
    """The finished process of a script, run as a user does: in the folder cwd, without a terminal, display or network.

    One that calls someone over a socket is killed, see offline.py.
    """
    kept = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run(
        [sys.executable, str(OFFLINE), sys.executable, *options, str(ROOT / f"{script}.py"), *map(str, arguments)],
        cwd=cwd,
        env=kept | {"MPLBACKEND": "agg", "PYTHONIOENCODING": "utf-8"} | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=200,
    )


@pytest.fixture(scope="session")
def without_tensorflow(tmp_path_factory):
    """An environment in which TensorFlow and Keras cannot be imported."""
    folder = tmp_path_factory.mktemp("without tensorflow")
    for name in ("tensorflow", "keras"):
        (folder / f"{name}.py").write_text(f"raise ImportError('{name} is not there')\n")
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def one_line_of(error):
    """The message of an InputError, which must be one line of a length that one reads."""
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 1_000
    return text


def contents_of(folder):
    """{name: (bytes, time of change)} of the files in folder."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir() if path.is_file()}


@contextmanager
def file_size_limit(n_bytes):
    """No file may grow beyond n_bytes meanwhile, as where the disk is full."""
    resource = pytest.importorskip("resource", reason="Windows has no limits on file sizes")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def refused(*words, do):
    """Nothing; do() raises an InputError of one line with these words."""
    with pytest.raises(InputError) as error:
        do()
    text = one_line_of(error)
    for word in words:
        assert word in text


def names_in(folder):
    """The names of what is in a folder, sorted; hidden ones too, as a temporary file's is."""
    return sorted(path.name for path in folder.iterdir())


def png_size(path):
    """(width, height) in pixels of a PNG file."""
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])


def assert_refused(done, *words):
    """Nothing; a script ended as the project promises: status 2, one line on stderr with these words in it."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "rror" not in done.stdout
    for word in words:
        assert re.search(word, done.stderr), done.stderr


@pytest.fixture
def as_user(tmp_path):
    """An empty folder of the user whom the test runs as, who is not root: root may read and write everything."""
    if not hasattr(os, "geteuid"):
        pytest.skip("this system has no such permissions")
    if os.geteuid() != 0:
        yield tmp_path
        return
    nobody = 65_534
    # Not below tmp_path, which pytest closes to other users.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        os.chown(name, nobody, nobody)
        os.seteuid(nobody)
        try:
            try:
                os.scandir(name).close()
            except PermissionError:
                pytest.skip("the folder for temporary files is closed to other users")
            yield Path(name)
        finally:
            os.seteuid(0)


def _copy_some(source, target, every, keep=()):
    """Nothing; target has a few recordings of each of source's folders."""
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        (target / folder.name).mkdir(parents=True)
        for i, path in enumerate(sorted(folder.iterdir())):
            if i % every == every // 2 or path.name in keep:
                shutil.copy(path, target / folder.name)


@pytest.fixture(scope="session")
def forty():
    """A Dataset of forty recordings of several lengths: nine steps an epoch. Not to be changed."""
    return make_dataset([f"{i}.wav" for i in range(40)], range(20, 100, 2))


@pytest.fixture(scope="session")
def small_speechdata(tmp_path_factory):
    """A speechdata/ of 15 training and 6 testing recordings of four speakers, the default one for predict with them."""
    folder = tmp_path_factory.mktemp("corpus") / "speechdata"
    _copy_some(ROOT / "speechdata" / "training", folder / "training", every=48)
    _copy_some(ROOT / "speechdata" / "testing", folder / "testing", every=36, keep=["70_allison_digits.flac"])
    return folder


@pytest.fixture(scope="session")
def testing_recordings():
    """[(waveform, sr)] of some fifty short recordings of all voices of speechdata/testing."""
    paths = sorted((ROOT / "speechdata" / "testing").rglob("*.flac"))
    return [(audio.read(path), audio.describe(path).sr) for path in paths[:: max(1, len(paths) // 46)]]


@pytest.fixture(scope="session")
def small_arrays(small_speechdata, tmp_path_factory):
    """(training, testing) Datasets of the small corpus."""
    folder, arrays = tmp_path_factory.mktemp("arrays"), []
    for side in ("training", "testing"):
        building.build(small_speechdata / side, folder / f"{side}.npy", CLASSIC, workers=2)
        arrays.append(dataset.load(folder / f"{side}.npy", ""))
    return arrays


@pytest.fixture(scope="session")
def trained(small_arrays, tmp_path_factory):
    """(Result, the model's file) of a small network trained for two epochs on the small corpus. Not to be changed."""
    from speech_autoencoder import training

    path = tmp_path_factory.mktemp("trained") / "model.h5"
    result = training.train(
        small_arrays[0],
        ModelConfig(CLASSIC.n_mels, frames_per_latent=8, latent_size=24, width=16),
        TrainingConfig(epochs=2, batch_size=4),
        model_path=path,
        checkpoint_path=path.with_suffix(".checkpoint.npz"),
        validation="recording",
    )
    return result, path


@pytest.fixture(scope="session")
def shaken(small_arrays, trained):
    """A TrainedModel of the small corpus' features with every weight moved away from PCA. Not to be changed."""
    from speech_autoencoder.model import to_keras, to_network

    result, _ = trained
    network = to_keras(result.model.network)
    shake(network)
    return replace(result.model, network=to_network(network, result.model.config))


@pytest.fixture(scope="session")
def project(small_speechdata, tmp_path_factory):
    """(folder, {script: finished process}): the five scripts run in order in a folder with a small speechdata/.

    Only the trainer has an argument, so that it does not take its five minutes. The folder has spaces and
    letters beyond ASCII in its name, the locale is C, and there is neither a home, a display nor a terminal.
    """
    folder = tmp_path_factory.mktemp("project") / "mein Projekt ü 한국어"
    nowhere = Path(shutil.copy(__file__, folder.parent)) / "home"  # below a file no folder can be made
    shutil.copytree(small_speechdata, folder / "speechdata")
    arguments = {
        "train_data_generator": [],
        "test_data_generator": [],
        "autoencoder_for_many_data": ["--epochs", "1"],
        "evaluate_for_many_data": [],
        "predict_for_one_data": [],
    }
    environment = {"HOME": str(nowhere), "LC_ALL": "C", "LANG": "C"}
    return folder, {script: run_script(script, *rest, cwd=folder, **environment) for script, rest in arguments.items()}


@pytest.fixture
def arrays(project, tmp_path):
    """A folder with the arrays and the model of the project, to be used up."""
    for name in ("train_data.npy", "train_data.json", "test_data.npy", "test_data.json", "my_model_for_many_data.h5"):
        shutil.copy(project[0] / name, tmp_path)
    return tmp_path


@pytest.fixture
def corpus(tmp_path):
    """A folder of four recordings of other rates and lengths, LENGTHS."""
    for seed, (name, n_samples) in enumerate(LENGTHS.items()):
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, make_speech(n_samples, 8_000, seed), 8_000 if seed else 16_000)
    return tmp_path / "corpus"


@pytest.fixture
def array(corpus):
    """The array of the corpus."""
    building.build(corpus, corpus.parent / "train_data.npy", TINY, workers=1)
    return corpus.parent / "train_data.npy"
