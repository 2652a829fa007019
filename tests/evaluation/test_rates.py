"""Rates: the same strings through PCA of fewer numbers, other codecs and our own; what is missing is named."""

import json
from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from speech_autoencoder.evaluation import evaluation, other_codecs, rates
from speech_autoencoder.evaluation.other_codecs import Tool
from speech_autoencoder.report import charts
from tests.helpers.common import make_entropy

QUICK = InversionConfig(griffin_lim_rounds=8)


@pytest.fixture(scope="module")
def evaluated(small_arrays, shaken):
    """(result, testing, model) of a few recordings."""
    return (
        evaluation.evaluate(small_arrays[1], Encoder(shaken, LatentSearchConfig(steps=0)), QUICK, workers=2),
        small_arrays[1],
        shaken,
    )


def halving(is_there):
    """A codec that keeps every second sample's place alone, in a byte each; and one that is not installed."""

    def code(setting, waveform, sr, folder):
        return waveform * (np.arange(len(waveform)) % 2), len(waveform) / 2

    found = Tool("Opus", ("ls", "ls"), "some", ("6", "8", "12"), False, code, dict.fromkeys(("6", "8", "12"), 0))
    return [found, Tool("Codec 2", ("no-such-program", "ls"), "codec2", (), True, code)]


def test_measure_has_a_row_for_every_system_and_names_what_is_missing(evaluated, monkeypatch):
    monkeypatch.setattr(rates, "tools", halving)
    result, testing, model = evaluated
    found = rates.measure(result, testing, model, QUICK, workers=2)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["n_segments"] == len(result["strings"]) <= rates.MOST_SEGMENTS
    rows = {(row["system"], row["setting"], row["numbers"] and round(row["numbers"])): row for row in found["rows"]}
    full = rows["model", "", round(24 / 8 * testing.features.frame_rate)]
    assert full["stoi"] == pytest.approx(np.mean([string["stoi"] for string in result["strings"]]))
    opus = [row for row in found["rows"] if row["system"] == "Opus"]
    assert [row["kbits"] for row in opus] == pytest.approx([8 * 16_000 / 2 / 1_000] * 3, rel=1e-3)
    assert found["missing"] == [{"name": "Codec 2", "package": "codec2"}]
    said = rates.describe(found)
    assert "Opus 6 64.00 kbit/s, STOI" in said[0]
    assert said[1] == "Codec 2 is not installed, and left out: apt install codec2 adds it."
    numbers, kilobits = charts.of_rates(found, {"model": "the model"})
    assert [line["name"] for line in numbers["lines"]] == ["Floor", "the model"]
    assert [line["name"] for line in kilobits["lines"]] == ["Opus"]


def test_measure_codec_whose_program_fails_is_left_out_and_the_rest_is_measured(evaluated, monkeypatch):
    def fails(setting, waveform, sr, folder):
        other_codecs._run("ls", "--no-such-option")

    broken = Tool("Opus", ("ls", "ls"), "opus-tools", ("6", "8", "12"), False, fails)
    monkeypatch.setattr(rates, "tools", lambda sr: [broken, halving(sr)[1]])
    found = rates.measure(*evaluated[:2], evaluated[2], QUICK, workers=2)
    assert {row["system"] for row in found["rows"]} == {"model", "pca", "copy_synthesis"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert rates.describe(found)[-1].startswith("Opus is left out: ls failed (")


def test_measure_fewer_numbers_of_pca_are_heard_worse(evaluated, monkeypatch):
    monkeypatch.setattr(rates, "tools", lambda sr: halving(sr)[1:] * 2)
    monkeypatch.setattr(rates, "_SETTINGS", {"Codec 2": ()})
    rows = rates.measure(*evaluated, QUICK, workers=1)["rows"]
    floor = sorted((row for row in rows if row["system"] == "pca"), key=lambda row: row["numbers"])
    assert len(floor) == 3
    assert floor[0]["stoi"] < floor[1]["stoi"] < floor[2]["stoi"]


def test_measure_without_sound_is_none(evaluated):
    result, testing, model = evaluated
    gone = result | {"recordings": [entry | {"string": None} for entry in result["recordings"]]}
    assert rates.measure(gone, testing, model, QUICK, workers=1) is None


def test_measure_own_codec_keeps_its_bitrate_and_more_is_heard_better(evaluated, monkeypatch):
    monkeypatch.setattr(rates, "_SETTINGS", {})
    monkeypatch.setattr(rates, "_SHARES", ())
    monkeypatch.setattr(rates, "_KILOBITS", (0.5, 1.2))
    monkeypatch.setattr(rates, "MOST_SEGMENTS", 2)
    result, testing, model = evaluated
    coder = make_entropy(model.config.latent_size, 2, n_qualities=8, first_step=16.0, weights=0.1)
    found = rates.measure(result, testing, replace(model, entropy=coder), QUICK, workers=2)
    own = [row for row in found["rows"] if row["system"] == "own codec"]
    assert [row["setting"] for row in own] == ["0.5", "1.2"]
    assert 0 < own[0]["kbits"] <= 0.5 < own[1]["kbits"] <= 1.2
    assert own[0]["stoi"] < own[1]["stoi"] <= 1
    assert rates.describe(found)[0].count("own codec") == 2
