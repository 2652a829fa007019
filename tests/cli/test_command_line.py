"""What the command lines share: one line for what is wrong, quiet libraries, paths that lose nothing."""

import argparse
import errno
import gc
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.cli import command_line as cli
from speech_autoencoder.config import CLASSIC, ModelConfig
from speech_autoencoder.errors import InputError
from tests.helpers.common import ROOT, TINY


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


def ended(main, capsys):
    """(exit status, stdout, stderr) of run(main)."""
    with pytest.raises(SystemExit) as error:
        cli.run(main)
    return error.value.code, *capsys.readouterr()


def raising(error):
    """A main that raises the error."""

    def main():
        raise error

    return main


# ---- how scripts end


def test_run_success_returns(capsys):
    cli.run(lambda: print("done"))
    assert capsys.readouterr() == ("done\n", "")


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
def test_run_error_of_user_is_one_line_and_status_2(error, words, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/some/where/predict_for_one_data.py"])
    status, out, err = ended(raising(error), capsys)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("predict_for_one_data.py: error: ")
    assert words in err
    assert err.rstrip("\n").isprintable()


def test_run_interrupt_is_status_130_and_one_line(capsys):
    status, out, err = ended(raising(KeyboardInterrupt()), capsys)
    assert (status, out) == (130, "")
    assert len(err.splitlines()) == 1


def test_run_interrupt_within_a_library_is_the_same(capsys):
    error = SystemError("<built-in function> returned a result with an exception set")
    error.__cause__ = KeyboardInterrupt()
    assert ended(raising(error), capsys)[0] == 130
    with pytest.raises(SystemError, match="of our own"):
        cli.run(raising(SystemError("of our own")))


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("before", "status", "out", "err"),
    [
        ("", 130, "", "Interrupted; what was not finished is as it was before.\n"),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", 0, "done\n", ""),
    ],
    ids=["SIGTERM", "SIGTERM ignored"],
)
def test_run_told_to_end_ends_as_after_an_interrupt(before, status, out, err):
    code = (
        f"import os, signal; {before}\n"
        "from speech_autoencoder import cli\n"
        "cli.run(lambda: [os.kill(os.getpid(), signal.SIGTERM), print('done')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (status, out, err)


@pytest.mark.skipif(os.name != "posix", reason="closes what POSIX numbers")
def test_run_closed_streams_lead_nowhere_and_not_into_files(tmp_path):
    """The next file that is opened would be number 1, and all that is printed would be written into it."""
    code = (
        "import os, sys\nfrom speech_autoencoder import cli\n"
        "def main():\n"
        "    with open(sys.argv[1], 'w') as file:\n"
        "        print('said')\n        print('failed', file=sys.stderr)\n        os.write(1, b'noise')\n"
        "        file.write('data')\n"
        "cli.run(main)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.txt")]
    assert subprocess.run(command, cwd=ROOT, preexec_fn=lambda: os.closerange(0, 3)).returncode == 0
    assert (tmp_path / "a.txt").read_text() == "data"


def test_run_error_of_ours_keeps_its_traceback():
    """A bug must not hide behind one line."""
    with pytest.raises(ZeroDivisionError):
        cli.run(raising(ZeroDivisionError()))


def test_run_reader_gone_ends_without_a_word():
    code = "from speech_autoencoder import cli\ncli.run(lambda: [print('x' * 999, flush=True) for _ in range(9999)])"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 1


def test_run_what_decoders_write_of_a_damaged_recording_is_not_among_our_lines(tmp_path):
    """libmpg123 writes to the process' stderr, libsndfile to its stdout, past Python."""
    sf.write(tmp_path / "a.mp3", np.random.default_rng(0).normal(0, 0.1, 16_000), 16_000)
    content = bytearray((tmp_path / "a.mp3").read_bytes())
    content[1_000:1_200] = bytes(200)
    (tmp_path / "a.mp3").write_bytes(content)
    code = (
        "import os, sys; from pathlib import Path; from speech_autoencoder import audio, cli\n"
        "def main():\n"
        "    print('ours')\n"
        "    os.write(1, b'theirs')\n"
        "    audio.read(Path(sys.argv[1]))\n"
        "cli.run(main)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-c", code, "a.mp3"]
    done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "ours\n")
    assert done.stderr.startswith("-c: error: a.mp3 is ")
    assert len(done.stderr.splitlines()) == 1


