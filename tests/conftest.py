"""What is slow to make, made once: a small corpus, its arrays, trained models, the outputs of the five scripts."""

import os
import re
import secrets
import shutil
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import soundfile as sf
from hypothesis import settings

from speech_autoencoder.audio import reading
from speech_autoencoder.config import CLASSIC, ModelConfig, TrainingConfig
from speech_autoencoder.data import building, dataset
from speech_autoencoder.system import memory, processors
from tests.helpers import dask_cluster as cluster
from tests.helpers import s3_server
from tests.helpers.browser import open_browser
from tests.helpers.common import LENGTHS, ROOT, TINY, make_dataset, make_speech, run_script, shake

# Neither a busy machine nor luck may fail a test.
settings.register_profile("project", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("project")

# What a process takes that has trained, at its most.
WORKER_BYTES = 3.5e9


# What takes longest begins first, so that at the end no process is left with it.
_LONG = re.compile(r"tests/(training/|benchmarks/|export/test_speech_page|test_)")


def pytest_collection_modifyitems(items):
    """Put the files that take long before the others."""
    items.sort(key=lambda item: not _LONG.match(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Return the processes of `pytest -n auto`: the processors that may be used, as far as memory allows."""
    return max(1, int(min(processors.available_cpus(), memory.available_bytes() // WORKER_BYTES)))


@pytest.fixture(scope="module")
def browser():
    """Yield a headless Chromium."""
    with open_browser() as driver:
        yield driver


@pytest.fixture(scope="session")
def without_tensorflow(tmp_path_factory):
    """Return environment variables with which TensorFlow and Keras cannot be imported."""
    folder = tmp_path_factory.mktemp("without tensorflow")
    for name in ("tensorflow", "keras"):
        (folder / f"{name}.py").write_text(f"raise ImportError('{name} is not there')\n")
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


@pytest.fixture
def as_user(tmp_path):
    """Return an empty folder, and run the test as a user other than root, who may read and write everything."""
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
    """Copy a few recordings from each of source's folders."""
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        (target / folder.name).mkdir(parents=True)
        for i, path in enumerate(sorted(folder.iterdir())):
            if i % every == every // 2 or path.name in keep:
                shutil.copy(path, target / folder.name)


@pytest.fixture(scope="session")
def forty():
    """Return a Dataset of forty recordings of several lengths, nine steps per epoch. Do not change it."""
    return make_dataset([f"{i}.wav" for i in range(40)], range(20, 100, 2))


@pytest.fixture(scope="session")
def small_speechdata(tmp_path_factory):
    """Make a speechdata/ of 15 training and 6 testing recordings of four speakers, with the default one to predict."""
    folder = tmp_path_factory.mktemp("corpus") / "speechdata"
    _copy_some(ROOT / "speechdata" / "training", folder / "training", every=48)
    _copy_some(ROOT / "speechdata" / "testing", folder / "testing", every=36, keep=["70_allison_digits.flac"])
    return folder


@pytest.fixture(scope="session")
def testing_recordings():
    """Return [(waveform, sr)] of some fifty short recordings of all voices of speechdata/testing."""
    paths = sorted((ROOT / "speechdata" / "testing").rglob("*.flac"))
    return [(reading.read(path), reading.describe(path).sr) for path in paths[:: max(1, len(paths) // 46)]]


@pytest.fixture(scope="session")
def small_arrays(small_speechdata, tmp_path_factory):
    """Return (training, testing) Datasets of the small corpus."""
    folder, arrays = tmp_path_factory.mktemp("arrays"), []
    for side in ("training", "testing"):
        building.build(small_speechdata / side, folder / f"{side}.npy", CLASSIC, workers=2)
        arrays.append(dataset.load(folder / f"{side}.npy", ""))
    return arrays


@pytest.fixture(scope="session")
def trained(small_arrays, tmp_path_factory):
    """Return (Result, the model's file) of a small network after two epochs on the small corpus. Do not change them."""
    from speech_autoencoder.training import loop  # starts TensorFlow, which few tests need

    path = tmp_path_factory.mktemp("trained") / "model.h5"
    result = loop.train(
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
    """Return the trained model with every weight moved away from PCA. Do not change it."""
    from speech_autoencoder.model.keras_network import to_keras, to_network  # as above

    result, _ = trained
    network = to_keras(result.model.network)
    shake(network)
    return replace(result.model, network=to_network(network, result.model.config))


@pytest.fixture(scope="session")
def project(small_speechdata, tmp_path_factory):
    """Return (folder, {script: finished process}): the five scripts run in order, on a small speechdata/.

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
    """Return a folder with copies of the project's arrays and model."""
    for name in ("train_data.npy", "train_data.json", "test_data.npy", "test_data.json", "my_model_for_many_data.h5"):
        shutil.copy(project[0] / name, tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def dask_cluster(tmp_path_factory):
    """Run a Dask cluster of two workers, processes of their own in another folder; `address` is its scheduler's."""
    if not find_spec("distributed"):
        pytest.skip("Dask is not installed")
    # Chunks that lose their worker are not done again by Dask itself, but by the engine, as after several losses.
    settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with cluster.running(tmp_path_factory.mktemp("cluster"), **settings) as process:
        yield process


@pytest.fixture
def on_cluster(dask_cluster, monkeypatch):
    """Have `--engine dask` work on the cluster."""
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", dask_cluster.address)
    return dask_cluster


@pytest.fixture(scope="session")
def s3_address():
    """Run an S3 server in a process of its own, and return its address."""
    if not all(map(find_spec, ("moto", "flask", "flask_cors", "s3fs"))):
        pytest.skip("moto, which is the server, or s3fs is not installed")
    with s3_server.running() as address:
        yield address


@pytest.fixture
def bucket(s3_address, monkeypatch, tmp_path):
    """Make a bucket that this process and those that it starts can use, and return its URL."""
    for name, value in s3_server.environment(s3_address, tmp_path).items():
        monkeypatch.setenv(name, value)
    return s3_server.make_bucket(f"bucket-{secrets.token_hex(8)}")


@pytest.fixture
def corpus(tmp_path):
    """Return a folder of four recordings of different rates and lengths, LENGTHS."""
    for seed, (name, n_samples) in enumerate(LENGTHS.items()):
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, make_speech(n_samples, 8_000, seed), 8_000 if seed else 16_000)
    return tmp_path / "corpus"


@pytest.fixture
def array(corpus):
    """Return the path of the corpus' array."""
    building.build(corpus, corpus.parent / "train_data.npy", TINY, workers=1)
    return corpus.parent / "train_data.npy"
