"""The registry holds every metric once, and each is as its record says."""

import importlib

import numpy as np
import pytest

from speech_autoencoder.config import CLASSIC
from speech_autoencoder.evaluation.metrics.metric import LabelPair, LogMelPair, Metric, Sound, SoundPair
from speech_autoencoder.evaluation.metrics.registry import METRICS, available, measure_sound
from tests.helpers.common import ROOT, make_speech

SR = 16_000
SPEECH = make_speech(2 * SR, SR)
FRAMES = np.random.default_rng(0).random((128, 40), np.float32)
SAME = {
    SoundPair: SoundPair(Sound(SPEECH, SR), Sound(SPEECH, SR)),
    LogMelPair: LogMelPair(FRAMES, FRAMES, CLASSIC),
    LabelPair: LabelPair("one", "one"),
}
FOLDER = ROOT / "speech_autoencoder" / "evaluation" / "metrics"


def test_registry_lists_every_metric_of_its_folder():
    found = set()
    for path in FOLDER.glob("*.py"):
        module = importlib.import_module(f"speech_autoencoder.evaluation.metrics.{path.stem}")
        found |= {value.key for value in vars(module).values() if isinstance(value, Metric)}
    assert found == set(METRICS)


@pytest.mark.parametrize("key", METRICS)
def test_metric_identical_is_the_best(key):
    metric = METRICS[key]
    if not metric.is_installed():
        pytest.skip(f"needs the extra {metric.extra}")
    measurement = metric.measure(SAME[metric.pair])
    assert measurement.is_known
    assert measurement.value == 0 if not metric.higher_is_better else measurement.value > 0.99
    average = measurement.total / measurement.weight
    assert (np.sqrt(average) if metric.is_root else average) == pytest.approx(measurement.value)


def test_available_low_rate_has_no_wideband_metric():
    for sr in (8_000, 16_000):
        keys = {metric.key for metric in available(SoundPair, "segments", sr)}
        assert {"stoi", "estoi"} <= keys
        assert ("pesq_wb" in keys) == (sr == 16_000 and METRICS["pesq_wb"].is_installed())


def test_measure_sound_has_the_installed_metrics_of_the_keys():
    found = measure_sound(Sound(SPEECH, SR), Sound(0.5 * SPEECH, SR), ("estoi", "level_db"))
    assert list(found) == ["estoi", "level_db"]
    assert found["level_db"].value == pytest.approx(-6.02, abs=0.01)