# ---- options


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "-inf", "1e999"])
def test_positive_float_out_of_range_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="not above zero"):
        cli.positive(float)(text)


@pytest.mark.parametrize(("kind", "text", "value"), [(int, "3", 3), (float, "0.5", 0.5), (float, "1e-9", 1e-9)])
def test_positive_number_is_converted(kind, text, value):
    assert cli.positive(kind)(text) == value


@pytest.mark.parametrize(("kind", "text"), [(int, "2.5"), (int, "many"), (float, "")])
def test_positive_no_number_is_refused_by_its_name(kind, text, capsys):
    parser = cli.parser("A test.")
    parser.add_argument("--count", type=cli.positive(kind))
    with pytest.raises(SystemExit) as error:
        parser.parse_args(["--count", text])
    assert error.value.code == 2
    said = capsys.readouterr().err
    assert f"--count: invalid {kind.__name__} value: '{text}'" in said
    assert len(said.splitlines()) == 1


def test_parser_help_shows_defaults(capsys):
    parser = cli.parser("What it does.")
    parser.add_argument("--model", default=Path("a.h5"), help="the model")
    parser.add_argument("--seed", default=0, help="the seed")
    parser.add_argument("--epochs", help="no default")
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    text = capsys.readouterr().out
    assert "What it does." in text
    assert "(default: a.h5)" in text
    assert "(default: 0)" in text
    assert text.count("default:") == 2
    assert "--quiet" in text


@pytest.mark.parametrize("name", ["model.keras", "model", "model.h5.txt", ".h5", "model.H5"])
def test_require_suffix_other_is_refused(name):
    with pytest.raises(InputError, match=r"does not end in \.h5"):
        cli.require_suffix(Path(name), ".h5")


def test_require_suffix_same_passes():
    cli.require_suffix(Path("a.b/model.v2.h5"), ".h5")


# ---- where reconstructions go


def test_output_paths_one_recording_goes_to_output():
    assert cli.output_paths([Path("a/in.flac")], Path("out.wav"), None) == [Path("out.wav")]


def test_output_paths_folder_keeps_names_in_order():
    paths = [Path("b/two.flac"), Path("a/one.mp3"), Path("three.x.wav")]
    expected = [Path("out/two.wav"), Path("out/one.wav"), Path("out/three.x.wav")]
    assert cli.output_paths(paths, Path("unused.wav"), Path("out")) == expected


def test_output_paths_many_without_folder_are_refused():
    with pytest.raises(InputError, match="2 recordings need --output-dir"):
        cli.output_paths([Path("a.wav"), Path("b.wav")], Path("out.wav"), None)


def test_output_paths_two_of_one_stem_are_refused():
    with pytest.raises(InputError, match=r"b/x\.flac and a/x\.wav would both become out/x\.wav"):
        cli.output_paths([Path("a/x.wav"), Path("b/x.flac")], Path("unused.wav"), Path("out"))


def test_output_paths_recording_that_would_be_replaced_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for args in (
        ([Path("a.wav")], Path("a.wav"), None),
        ([Path("a.wav")], Path("x/../a.wav"), None),
        ([tmp_path / "a.wav"], Path("a.wav"), None),
        ([Path("a.wav")], Path("unused.wav"), Path()),
        ([Path("b.wav"), Path("c/a.flac"), Path("a.wav")][1:], Path("unused.wav"), Path()),
    ):
        with pytest.raises(InputError, match=r"a\.wav is a recording to reconstruct|would both become a\.wav"):
            cli.output_paths(*args)


def test_output_paths_link_to_a_recording_is_refused(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"sound")
    (tmp_path / "out.wav").symlink_to(tmp_path / "a.wav")
    with pytest.raises(InputError, match="would be lost"):
        cli.output_paths([tmp_path / "a.wav"], tmp_path / "out.wav", None)


