"""How command lines end: one line for what is wrong, quiet libraries, streams, signals."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf
from threadpoolctl import threadpool_info, threadpool_limits

from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.errors import InputError
from tests.helpers.common import ROOT


def ended(main, capsys):
    """Return (exit status, stdout, stderr) of run_main(main)."""
    with pytest.raises(SystemExit) as error:
        run_main(main)
    return error.value.code, *capsys.readouterr()


def raising(error):
    """Return a main that raises the error."""

    def main():
        raise error

    return main


def test_run_main_success_returns(capsys):
    run_main(lambda: print("done"))
    assert capsys.readouterr() == ("done\n", "")


def test_run_main_error_that_quotes_a_url_shows_no_credentials(capsys):
    error = InputError("unrecognized arguments: s3://KEY:se/cret@bucket/a https://host/b.wav?token=secret&x=1")
    _, _, stderr = ended(raising(error), capsys)
    assert stderr.endswith("error: unrecognized arguments: s3://bucket/a https://host/b.wav\n")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InputError("train_data.npy is missing: run train_data_generator.py first."), "is missing: run"),
        (InputError("two\nlines\r\nof  text"), "two lines of text"),
        (InputError("\x1b[2Jnames may hold anything\x07"), "names may hold anything"),
        (InputError("caf\udce9.wav is empty"), ".wav is empty"),
        (PermissionError(errno.EACCES, "Permission denied", "out.wav"), "out.wav: permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError("something without a number"), "OSError"),
        (FileNotFoundError(errno.ENOENT, "No such file", b"bytes.wav"), "no such file"),
        (MemoryError(), "memory"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_run_main_error_of_user_is_one_line_and_status_2(error, words, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/some/where/predict_for_one_data.py"])
    status, out, err = ended(raising(error), capsys)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("predict_for_one_data.py: error: ")
    assert words in err
    assert err.rstrip("\n").isprintable()


def test_run_main_interrupt_is_status_130_and_one_line(capsys):
    status, out, err = ended(raising(KeyboardInterrupt()), capsys)
    assert (status, out) == (130, "")
    assert len(err.splitlines()) == 1


def test_run_main_interrupt_within_a_library_is_the_same(capsys):
    error = SystemError("<built-in function> returned a result with an exception set")
    error.__cause__ = KeyboardInterrupt()
    assert ended(raising(error), capsys)[0] == 130
    with pytest.raises(SystemError, match="of our own"):
        run_main(raising(SystemError("of our own")))


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("before", "status", "out", "err"),
    [
        ("", 130, "", "Interrupted. Unfinished outputs were left unchanged.\n"),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", 0, "done\n", ""),
    ],
    ids=["SIGTERM", "SIGTERM ignored"],
)
def test_run_main_told_to_end_ends_as_after_an_interrupt(before, status, out, err):
    code = (
        f"import os, signal; {before}\n"
        "from speech_autoencoder.cli.process import run_main\n"
        "run_main(lambda: [os.kill(os.getpid(), signal.SIGTERM), print('done')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (status, out, err)


@pytest.mark.skipif(os.name != "posix", reason="closes what POSIX numbers")
def test_run_main_closed_streams_lead_nowhere_and_not_into_files(tmp_path):
    """The next file that is opened would be number 1, and all that is printed would be written into it."""
    code = (
        "import os, sys\nfrom speech_autoencoder.cli.process import run_main\n"
        "def main():\n"
        "    with open(sys.argv[1], 'w') as file:\n"
        "        print('said')\n        print('failed', file=sys.stderr)\n        os.write(1, b'noise')\n"
        "        file.write('data')\n"
        "run_main(main)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.txt")]
    assert subprocess.run(command, cwd=ROOT, preexec_fn=lambda: os.closerange(0, 3)).returncode == 0
    assert (tmp_path / "a.txt").read_text() == "data"


def test_run_main_error_of_ours_keeps_its_traceback():
    """A bug must not hide behind one line."""
    with pytest.raises(ZeroDivisionError):
        run_main(raising(ZeroDivisionError()))


def test_run_main_reader_gone_ends_without_a_word():
    code = (
        "from speech_autoencoder.cli.process import run_main\n"
        "run_main(lambda: [print('x' * 999, flush=True) for _ in range(9999)])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 1


def test_run_main_what_decoders_write_of_a_damaged_recording_is_not_among_our_lines(tmp_path):
    """libmpg123 writes to the process' stderr, libsndfile to its stdout, past Python."""
    sf.write(tmp_path / "a.mp3", np.random.default_rng(0).normal(0, 0.1, 16_000), 16_000)
    content = bytearray((tmp_path / "a.mp3").read_bytes())
    content[1_000:1_200] = bytes(200)
    (tmp_path / "a.mp3").write_bytes(content)
    code = (
        "import os, sys; from pathlib import Path; from speech_autoencoder.audio.reading import read\n"
        "from speech_autoencoder.cli.process import run_main\n"
        "def main():\n"
        "    print('ours')\n"
        "    os.write(1, b'theirs')\n"
        "    read(Path(sys.argv[1]))\n"
        "run_main(main)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-c", code, "a.mp3"]
    done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "ours\n")
    assert done.stderr.startswith("-c: error: a.mp3 is ")
    assert len(done.stderr.splitlines()) == 1


def test_blas_threads_of_overlapping_threads_are_put_back_by_the_last():
    def counts():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):
        before = counts()
        first, second = blas_threads(1), blas_threads(1)
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert set(counts()) == {1}
        second.__exit__(None, None, None)
        assert counts() == before
        assert set(before) != {1}
