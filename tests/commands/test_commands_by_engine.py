"""The commands that write a file for each input, with --engine dask: the bytes and the lines are those of threads."""

import subprocess
import sys

import pytest

from speech_autoencoder import __main__ as commands
from speech_autoencoder.errors import InputError
from speech_autoencoder.training.saving import save
from tests.helpers.common import ROOT
from tests.helpers.tiny_codec import make_codec, record


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with a model, and recordings of which two cannot be used."""
    folder = tmp_path_factory.mktemp("place")
    save(folder / "my_model_for_many_data.h5", make_codec())
    for seed, name in enumerate(("a", "b", "deep/c", "d", "e")):
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        record(folder / "in" / f"{name}.wav", 9_000 + 4_000 * seed, seed=seed)
    for name in ("b0.wav", "z.wav"):
        (folder / "in" / name).write_text("no sound")
    (folder / "in" / "d.wav").write_bytes((folder / "in" / "d.wav").read_bytes()[:-8_000])
    return folder


@pytest.fixture
def run(place, monkeypatch, capsys):
    """Return a function (*arguments) -> (status, what is printed, on stderr too), run in `place` by this process."""
    monkeypatch.chdir(place)

    def run_here(*arguments):
        monkeypatch.setattr(sys, "argv", ["speech_autoencoder", *map(str, arguments)])
        status = 0
        try:
            commands.main()
        except SystemExit as end:
            status = end.code
        except InputError as error:
            return 2, [], [str(error)]
        captured = capsys.readouterr()
        # Without the progress of a busy machine.
        said = [line for line in captured.out.splitlines() if not line.endswith((" so far)", " left)"))]
        return status, said, captured.err.splitlines()

    return run_here


def files_in(folder):
    """Return {path: bytes} of all files below a folder, hidden ones included."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", [["encode", "in", "--quality", "5", "--salvage"], ["predict", "in"]], ids=" ".join)
def test_commands_on_a_cluster_write_and_say_what_threads_do(run, on_cluster, tmp_path, command):
    status, said, warned = run(*command, "--output-dir", tmp_path / "out")
    expected = files_in(tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "of threads")
    assert run(*command, "--output-dir", tmp_path / "out", "--engine", "dask") == (
        status,
        [f"Working on the Dask cluster at {on_cluster.address}.", *said],
        warned,
    )
    assert files_in(tmp_path / "out") == expected
    assert status == 1
    assert any("left out: in/b0.wav" in line for line in warned)


def test_decode_on_a_cluster_writes_and_says_what_threads_do(run, on_cluster, tmp_path):
    run("encode", "in", "--output-dir", tmp_path / "sae")
    damaged = tmp_path / "sae" / "e.sae"
    damaged.write_bytes(damaged.read_bytes()[:-3])
    done = run("decode", tmp_path / "sae", "--output-dir", tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "of threads")
    again = run("decode", tmp_path / "sae", "--output-dir", tmp_path / "out", "--engine", "dask")
    assert (again[0], again[1][1:], again[2]) == done
    assert files_in(tmp_path / "out") == files_in(tmp_path / "of threads")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in/a.wav"], ["--output-dir"]),
        (["in/a.wav", "--toward", "in/e.wav"], ["--toward", "leave --engine out"]),
    ],
)
def test_predict_of_what_no_engine_divides_is_refused(run, tmp_path, arguments, words):
    status, _, warned = run("predict", *arguments, "--engine", "dask")
    assert status == 2
    assert len(warned) == 1
    assert all(word in warned[0] for word in words)


def test_encode_into_a_folder_that_another_driver_writes_to_is_refused(run, on_cluster, tmp_path):
    code = "import sys, pathlib; from speech_autoencoder.system.files import lock; lock(pathlib.Path(sys.argv[1]))"
    other = subprocess.Popen(
        [sys.executable, "-c", f"{code}; print(flush=True); sys.stdin.read()", tmp_path / "out"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        other.stdout.readline()
        status, _, warned = run("encode", "in", "--output-dir", tmp_path / "out", "--engine", "dask")
        other.stdin.close()
    assert status == 2
    assert warned == [
        f"{tmp_path / 'out'} is being written by another run (process {other.pid}): wait "
        "until it has ended, or write elsewhere."
    ]