# ---- what is said


def test_sayer_says_each_line_on_stdout(capsys):
    cli.sayer(False)("a line")
    assert capsys.readouterr() == ("a line\n", "")


def test_sayer_quiet_says_nothing(capsys):
    cli.sayer(True)("a line")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("stream", "quiet", "shown"),
    [(io.StringIO, False, False), (Terminal, False, True), (Terminal, True, False)],
    ids=["no terminal", "terminal", "quiet on a terminal"],
)
def test_bars_are_shown_on_a_terminal_alone(stream, quiet, shown, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream())
    bar = cli.bar(quiet, "training")(10)
    wrapped = cli.progress(quiet, "features")(range(3), 3)
    assert (not bar.disable, not wrapped.disable) == (shown, shown)
    assert list(wrapped) == [0, 1, 2]
    bar.update()
    bar.close()


def test_bars_of_what_is_done_at_once_leave_no_trace(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(cli.progress(False, "features")(range(3), 3)) == [0, 1, 2]
    assert stream.getvalue().strip() == ""


@pytest.mark.parametrize("threads", [(1, 1), (3, 2), None])
def test_start_tensorflow_with_these_threads_whatever_the_environment_says(threads):
    code = (
        f"from speech_autoencoder import cli; cli.start_tensorflow(print, threads={threads});"
        "import tensorflow; threading = tensorflow.config.threading;"
        "print((threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads()))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_NUM_INTRAOP_THREADS": "7", "TF_NUM_INTEROP_THREADS": "7"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(threads or (0, 0))


def test_start_tensorflow_within_a_quota_has_as_many_threads():
    code = (
        "from speech_autoencoder import cli; cli.available_cpus = lambda: 3; cli.processors = lambda: 64;"
        "cli.start_tensorflow(print); import tensorflow; threading = tensorflow.config.threading;"
        "print(threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "3 3"


def test_start_tensorflow_greets_nobody():
    code = (
        "from speech_autoencoder import cli\n"
        "def main():\n"
        "    cli.start_tensorflow(print)\n"
        "    import tensorflow\n"
        "    tensorflow.zeros(1)  # the first operation starts the device, which greets too\n"
        "cli.run(main)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Starting TensorFlow ...\n", "")


def test_start_tensorflow_garbage_is_collected_afterwards():
    cli.start_tensorflow(lambda text: None)
    assert gc.isenabled()


def test_name_left_out_gives_each_reason_or_nothing():
    lines = []
    cli.name_left_out([], "left out", lines.append)
    assert lines == []
    cli.name_left_out([("a.wav", "a.wav is empty"), ("b.wav", "b.wav is text")], "left out", lines.append)
    assert "2 recordings" in lines[0]
    assert [line.strip() for line in lines[1:]] == ["a.wav is empty", "b.wav is text"]


def test_name_left_out_reason_without_the_name_gets_it():
    lines = []
    left_out = [("a.wav", "too short"), ("new\nline\udcff.wav", "too short"), ("b\n.wav", "b\n.wav has changed")]
    cli.name_left_out(left_out, "not scored", lines.append)
    assert [line.strip() for line in lines[1:]] == [
        "a.wav: too short",
        r"new\nline\udcff.wav: too short",
        r"b\n.wav has changed",
    ]


def test_describe_latent_says_how_much_smaller_it_is():
    lines = []
    cli.describe_latent(CLASSIC, ModelConfig(128, 8, 128), lines.append)
    assert "128 numbers for 8 frames, 689 a second" in lines[0]
    assert "5,512 a second, 8.0 times" in lines[0]
    cli.describe_latent(TINY, ModelConfig(16, 8, 4), lines.append)
    assert "4 numbers for 8 frames, 62 a second" in lines[1]


def test_total_duration_text_is_refused_by_name(tmp_path):
    (tmp_path / "a.wav").write_text("no sound")
    with pytest.raises(InputError, match=r"a\.wav"):
        cli.total_duration_s([tmp_path / "a.wav"])
