"""The typed results become JSON's own types."""

import json

from speech_autoencoder.evaluation.results import (
    FORMAT,
    ArrayFile,
    Coverage,
    Evaluation,
    Finding,
    RecordingResult,
    RunConfig,
)


def make_evaluation(**changes):
    """Return an evaluation with these fields, the others as short as possible."""
    values = {
        "scores": {"model": {"stoi": 0.9}},
        "version": "1",
        "versions": {},
        "commit": None,
        "seed": 0,
        "config": RunConfig({}, {}, 2_000, "auto", "trained"),
        "data": ArrayFile("test_data.npy", "f"),
        "features": {},
        "model": {},
        "training": {},
        "verdict": [Finding("model", "good", "It is good.", "")],
    }
    return Evaluation(**(values | changes))


def test_to_json_is_json_with_the_format_first():
    data = make_evaluation(
        coverage={"stoi": Coverage("segments", 1, 2, "too short")},
        recordings=[RecordingResult("a.wav", "ann", 1.0, None, {"stoi": None})],
    ).to_json()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert next(iter(data.items())) == ("format", FORMAT)
    assert data["verdict"][0]["sentence"] == "It is good."
    assert data["coverage"]["stoi"] == {"measured_on": "segments", "n": 1, "n_total": 2, "reason": "too short"}
    assert data["recordings"][0]["segment"] is None


def test_to_json_has_every_field():
    assert set(make_evaluation().to_json()) == set(Evaluation.__dataclass_fields__)
