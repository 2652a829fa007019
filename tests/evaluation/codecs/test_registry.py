"""Other codecs: they code sound that stays in place, count the bits that are its own, and say why they fail."""

import os
import re
import signal

import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.codecs import ffmpeg_codecs, programs
from speech_autoencoder.evaluation.codecs.alignment import delay_of
from speech_autoencoder.evaluation.codecs.codec import describe_missing, install_command
from speech_autoencoder.evaluation.codecs.registry import external_codecs
from speech_autoencoder.evaluation.codecs.sixteen_bits import from_raw, to_raw
from tests.helpers.common import make_speech, one_line_of

SR = 8_000
CODECS = {codec.name: codec for codec in external_codecs(SR)}


def require(name):
    """Return the codec of this name, or skip the test if it is not installed."""
    codec = CODECS[name]
    if not codec.is_installed():
        pytest.skip(f"needs {codec.package}")
    return codec


def test_external_codecs_at_16_khz_have_the_higher_bitrates_too():
    narrow, wide = ({codec.key: codec.settings for codec in external_codecs(sr)} for sr in (8_000, 16_000))
    assert wide == narrow | {"opus": (*narrow["opus"], "16")}


def test_external_codecs_share_no_delays():
    one, other = (external_codecs(SR)[0] for _ in range(2))
    one.delays["1200"] = 7
    assert not other.delays


@pytest.mark.parametrize(("sr", "rate"), [(4_000, 8_000), (8_000, 8_000), (22_050, 24_000), (96_000, 48_000)])
def test_rate_for_keeps_the_band_of_the_sound(sr, rate):
    assert (CODECS["Opus"].rate_for(sr), CODECS["AMR-NB"].rate_for(sr)) == (rate, 8_000)


def test_describe_missing_says_in_one_line_what_installs_which():
    missing = [(name, install_command(CODECS[name].package)) for name in ("Codec 2", "Opus", "AMR-NB")]
    assert describe_missing(missing) == (
        "Not installed, and left out: Codec 2 (apt install codec2); Opus, AMR-NB (pip install '.[formats]')."
    )


@pytest.mark.parametrize("name", CODECS)
def test_as_codec_codes_sound_that_stays_in_place(name):
    codec = require(name)
    files = [from_raw(to_raw(np.pad(make_speech(3 * SR + 333 * seed, SR, seed), (0, SR // 10)))) for seed in (0, 1)]
    bits = []
    for setting in dict.fromkeys((codec.settings[0], codec.settings[-1])):
        coded = codec.as_codec(workers=2).code(setting, files, SR)
        assert [len(x) for x in coded.waveforms] == [len(x) for x in files]
        assert abs(delay_of(files, coded.waveforms, SR)) <= 30  # 4 ms
        bits.append(8 * sum(coded.n_bytes) / (sum(map(len, files)) / SR))
    nominal = {"Codec 2": [450, 3_200], "AMR-NB": [4_750, 12_200], "G.723.1": [6_300]}
    assert bits == (pytest.approx(nominal[name], rel=0.02) if name in nominal else sorted(bits))


@pytest.mark.parametrize("name", ["Opus", "G.723.1"])
def test_as_codec_of_pyav_keeps_the_waveform(name):
    """Where the delay is not made up for to the sample, hardly anything correlates."""
    codec, speech = require(name), from_raw(to_raw(np.pad(make_speech(3 * SR, SR), (0, SR // 10))))
    (decoded,) = codec.as_codec(workers=1).code(codec.settings[-1], [speech], SR).waveforms
    assert np.corrcoef(speech, decoded)[0, 1] > 0.8


def test_as_codec_of_another_rate_gives_that_rate_back():
    coded = require("AMR-NB").as_codec(workers=1).code("12.2", [make_speech(32_001, 16_000)], 16_000)
    assert [len(x) for x in coded.waveforms] == [32_001]


def test_as_codec_opus_of_a_rate_that_it_does_not_take_gives_that_rate_back():
    waveform = make_speech(8_000, 4_000)
    coded = require("Opus").as_codec(workers=1).code("12", [waveform], 4_000)
    assert np.corrcoef(waveform, coded.waveforms[0])[0, 1] > 0.8


def crash(*args):
    """End the process, as native code does."""
    os.kill(os.getpid(), signal.SIGSEGV)


@pytest.mark.skipif(os.name == "nt", reason="it has other signals")
def test_code_library_that_crashes_is_an_error(monkeypatch):
    monkeypatch.setattr(ffmpeg_codecs, "_in_child", crash)
    with pytest.raises(InputError, match="FFmpeg crashed: segmentation fault") as error:
        CODECS["Opus"].as_codec(workers=1).code("6", [make_speech(SR, SR)], SR)
    one_line_of(error)


@pytest.mark.skipif(os.name == "nt", reason="its programs are scripts of a shell")
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("kill -SEGV $$", "c2enc failed (segmentation fault)"),
        ("exit 3", "c2enc failed (status 3)"),
        ("echo no such mode >&2; exit 1", "c2enc failed (no such mode)"),
        ("exec sleep 60", "c2enc did not end within 1 s"),
        ("exit 0", "Codec 2 wrote no sound that can be read"),
    ],
)
def test_code_program_that_fails_is_an_error(script, said, tmp_path, monkeypatch):
    for name in ("c2enc", "c2dec"):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(programs, "_LIMIT_S", 1)
    with pytest.raises(InputError, match=re.escape(said)) as error:
        external_codecs(SR)[0].as_codec(workers=1).code("1200", [make_speech(SR, SR)], SR)
    one_line_of(error)
