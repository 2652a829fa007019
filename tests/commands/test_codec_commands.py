"""The commands encode and decode, in processes of their own, and a prediction from a .sae file."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile as sf

from speech_autoencoder import __main__ as commands
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.recording_codec import encode_recording
from speech_autoencoder.config import DEFAULT_BITRATE, LatentSearchConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.training.saving import save
from tests.helpers.common import OFFLINE, ROOT, assert_refused, make_speech, names_in, refused, run_script
from tests.helpers.tiny_codec import make_codec, record


def run(*arguments, cwd, **environment):
    """Return the finished process of python -m speech_autoencoder."""
    return subprocess.run(
        [sys.executable, str(OFFLINE), sys.executable, "-m", "speech_autoencoder", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"} | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=200,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with a codec's model that is worth several threads, a model without a codec, and recordings."""
    folder = tmp_path_factory.mktemp("place")
    model = make_codec(width=128)
    save(folder / "my_model_for_many_data.h5", model)
    save(folder / "bare.h5", replace(model, entropy=None))
    (folder / "in" / "deep").mkdir(parents=True)
    record(folder / "in" / "a.wav", 60_000)
    record(folder / "in" / "deep" / "b.wav", 9_000, 16_000)
    return folder


@pytest.fixture(scope="module")
def encoded(place):
    """Return the finished process of `encode in/a.wav a.sae`, run in `place`."""
    return run("encode", "in/a.wav", "a.sae", "--bitrate", "1.1", cwd=place)


def test_encode_command_says_what_it_wrote(place, encoded):
    assert encoded.returncode == 0, encoded.stderr
    assert encoded.stderr == ""
    size, original = (place / "a.sae").stat().st_size, (place / "in" / "a.wav").stat().st_size
    (line,) = [line for line in encoded.stdout.splitlines() if line.startswith("Wrote a.sae")]
    assert f"{size:,} bytes for 7.50 s" in line
    assert f"{8 * size / 7_500:.2f} kbit/s" in line
    assert f"{original / size:.1f} times smaller than in/a.wav ({original:,} bytes)" in line
    assert re.search(r"quality step \d\.$", line)


def test_commands_need_no_tensorflow(place, encoded, without_tensorflow, tmp_path):
    options = ("--model", place / "my_model_for_many_data.h5")
    source = place / "in" / "a.wav"
    done = run("encode", source, "a.sae", "--bitrate", "1.1", *options, cwd=tmp_path, **without_tensorflow)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "a.sae").read_bytes() == (place / "a.sae").read_bytes()
    done = run("decode", "a.sae", "back.wav", *options, cwd=tmp_path, **without_tensorflow)
    assert (done.returncode, done.stderr) == (0, "")


def test_decode_command_is_the_same_to_the_bit_in_every_process(place, encoded):
    """However many threads the machine has to offer."""
    sounds = []
    for number, threads in enumerate(("1", "7")):
        done = run(
            "decode",
            "a.sae",
            f"back{number}.wav",
            cwd=place,
            OMP_NUM_THREADS=threads,
            OPENBLAS_NUM_THREADS=threads,
        )
        assert done.returncode == 0, done.stderr
        assert f"Wrote back{number}.wav: 7.50 s at 8,000 Hz." in done.stdout
        sounds.append((place / f"back{number}.wav").read_bytes())
    assert sounds[0] == sounds[1]
    assert sf.info(place / "back0.wav").frames == 60_000


@pytest.fixture
def command(place, monkeypatch, capsys):
    """Return a function (*arguments) -> what a command prints, run in `place` by this process."""
    monkeypatch.chdir(place)

    def run_here(*arguments):
        monkeypatch.setattr(sys, "argv", ["speech_autoencoder", *map(str, arguments)])
        commands.main()
        return capsys.readouterr().out

    return run_here


def test_commands_take_folders(command, place, tmp_path):
    said = command("encode", "in", "--output-dir", tmp_path / "small", "--quality", 2)
    report = r"Wrote 2 files to .*small: .* times smaller than the recordings \(138,088 bytes\); quality step 2\."
    assert re.search(report, said)
    assert (tmp_path / "small" / "a.sae").exists()
    assert command("decode", tmp_path / "small", "--output-dir", tmp_path / "back", "--quiet") == ""
    for name in ("a.wav", "deep/b.wav"):
        there, back = sf.info(place / "in" / name), sf.info(tmp_path / "back" / name)
        assert (there.samplerate, there.frames) == (back.samplerate, back.frames)


def test_commands_without_output_write_beside(command, place, tmp_path):
    path = tmp_path / "one.two.flac"
    sf.write(path, make_speech(8_000, 8_000), 8_000)
    command("encode", path)
    command("decode", tmp_path / "one.two.sae")
    assert names_in(tmp_path) == ["one.two.flac", "one.two.sae", "one.two.wav"]


def test_encode_command_default_bitrate_is_kept(command, tmp_path):
    command("encode", "in/a.wav", tmp_path / "x.sae")
    command("encode", "in/a.wav", tmp_path / "y.sae", "--bitrate", DEFAULT_BITRATE)
    assert (tmp_path / "x.sae").read_bytes() == (tmp_path / "y.sae").read_bytes()
    assert 8 * (tmp_path / "x.sae").stat().st_size <= DEFAULT_BITRATE * 7_500


