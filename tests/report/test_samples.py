"""The recordings to listen to: which ones, which part, and how many bytes."""

import re

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import CLASSIC, LatentSearchConfig
from speech_autoencoder.data import building, dataset
from speech_autoencoder.evaluation.results import Measurements, RecordingResult
from speech_autoencoder.evaluation.systems import SYSTEMS
from speech_autoencoder.report import page, samples
from tests.helpers.common import make_speech
from tests.helpers.hostile_page import QUICK, make_evaluation


def recordings(stois, errors=None):
    """Return recordings with these STOIs: None is too short for it, NaN not scored as sound."""
    entries = zip(stois, errors or [3.0] * len(stois), strict=True)
    return [
        RecordingResult(
            "a.wav",
            "",
            1.0,
            None,
            {
                "stoi": None if stoi is None or stoi != stoi else stoi,
                "level_db": None if stoi != stoi else 0.1,
                "log_mel_db": error,
            },
        )
        for stoi, error in entries
    ]


def test_choose_returns_best_median_and_worst():
    stois = list(np.random.default_rng(0).permutation(101) / 100)
    kinds = samples.choose(recordings(stois))
    assert [(round(stois[i], 2), kind) for i, kind in kinds.items()] == [
        (1.0, "best"),
        (0.99, "best"),
        (0.51, "median"),
        (0.5, "median"),
        (0.0, "worst"),
        (0.01, "worst"),
    ]


@pytest.mark.parametrize("n", range(8))
def test_choose_few_recordings_are_chosen_at_most_once(n):
    kinds = samples.choose(recordings([0.9 - i / 100 for i in range(n)]))
    assert len(kinds) == min(n, 6)
    assert not n or kinds[0] == "best"


def test_choose_short_recordings_ranks_them_by_log_mel_error_without_silent_ones():
    kinds = samples.choose(recordings([None] * 9 + [float("nan")], [float(9 - i) for i in range(9)] + [0.0]))
    assert [i for i, kind in kinds.items() if kind == "best"] == [8, 7]
    assert 9 not in kinds


def test_loudest_start_finds_the_loudest_part():
    waveform = np.full(10_000, 0.01)
    waveform[6_000:7_000] = 0.5
    start = samples.loudest_start(waveform, 2_000)
    assert start <= 6_000
    assert start + 2_000 >= 7_000
    assert samples.loudest_start(np.ones(100), 99) in (0, 1)


def test_write_long_recordings_of_a_high_rate_stay_within_the_budget(trained, tmp_path):
    (tmp_path / "audio").mkdir()
    for number in range(6):
        sf.write(tmp_path / "audio" / f"{number}.wav", make_speech(6 * 48_000, 48_000, number), 48_000)
    building.build(tmp_path / "audio", tmp_path / "data.npy", CLASSIC, workers=2)
    data = dataset.load(tmp_path / "data.npy", "")
    scores = {"stoi": 0.9, "level_db": 0.0, "log_mel_db": 3.0}
    measured = Measurements(
        scores={system: {"log_mel_db": 3.0} for system in SYSTEMS},
        n_recordings=6,
        n_scored=6,
        recordings=[RecordingResult(name, "", 6.0, None, scores) for name in data.names],
    )
    size = page.write(
        tmp_path / "report",
        make_evaluation(measured),
        data,
        Encoder(trained[0].model, LatentSearchConfig(steps=0)),
        QUICK,
        workers=2,
    )
    assert 4_000_000 < size < 8_000_000
    written = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert len(re.findall(r"6\.00 s; excerpt of 2\.6 s from \d\.\d s", written)) == 6
