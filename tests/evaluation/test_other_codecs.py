"""Other codecs: delays are found and removed, and their programs code sound that stays in place."""

import os
import re

import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import other_codecs
from speech_autoencoder.evaluation.other_codecs import delay_of, external_codecs, from_raw, to_raw, without_delay
from tests.helpers.common import make_speech, one_line_of

SR = 8_000
CODECS = {codec.name: codec for codec in external_codecs(SR)}


def require(name):
    """Return the codec of this name, or skip the test if it is not installed."""
    codec = CODECS[name]
    if not codec.is_installed():
        pytest.skip(f"needs {codec.package}")
    return codec


def in_16_bits(waveform):
    """Return the waveform as a file of 16 bits holds it."""
    return from_raw(to_raw(waveform))


def test_external_codecs_at_16_khz_have_the_higher_bitrates_too():
    narrow, wide = ({codec.key: codec.settings for codec in external_codecs(sr)} for sr in (8_000, 16_000))
    assert wide == narrow | {"opus": (*narrow["opus"], "16")}


def test_external_codecs_share_no_delays():
    one, other = (external_codecs(SR)[0] for _ in range(2))
    one.delays["1200"] = 7
    assert not other.delays


def test_from_raw_gives_samples_back_and_to_raw_clips_them():
    waveform = in_16_bits(make_speech(999, SR))
    assert np.array_equal(from_raw(to_raw(waveform)), waveform)
    assert from_raw(to_raw(np.array([-2.0, 2.0]))) == pytest.approx([-1, 1], abs=1e-4)


@pytest.mark.parametrize("delay", [-77, 0, 1, 240, 700])
def test_delay_of_a_shifted_signal_is_its_shift(delay):
    originals = [np.pad(make_speech(2 * SR + 40 * i, SR, i), 200) for i in range(3)]
    late = [np.pad(x, (max(delay, 0), 0))[max(-delay, 0) :] for x in originals]
    assert delay_of(originals, late, SR) == delay
    for original, shifted in zip(originals, late, strict=True):
        back = without_delay(shifted, delay, len(original))
        assert len(back) == len(original)
        assert np.array_equal(back[max(-delay, 0) :], original[max(-delay, 0) :])


def test_delay_of_does_not_need_the_phase():
    """Noise as loud as speech in every band, as a codec might replace speech by."""
    speech = make_speech(4 * SR, SR)
    loudness = np.convolve(np.abs(speech), np.ones(80) / 80, "same")
    noise = [np.random.default_rng(seed).standard_normal(len(speech)) * loudness for seed in range(8)]
    late = [np.pad(x, (200, 0)) for x in noise]
    assert delay_of([speech] * 8, late, SR) == pytest.approx(200, abs=16)


@pytest.mark.parametrize("name", CODECS)
def test_as_codec_codes_sound_that_stays_in_place(name):
    codec = require(name)
    files = [in_16_bits(np.pad(make_speech(3 * SR + 333 * seed, SR, seed), (0, SR // 10))) for seed in (0, 1)]
    bits = []
    for setting in (codec.settings[0], codec.settings[-1]):
        coded = codec.as_codec(workers=2).code(setting, files, SR)
        assert [len(x) for x in coded.waveforms] == [len(x) for x in files]
        assert abs(delay_of(files, coded.waveforms, SR)) <= 40  # 5 ms
        bits.append(8 * sum(coded.n_bytes) / (sum(map(len, files)) / SR))
    assert bits[0] < bits[1]
    if name == "Codec 2":
        assert bits == pytest.approx([700, 3_200], rel=0.02)


def test_as_codec_of_another_rate_gives_that_rate_back():
    coded = require("Codec 2").as_codec(workers=1).code("3200", [make_speech(32_001, 16_000)], 16_000)
    assert [len(x) for x in coded.waveforms] == [32_001]


def test_as_codec_opus_of_a_rate_that_it_does_not_decode_to_gives_that_rate_back():
    waveform = make_speech(8_000, 4_000)
    coded = require("Opus").as_codec(workers=1).code("12", [waveform], 4_000)
    assert np.corrcoef(waveform, coded.waveforms[0])[0, 1] > 0.9


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
    monkeypatch.setattr(other_codecs, "_PROGRAM_LIMIT_S", 1)
    with pytest.raises(InputError, match=re.escape(said)) as error:
        external_codecs(SR)[0].as_codec(workers=1).code("1200", [make_speech(SR, SR)], SR)
    one_line_of(error)
