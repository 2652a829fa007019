"""Helpers of the tests: small corpora, arrays and models, and what a refused input must look like."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from speech_autoencoder.config import FeatureConfig, ModelConfig, TrainingConfig
from speech_autoencoder.data import dataset
from speech_autoencoder.errors import InputError
from speech_autoencoder.model.entropy_model import EntropyModel

ROOT = Path(__file__).parents[2]
GENERATORS = ("train_data_generator", "test_data_generator")
SCRIPTS = (*GENERATORS, "autoencoder_for_many_data", "evaluate_for_many_data", "predict_for_one_data")
RECORDING = "speechdata/testing/en-allison/70_allison_digits.flac"
OFFLINE = Path(__file__).with_name("offline.py")
# Small clips, for tests of training, where their content does not matter.
TINY = FeatureConfig("tiny", 8_000, 256, 64, 16, 32, -100.0, 10.0)
# With these sizes, the baseline is the same PCA that training starts from.
TINY_MODEL = ModelConfig(n_mels=16, frames_per_latent=4, latent_size=4, stem_frames=1, width=8, depth=1)
TINY_TRAINING = TrainingConfig(epochs=4, batch_size=4, learning_rate=1e-2, averaging=0.9)
# The samples of the recordings of `corpus`.
LENGTHS = {"5_anna_0.wav": 9_000, "sub/7_ben_1.flac": 2_000, "7_ben_2.wav": 2_500, "a b/한.wav": 1}


def make_speech(n_samples, sr, seed=0):
    """Return a waveform (n_samples,) like speech: a gliding pitch, its harmonics, syllables, pauses, some noise."""
    rng, t = np.random.default_rng(seed), np.arange(n_samples) / sr
    pitch_hz = 130 * 2 ** (0.3 * np.sin(2 * np.pi * 0.7 * t + seed))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sr
    voice = sum(np.cos(k * phase + k * k) / k for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 3 * t), 0, None)
    return (0.1 * syllables * (voice + 0.1 * rng.standard_normal(n_samples))).astype(np.float32)


def make_dataset(names, n_frames, seed=0, features=TINY):
    """Return a Dataset in memory whose bands follow one slow path, bent: a network soon learns more than PCA."""
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
    """Move every weight, as long training would, so that the learned path contributes."""
    rng = np.random.default_rng(seed)
    for weight in network.weights:
        weight.assign(np.asarray(weight) + scale * rng.normal(size=tuple(weight.shape)).astype(np.float32))


def make_entropy(
    n_channels, n_groups, *, n_hidden=4, n_qualities=3, first_step=1.0, ratio=0.5, weights=1.0, seed=0, as_floats=False
):
    """Return an EntropyModel of random weights for latents of about unit scale, or the floats that it is made from.

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
    """Train the tiny network, with its files in the folder; batches in one part are compiled sooner than in two."""
    from speech_autoencoder.training import loop  # starts TensorFlow, which few tests need
    from speech_autoencoder.training.backends.choice import backend

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend(), "_N_PARTS", 1, raising=False)
        return loop.train(
            data,
            TINY_MODEL,
            config,
            model_path=folder / "model.h5",
            checkpoint_path=folder / "model.checkpoint.npz",
            **options,
        )


def raise_at(line, error=KeyboardInterrupt):
    """Return a `say` that raises KeyboardInterrupt, or another error, at a line that matches."""

    def say(text):
        if re.match(line, text):
            raise error

    return say


def run_script(script, *arguments, cwd, options=(), **environment):
    """Return the finished process of a script, run in the folder cwd, without a terminal, display or network.

    A script that opens a connection is killed, see offline.py.
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


def one_line_of(error):
    """Return the message of an InputError, and check that it is one line of a readable length."""
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 1_000
    return text


def contents_of(folder):
    """Return {name: (bytes, time of change)} of the files in the folder."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir() if path.is_file()}


@contextmanager
def file_size_limit(n_bytes):
    """Let no file grow beyond n_bytes meanwhile, as if the disk were full."""
    resource = pytest.importorskip("resource", reason="Windows has no limits on file sizes")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def refused(*words, do):
    """Check that do() raises an InputError of one line with these words."""
    with pytest.raises(InputError) as error:
        do()
    text = one_line_of(error)
    for word in words:
        assert word in text


def names_in(folder):
    """Return the sorted names in a folder, hidden ones included, as those of temporary files are."""
    return sorted(path.name for path in folder.iterdir())


def png_size(path):
    """Return (width, height) in pixels of a PNG file."""
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])


def is_figure(path):
    """Return whether `path` is a PNG that is large enough to read."""
    return min(png_size(path)) >= 200


def assert_refused(done, *words):
    """Check that a script ended as promised: status 2, one line on stderr, with these words in it."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "rror" not in done.stdout
    for word in words:
        assert re.search(word, done.stderr), done.stderr