def test_encode_command_without_search_codes_the_latents_of_the_encoder(place, command, tmp_path):
    command("encode", "in/a.wav", tmp_path / "x.sae", "--quality", 5, "--no-search")
    command("encode", "in/a.wav", tmp_path / "y.sae", "--quality", 5)
    encoder = Encoder(make_codec(width=128), LatentSearchConfig(steps=0))
    encode_recording(place / "in" / "a.wav", encoder, tmp_path / "same.sae", quality=5)
    assert (tmp_path / "x.sae").read_bytes() == (tmp_path / "same.sae").read_bytes()
    assert (tmp_path / "y.sae").read_bytes() != (tmp_path / "same.sae").read_bytes()


def test_encode_command_too_little_bitrate_is_said(command, tmp_path):
    said = command("encode", "in/a.wav", "--output", tmp_path / "x.sae", "--bitrate", "0.01")
    assert "1 of 1 recording takes more than 0.01 kbit/s even at the coarsest" in said


def test_encode_command_more_bitrate_than_the_finest_step_takes_is_said(command, tmp_path):
    said = command("encode", "in/a.wav", "--output", tmp_path / "x.sae", "--bitrate", "1000")
    assert "1 of 1 recording takes less than the 1000 kbit/s that were asked for: the finest quality step needs" in said
    said = command("encode", "in/a.wav", "--output", tmp_path / "x.sae", "--quality", "2")
    assert "asked for" not in said


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["encode", "in/a.wav", "x.sae"], "speech-autoencoder train --codec"),
        (["decode", "a.sae", "x.wav"], "name the very model that the files were encoded with (--model)"),
    ],
)
def test_commands_model_without_entropy_model_is_refused(command, place, encoded, arguments, word):
    refused("bare.h5 has no entropy model", word, do=lambda: command(*arguments, "--model", "bare.h5"))
    assert not (place / arguments[2]).exists()


def test_decode_command_without_its_model_does_not_advise_to_train_one(command, place, encoded):
    def decode():
        command("decode", "a.sae", "x.wav", "--model", "gone.h5")

    refused("gone.h5 is missing: name the very model", "not even one that is trained anew", do=decode)
    with pytest.raises(InputError) as error:
        decode()
    assert "autoencoder_for_many_data.py" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["COMMAND"]),
        (["encode"], ["IN"]),
        (["encode", "nothing.wav"], ["nothing.wav"]),
        (["encode", "in"], ["in is a folder", "--output-dir"]),
        (["encode", "in/a.wav", "in/deep/b.wav"], ["2 files", "need --output-dir"]),
        (["encode", "in/a.wav", "--output", "a.mp3"], ["a.mp3 does not end in .sae"]),
        (["encode", "in/a.wav", "--bitrate", "0"], ["not above zero"]),
        (["encode", "in/a.wav", "--bitrate", "1", "--quality", "1"], ["not allowed with"]),
        (["encode", "in/a.wav", "--output", "x.sae", "--output-dir", "x"], ["not allowed with"]),
        (["decode", "in/a.wav"], ["lost"]),
        (["decode", "in"], ["holds no .sae file"]),
        (["decode", "bare.h5", "x.wav"], ["bare.h5", "not a .sae file"]),
    ],
)
def test_commands_refuse_at_once(place, arguments, words):
    assert_refused(run(*arguments, cwd=place, PYTHONDONTWRITEBYTECODE="1"), *words)


@pytest.mark.parametrize(
    "arguments",
    [["a.sae"], ["a.sae", "--output-dir", "."], ["a.sae", "a.wav"], [".", "--output-dir", "../here"]],
)
def test_decode_command_replaces_no_recording(command, place, encoded, tmp_path, monkeypatch, arguments):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("a.sae").write_bytes((place / "a.sae").read_bytes())
    recording = (place / "in" / "a.wav").read_bytes()
    Path("a.wav").write_bytes(recording)
    decode = ["decode", *arguments, "--model", place / "my_model_for_many_data.h5"]
    refused("a.wav exists and was not made by this program", "--overwrite", do=lambda: command(*decode))
    assert Path("a.wav").read_bytes() == recording
    command(*decode, "--overwrite")
    decoded = Path("a.wav").read_bytes()
    assert decoded != recording
    command(*decode)  # what it has made itself, it replaces
    assert Path("a.wav").read_bytes() == decoded
    assert names_in(tmp_path / "here") == ["a.sae", "a.wav"]


def test_predict_by_way_of_a_file(place, tmp_path):
    options = ["--model", place / "my_model_for_many_data.h5", "--no-show", "--bitrate", "1.1"]
    done = run_script("predict_for_one_data", place / "in" / "a.wav", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert names_in(tmp_path) == ["reconstruct.png", "reconstruct.sae", "reconstruct.wav"]
    size = (tmp_path / "reconstruct.sae").stat().st_size
    assert f"Wrote reconstruct.sae: {size:,} bytes for 7.50 s" in done.stdout
    decoded = run(
        "decode", "reconstruct.sae", "again.wav", "--model", place / "my_model_for_many_data.h5", cwd=tmp_path
    )
    assert decoded.returncode == 0, decoded.stderr
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "reconstruct.wav").read_bytes()


def test_predict_by_way_of_a_file_needs_an_entropy_model(place, tmp_path):
    done = run_script(
        "predict_for_one_data", place / "in" / "a.wav", "--model", place / "bare.h5", "--bitrate", "3", cwd=tmp_path
    )
    assert_refused(done, "bare.h5 has no entropy model", "--codec")
    assert names_in(tmp_path) == []
