"""Rates: the same segments through PCA of fewer values, other codecs and our own; what is missing is named."""

import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from speech_autoencoder.evaluation import evaluation, rates
from speech_autoencoder.evaluation.codecs import programs
from speech_autoencoder.evaluation.codecs.codec import ExternalCodec
from speech_autoencoder.evaluation.results import MissingCodec
from speech_autoencoder.report import charts
from tests.helpers.common import make_entropy

QUICK = InversionConfig(griffin_lim_rounds=8)


@pytest.fixture(scope="module")
def evaluated(small_arrays, shaken):
    """Return the measurements of a few recordings, the recordings and the model."""
    return (
        evaluation.evaluate(small_arrays[1], Encoder(shaken, LatentSearchConfig(steps=0)), QUICK, workers=2),
        small_arrays[1],
        shaken,
    )


def halving(sr):
    """Return a codec that drops every second sample and takes a byte for each other, and one that is not installed."""

    def code(setting, waveform, sr):
        return waveform * (np.arange(len(waveform)) % 2), len(waveform) / 2

    settings = ("6", "8", "12")
    opus = ExternalCodec("opus", "Opus", "numpy", settings, (16_000,), code, delays=dict.fromkeys(settings, 0))
    missing = [
        ExternalCodec("amr_nb", "AMR-NB", "no_such_library", (), (8_000,), code),
        ExternalCodec("codec_2", "Codec 2", "codec2", (), (8_000,), code, ("no-such-program", "ls")),
    ]
    return [opus, *missing]


def test_measure_has_a_row_for_every_system_and_names_what_is_missing(evaluated, monkeypatch):
    monkeypatch.setattr(rates, "external_codecs", halving)
    result, testing, model = evaluated
    found = rates.measure(result, testing, model, QUICK, workers=2)
    assert json.loads(json.dumps(asdict(found), allow_nan=False)) == asdict(found)
    assert found.n_segments == len(result.segments) <= rates.MOST_SEGMENTS
    rows = {(row.system, row.setting, row.latent_rate and round(row.latent_rate)): row for row in found.rows}
    full = rows["model", "", round(24 / 8 * testing.features.frame_rate)]
    assert full.scores["stoi"] == pytest.approx(np.mean([s.scores["model"]["stoi"] for s in result.segments]))
    opus = [row for row in found.rows if row.system == "opus"]
    assert [row.bitrate for row in opus] == pytest.approx([8 * 16_000 / 2 / 1_000] * 3, rel=1e-3)
    assert found.missing == [MissingCodec("AMR-NB", "no_such_library"), MissingCodec("Codec 2", "codec2")]
    said = rates.describe(found)
    assert re.search(r"Opus 6: STOI [\d.-]+ at 64\.00 kbit/s", said[0])
    needed = "AMR-NB (apt install no_such_library); Codec 2 (apt install codec2)"
    assert said[1:] == [f"Not installed, and left out: {needed}."]
    by_latent_rate, by_bitrate = charts.rate_charts(found)
    assert [line.name for line in by_latent_rate.lines] == ["PCA baseline", "the model"]
    assert [line.name for line in by_bitrate.lines] == ["Opus"]


def test_measure_codec_whose_program_fails_is_left_out_and_the_rest_is_measured(evaluated, monkeypatch):
    def fails(setting, waveform, sr):
        programs.run("ls", "--no-such-option")

    broken = ExternalCodec("opus", "Opus", "numpy", ("6", "8", "12"), (16_000,), fails)
    monkeypatch.setattr(rates, "external_codecs", lambda sr: [broken, *halving(sr)[1:]])
    found = rates.measure(*evaluated[:2], evaluated[2], QUICK, workers=2)
    assert {row.system for row in found.rows} == {"model", "pca", "copy_synthesis"}
    assert json.loads(json.dumps(asdict(found), allow_nan=False)) == asdict(found)
    assert rates.describe(found)[-1].startswith("Opus is left out: ls failed (")


def test_measure_fewer_values_of_pca_are_worse(evaluated, monkeypatch):
    monkeypatch.setattr(rates, "external_codecs", lambda sr: halving(sr)[1:] * 2)
    monkeypatch.setattr(rates, "_SETTINGS", {"codec_2": ()})
    rows = rates.measure(*evaluated, QUICK, workers=1).rows
    baseline = sorted((row for row in rows if row.system == "pca"), key=lambda row: row.latent_rate)
    assert len(baseline) == 3
    stois = [row.scores["stoi"] for row in baseline]
    assert stois[0] < stois[1] < stois[2]


def test_measure_without_sound_is_none(evaluated):
    result, testing, model = evaluated
    gone = replace(result, recordings=[replace(entry, segment=None) for entry in result.recordings])
    assert rates.measure(gone, testing, model, QUICK, workers=1) is None


def test_measure_own_codec_keeps_its_bitrate_and_more_is_better(evaluated, monkeypatch):
    monkeypatch.setattr(rates, "_SETTINGS", {})
    monkeypatch.setattr(rates, "_PCA_SHARES", ())
    monkeypatch.setattr(rates, "_OWN_BITRATES", (0.5, 1.2))
    monkeypatch.setattr(rates, "MOST_SEGMENTS", 2)
    result, testing, model = evaluated
    coder = make_entropy(model.config.latent_size, 2, n_qualities=8, first_step=16.0, weights=0.1)
    found = rates.measure(result, testing, replace(model, entropy=coder), QUICK, workers=2)
    own = [row for row in found.rows if row.system == "own_codec"]
    assert [row.setting for row in own] == ["0.5", "1.2"]
    assert 0 < own[0].bitrate <= 0.5 < own[1].bitrate <= 1.2
    assert own[0].scores["stoi"] < own[1].scores["stoi"] <= 1
    assert rates.describe(found)[0].count("the model's codec") == 2
