"""The generators with --engine dask: the bytes and the lines are those of threads, whatever happens on the way."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

import speech_autoencoder as sa
from speech_autoencoder.cli import libraries
from speech_autoencoder.errors import InputError
from tests.helpers.common import ROOT, one_line_of


@pytest.fixture
def place(corpus, monkeypatch):
    """Return the working folder of the driver, with recordings of which two cannot be used."""
    (corpus / "text.wav").write_text("no sound")
    (corpus / "zero.flac").write_bytes(b"")
    monkeypatch.chdir(corpus.parent)
    return corpus.parent


def build(output, engine, **options):
    """Make an array of the recordings, and return what is said."""
    said = []
    sa.build_dataset("corpus", output, engine=engine, say=said.append, **options)
    return said


@pytest.mark.parametrize("parts", [None, 2])
def test_build_dataset_on_a_cluster_writes_and_says_what_threads_do(place, on_cluster, parts):
    """The workers were started in another folder, and paths are relative to that of the driver."""
    outputs = ["train_data.npy", "train_data.json"] if parts is None else ["train_data"]
    expected = build("train_data.npy", "threads", parts=parts)
    for name in outputs:
        (place / name).rename(place / f"of threads {name}")
    assert build("train_data.npy", "dask", parts=parts) == [
        f"Working on the Dask cluster at {on_cluster.address}.",
        *expected,
    ]
    for name in outputs:
        assert bytes_of(place / name) == bytes_of(place / f"of threads {name}")
    assert sorted(path.name for path in place.iterdir() if path.name.startswith(".")) == []
    assert build("train_data.npy", "dask", parts=parts)[1].startswith("Nothing has changed")


def bytes_of(path):
    return {x.name: x.read_bytes() for x in path.iterdir()} if path.is_dir() else path.read_bytes()


def test_build_dataset_part_by_an_engine_or_another_engine_is_a_line(place):
    with pytest.raises(InputError, match="leave out engine dask") as error:
        build("train_data.npy", "dask", part=(1, 2))
    one_line_of(error)
    with pytest.raises(InputError, match="engine is 'spark': expected threads or dask"):
        build("train_data.npy", "spark")


def test_build_dataset_without_dask_says_how_to_install_it(place, monkeypatch):
    monkeypatch.setattr(libraries, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"^dask is not installed for .*\[cluster\]") as error:
        build("train_data.npy", "dask")
    one_line_of(error)


@pytest.mark.skipif(not find_spec("distributed"), reason="Dask is not installed")
def test_script_without_an_address_starts_processes_here(place):
    build("of threads.npy", "threads")
    command = [sys.executable, ROOT / "train_data_generator.py", "--audio-dir", "corpus", "--engine", "dask"]
    environment = {name: value for name, value in os.environ.items() if name != "DASK_SCHEDULER_ADDRESS"}
    done = subprocess.run([*command, "--workers", "2"], capture_output=True, text=True, timeout=100, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Dask hands out the work to 2 processes on this computer.\nWrote train_data.npy")
    assert (place / "train_data.npy").read_bytes() == (place / "of threads.npy").read_bytes()


@pytest.mark.skipif(not find_spec("distributed"), reason="Dask is not installed")
@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_script_that_is_interrupted_leaves_one_line_and_no_process(place):
    command = [sys.executable, ROOT / "train_data_generator.py", "--audio-dir", "corpus", "--engine", "dask"]
    script = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    with script:
        while script.poll() is None and not (place / ".train_data.pieces").exists():
            time.sleep(0.01)
        os.killpg(script.pid, signal.SIGINT)  # as Ctrl-C does
        _, said = script.communicate(timeout=60)
    assert said == "Interrupted. Unfinished outputs were left unchanged.\n"
    assert script.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.killpg(script.pid, 0)
    assert not (place / "train_data.npy").exists()
