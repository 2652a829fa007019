"""PESQ, ViSQOL and DNSMOS: the highest for the same, worse with noise, NaN where nothing can be said."""

import math

import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.metrics import quality
from speech_autoencoder.evaluation.metrics.metric import Sound, SoundPair
from tests.helpers.common import make_speech, one_line_of

SR = 8_000
SPEECH = make_speech(3 * SR, SR)
NOISE = np.random.default_rng(0).standard_normal(len(SPEECH)).astype(np.float32)


def noisy(snr_db):
    """Return the speech with white noise."""
    return SPEECH + NOISE * np.float32(np.std(SPEECH) / np.std(NOISE) * 10 ** (-snr_db / 20))


def pesq(*arguments):
    """Return PESQ; skip the test where the extra that it needs is not installed."""
    pytest.importorskip("pesq")
    return quality.pesq(*arguments)


def test_pesq_identical_is_the_highest():
    assert pesq(SPEECH, SPEECH, SR, "nb") == pytest.approx(4.549, abs=0.001)
    assert pesq(SPEECH, SPEECH, 2 * SR, "wb") == pytest.approx(4.644, abs=0.001)


def test_pesq_more_noise_is_worse():
    scores = [pesq(SPEECH, noisy(snr_db), SR, "nb") for snr_db in (50, 30, 20, 10)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1] + 1


def test_pesq_equals_the_package_at_the_rate_of_its_mode():
    package = pytest.importorskip("pesq")
    assert pesq(SPEECH, noisy(15), 8_000, "nb") == pytest.approx(package.pesq(8_000, SPEECH, noisy(15), "nb"))
    assert pesq(SPEECH, noisy(15), 16_000, "wb") == pytest.approx(package.pesq(16_000, SPEECH, noisy(15), "wb"))


def test_pesq_no_utterance_is_nan():
    pytest.importorskip("pesq")
    silent = np.zeros_like(SPEECH)
    for reference, estimate in ((silent, SPEECH), (silent, silent), (NOISE[:100], NOISE[:100])):
        assert math.isnan(pesq(reference, estimate, SR, "nb"))


def test_pesq_silent_estimate_is_the_worst():
    pytest.importorskip("pesq")
    assert pesq(SPEECH, np.zeros_like(SPEECH), SR, "nb") == 1


def test_pesq_long_sound_with_many_pauses_is_the_mean_of_parts():
    # Above 50 utterances the package itself crashes.
    pytest.importorskip("pesq")
    talk = 0.1 * np.tile(np.pad(NOISE[: SR // 4], (0, SR // 4)), 90)
    estimate = talk + 0.01 * np.resize(NOISE, len(talk))
    score = pesq(talk, estimate, SR, "nb")
    assert score == pytest.approx(pesq(talk[: 15 * SR], estimate[: 15 * SR], SR, "nb"), abs=0.3)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.abort()", "pesq crashed: aborted"),
        ("import signal; signal.raise_signal(signal.SIGSEGV)", "pesq crashed: segmentation fault"),
        ("import os; os._exit(0)", "pesq ended its process with status 0"),
        ("import time; time.sleep(60)", "pesq gave no answer within 1 s"),
        ("raise ImportError('made for another NumPy')", "pesq failed: ImportError: made for another NumPy"),
        ("PesqError = ValueError; pesq = 'none'", "pesq failed: TypeError"),
    ],
)
def test_pesq_whose_package_ends_its_process_is_a_failure(code, said, stub, monkeypatch):
    stub("pesq", code)
    monkeypatch.setattr(quality, "_PESQ_LIMIT_S", 1 if "sleep" in code else 60)
    sound = Sound(SPEECH, SR)
    measured = quality.PESQ_NB.measure(SoundPair(sound, sound))
    assert not measured.is_known
    assert said in measured.failure


def test_pesq_and_dnsmos_split_what_is_long(stub):
    stub("pesq", "PesqError = ValueError\ndef pesq(sr, reference, estimate, mode): return len(reference) / sr")
    stub("speechmos", "class dnsmos:\n    run = staticmethod(lambda sound, sr: {'ovrl_mos': len(sound) / sr})")
    for seconds, parts, dnsmos_parts in ((3, 1, 1), (15, 1, 1), (16, 2, 1), (60, 4, 1), (61, 5, 2)):
        sound = np.tile(SPEECH[:SR], seconds)
        assert quality.pesq(sound, sound, SR, "nb") == pytest.approx(seconds / parts, rel=1e-3)
        assert quality.dnsmos(sound, SR) == pytest.approx(seconds / dnsmos_parts, rel=1e-3)


VISQOL = """
from types import SimpleNamespace

class VisqolApi:
    def create(self, mode, use_lattice_model):
        assert (mode, use_lattice_model) == ("speech", True)

    def measure_from_arrays(self, reference, estimate, sr):
        assert reference.dtype == estimate.dtype == "float64" and sr == 16_000
        return SimpleNamespace(moslqo=len(reference) / sr)
"""


def test_visqol_splits_what_is_long_and_gives_silence_no_chance(stub):
    stub("visqol", VISQOL)
    for seconds, parts in ((3, 1), (16, 2)):
        sound = np.tile(SPEECH[:SR], seconds)
        assert quality.visqol(sound, sound, SR) == pytest.approx(seconds / parts, rel=1e-3)
    assert quality.visqol(SPEECH, 0 * SPEECH, SR) == 1
    assert math.isnan(quality.visqol(0 * SPEECH, SPEECH, SR))
    with pytest.raises(InputError, match="cut them"):
        quality.visqol(SPEECH, SPEECH[:-1], SR)


def test_visqol_more_noise_is_worse():
    if not quality.has_visqol():
        pytest.skip("visqol-python is not installed")
    scores = [quality.visqol(SPEECH, noisy(snr_db), SR) for snr_db in (60, 30, 10)]
    assert 1 <= scores[2] < scores[1] < scores[0] <= quality.visqol(SPEECH, SPEECH, SR) <= 5


def test_pesq_silent_parts_do_not_count(stub):
    stub("pesq", "PesqError = ValueError\ndef pesq(sr, reference, estimate, mode): return 3.0")
    long = np.concatenate([np.tile(SPEECH, 5), np.zeros(15 * SR, np.float32)])
    assert quality.pesq(long, long, SR, "nb") == 3
    # The estimate alone is silent: the worst score.
    assert quality.pesq(long[::-1], np.where(np.arange(len(long)) < 15 * SR, long, 0), SR, "nb") == 1


def test_dnsmos_is_in_its_range_and_nan_for_silence():
    if not quality.has_dnsmos():
        pytest.skip("speechmos is not installed")
    clean, worse = quality.dnsmos(SPEECH, SR), quality.dnsmos(noisy(-10), SR)
    assert 1 <= worse <= 5
    assert 1 <= clean <= 5
    assert math.isnan(quality.dnsmos(0 * SPEECH, SR))


def test_pesq_lengths_differ_is_refused():
    with pytest.raises(InputError, match=r"The reference is \(24000,\), the estimate \(23999,\): cut them") as error:
        pesq(SPEECH, SPEECH[:-1], SR, "nb")
    one_line_of(error)
