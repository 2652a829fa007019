"""The verdict tells what limits a model: in six measured situations, and between them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from speech_autoencoder.evaluation.results import (
    LEVELS,
    Measurements,
    RecordingResult,
    SharedWithTraining,
    SimilarPair,
)
from speech_autoencoder.evaluation.verdict import judge, number, numbers


def measured(model, pca, copy_synthesis, log_mel_db=(3.2, 3.4)):
    """Return the measurements of 185 recordings with these STOIs, and log-mel errors of the model and PCA."""
    systems = zip(("model", "pca", "copy_synthesis"), (model, pca, copy_synthesis), (*log_mel_db, 0.0), strict=True)
    return Measurements(
        scores={key: {"log_mel_db": db, "stoi": stoi, "estoi": stoi, "pesq_nb": 3.0} for key, stoi, db in systems},
        n_recordings=185,
        recordings=[recording(i, stoi=0.5 + i % 50 / 100, log_mel_db=3.0) for i in range(185)],
    )


def recording(index, **scores):
    return RecordingResult(f"{index}.wav", "", 1.0, None, scores)


def description(losses, *, minutes=5.0, ended="done", pca=(3.39, 0.1034), preset="classic", n=739):
    """Return the description of a model with this training; `pca` holds the baseline's error and loss."""
    n_epochs = len(losses)
    return {
        "features": {"preset": preset},
        "training": {"planned_epochs": n_epochs, "ended": ended},
        "validation": {"baseline_db": pca[0], "baseline_loss": pca[1], "loss": min(losses), "error_db": 3.18},
        "history": {
            "minutes": list(np.linspace(minutes / n_epochs, minutes, n_epochs)),
            "training_db": list(np.linspace(6, 2.84, n_epochs)),
            "validation_db": list(np.linspace(3.4, 3.18, n_epochs)),
            "validation_loss": list(losses),
        },
        "data": {"n_recordings": n},
    }


def shared(**changes):
    """Return what testing shares with training if both are as they should be, with these changes."""
    values = {
        "n_training": 739,
        "n_testing": 185,
        "training_minutes": 10.1,
        "n_leaked": 0,
        "pairs": [],
        "n_speakers": 4,
        "n_known_speakers": 2,
        "training_db": 3.1,
        "testing_db": 3.2,
    }
    return SharedWithTraining(**(values | changes))


# The training of the README: 128 epochs in five minutes.
TRAINED = np.interp(np.arange(128), [0, 60, 100, 120, 127], [0.1030, 0.0840, 0.0783, 0.0773, 0.0772])
WELL = (measured(0.950, 0.900, 0.961), description(TRAINED), shared())


def kinds(findings, *levels):
    """Return the kinds of the findings of these levels, in order."""
    return [finding.kind for finding in findings if not levels or finding.level in levels]


def found(findings, kind):
    """Return the one finding of a kind."""
    (finding,) = [finding for finding in findings if finding.kind == kind]
    return finding


# The six situations.


def test_judge_resemblance_that_could_not_be_heard_is_not_called_leakage():
    found = {finding.kind: finding for finding in judge(measured(0.96, 0.95, 0.965), {}, shared(n_unsure=3))}
    assert found["leakage"].level == "note"
    assert "not known" in found["leakage"].sentence
    assert "3 of 185 testing recordings resemble" in found["leakage"].evidence
    leaked = judge(measured(0.96, 0.95, 0.965), {}, shared(n_unsure=3, n_leaked=1))
    assert next(finding for finding in leaked if finding.kind == "leakage").sentence.startswith("Leakage")


def test_judge_well_trained_is_understandable_and_nothing_is_bad():
    findings = judge(*WELL)
    assert (findings[0].kind, findings[0].level) == ("understandable", "good")
    assert "0.950" in findings[0].evidence
    assert not kinds(findings[1:], "bad", "warning")
    assert "--preset fine" in found(findings, "features").next_step


def test_judge_model_worse_than_pca_is_bad():
    # As measured of the network of the program that this one replaces: 30 dB of error, a loss of 3.2 after six epochs.
    losses = np.linspace(3.45, 3.20, 6)
    model = description(losses, minutes=0.7)
    findings = judge(
        measured(0.21, 0.90, 0.961, log_mel_db=(28.0, 3.4)), model, shared(training_db=28.0, testing_db=27.0)
    )
    assert (findings[0].kind, findings[0].level) == ("understandable", "bad")
    limit = found(findings, "model")
    assert limit.level == "bad"
    assert findings[1] == limit
    assert "worse than PCA" in limit.sentence
    assert "Train again" in limit.next_step
    assert "0.690" in limit.evidence


def test_judge_one_minute_of_training_is_too_short():
    # As measured with --minutes 0.7: five epochs, the first the best, hardly better than PCA.
    model = description([0.1033, 0.1062, 0.1090, 0.1071, 0.1047], minutes=0.7)
    findings = judge(measured(0.939, 0.900, 0.961, log_mel_db=(3.55, 3.38)), model, shared())
    short = found(findings, "time")
    assert short.level == "warning"
    assert "5 epochs in 42 s" in short.evidence
    assert "--minutes" in short.next_step
    assert findings[1] == short


def test_judge_ten_clips_are_too_few():
    # As measured: PCA of ten recordings misses others by 6 dB, and so does what starts there.
    model = description(np.linspace(0.4991, 0.4882, 40), pca=(6.15, 0.4994), n=10, ended="patience")
    known = shared(n_training=10, training_minutes=0.13, training_db=5.40, testing_db=6.32)
    findings = judge(measured(0.80, 0.76, 0.961, log_mel_db=(6.3, 6.3)), model, known)
    data = found(findings, "data")
    assert data.level == "warning"
    assert "10 recordings (7.8 s)" in data.evidence
    assert "5.40 dB on training and 6.32 dB on testing" in data.evidence
    assert "mismatch" not in kinds(findings)


def test_judge_music_is_a_mismatch():
    # As measured: PCA of speech misses chords and drums by 7.8 dB, held-out speech by 3.4 dB.
    findings = judge(measured(0.85, 0.80, 0.93, log_mel_db=(7.1, 7.84)), description(TRAINED), shared(testing_db=7.4))
    mismatch = found(findings, "mismatch")
    assert mismatch.level == "bad"
    assert findings[1] == mismatch
    assert "7.84 dB" in mismatch.evidence
    assert "2.3 times" in mismatch.evidence


@pytest.mark.parametrize(("n_leaked", "level"), [(1, "warning"), (9, "warning"), (10, "bad"), (185, "bad")])
def test_judge_leakage_names_an_example(n_leaked, level):
    known = shared(n_leaked=n_leaked, pairs=[SimilarPair("a/copy.wav", "b/first.wav", 0.99)])
    findings = judge(*WELL[:2], known)
    leakage = found(findings, "leakage")
    assert leakage.level == level
    assert findings[1] == leakage
    assert f"{n_leaked} of 185" in leakage.evidence
    assert "a/copy.wav" in leakage.evidence
    assert "b/first.wav" in leakage.evidence


# The same six as they were measured: python -m benchmarks.quality.verdict_situations.

MEASURED = json.loads(Path(__file__).with_name("situations.json").read_text())


def measured_situation(name):
    """Return the arguments of `judge`."""
    situation = MEASURED[name]
    recordings = [recording(i, **scores) for i, scores in enumerate(situation["result"]["recordings"])]
    pairs = [SimilarPair(**pair) for pair in situation["facts"]["pairs"]]
    return (
        Measurements(scores=situation["result"]["scores"], recordings=recordings),
        situation["model"],
        SharedWithTraining(**(situation["facts"] | {"pairs": pairs})),
    )


@pytest.mark.parametrize(
    ("situation", "headline", "kind", "level", "why"),
    [
        ("well trained", "good", None, None, ""),
        ("one minute", "good", "time", "warning", "epoch in"),
        ("old network", "bad", "model", "bad", "PCA 0."),
        ("ten clips", None, "data", "warning", "10 recordings"),
        ("music", None, "mismatch", "warning", "times as large"),
        ("leaking", "good", "leakage", "bad", "10 of 50"),
    ],
)
def test_judge_measured_situation_is_recognised(situation, headline, kind, level, why):
    findings = judge(*measured_situation(situation))
    assert headline in (None, findings[0].level)
    grave = set(kinds(findings[1:], "bad"))
    if kind is None:
        # On a slow machine five minutes are few epochs, which is said.
        assert not grave
        assert set(kinds(findings[1:], "warning")) <= {"time"}
        return
    finding = found(findings, kind)
    assert finding.level == level
    assert why in finding.evidence
    # Of sound of another kind, the features may be too coarse besides.
    assert grave <= {kind, *(["features"] if situation == "music" else [])}
    if situation == "music":
        assert "data" not in kinds(findings)


# The headline.


@pytest.mark.parametrize(
    ("stoi", "level", "word"),
    [(0.95, "good", "clear"), (0.85, "good", "flaws"), (0.7, "warning", "in part"), (0.3, "bad", "not understandable")],
)
def test_judge_headline_follows_intelligibility(stoi, level, word):
    headline = judge(measured(stoi, 0.2, 0.961), description(TRAINED), shared())[0]
    assert (headline.kind, headline.level) == ("understandable", level)
    assert word in headline.sentence


def test_judge_no_sound_is_not_measured():
    silent = {system: {"log_mel_db": 3.0} for system in ("model", "pca", "copy_synthesis")}
    headline, *rest = judge(Measurements(scores=silent), description(TRAINED), shared())
    assert headline.level == "warning"
    assert "not measured" in headline.sentence
    assert not {"model", "features"} & set(kinds(rest))


@pytest.mark.parametrize(("n_training", "n_testing"), [(3, 185), (739, 3), (3, 3)])
def test_judge_few_recordings_are_not_called_another_kind(n_training, n_testing):
    model = description(TRAINED, n=n_training)
    findings = judge(replace(measured(0.60, 0.55, 0.96, (7.0, 7.84)), n_recordings=n_testing), model, shared())
    mismatch = found(findings, "mismatch")
    assert mismatch.level == "note"
    assert "too few to say why" in mismatch.sentence
    assert "music" not in f"{mismatch}"
    assert "2.3 times as large" in mismatch.evidence


def test_judge_few_testing_recordings_are_too_few_for_any_claim():
    few = replace(WELL[0], n_recordings=3, recordings=WELL[0].recordings[:3])
    testing = found(judge(few, *WELL[1:]), "testing")
    assert testing.level == "warning"
    assert testing.evidence == "The model was tested on 3 recordings of 3 s in all."
    assert "testing" not in kinds(judge(*WELL))


# One limit at a time.


def test_judge_low_copy_synthesis_blames_the_features():
    findings = judge(measured(0.76, 0.70, 0.78), description(TRAINED), shared())
    assert found(findings, "features").level == "bad"
    assert "--preset fine" in found(findings, "features").next_step


def test_judge_fine_features_suggest_no_preset():
    findings = judge(measured(0.78, 0.70, 0.79), description(TRAINED, preset="fine"), shared())
    assert "--preset" not in found(findings, "features").next_step


def test_judge_model_far_below_copy_synthesis_tells_its_progress():
    limit = found(judge(measured(0.85, 0.80, 0.99), description(TRAINED), shared()), "model")
    assert limit.level == "warning"
    assert "26 % of the way" in limit.evidence
    assert "0.140 below copy-synthesis" in limit.evidence


def test_judge_everything_good_finds_no_limit():
    findings = judge(
        measured(0.990, 0.95, 0.992), description(np.linspace(0.1, 0.08, 128) ** 0.1, ended="patience"), shared()
    )
    assert kinds(findings) == ["understandable", "limits"]
    assert [finding.level for finding in findings] == ["good", "good"]


@pytest.mark.parametrize(("last", "level"), [(0.077, None), (0.073, "note"), (0.060, "warning")])
def test_judge_falling_loss_asks_for_more_time(last, level):
    losses = np.interp(np.arange(120), [0, 79, 119], [0.1, 0.078, last])
    found_levels = [f.level for f in judge(WELL[0], description(losses), shared()) if f.kind == "time"]
    assert found_levels == ([level] if level else [])


def test_judge_ended_by_patience_needs_no_more_time():
    assert "time" not in kinds(judge(WELL[0], description(TRAINED[:60], ended="patience"), shared()))


def test_judge_few_epochs_with_flat_losses_are_enough():
    losses = np.interp(np.arange(12), [0, 6, 11], [0.1, 0.0705, 0.07])
    assert "time" not in kinds(judge(WELL[0], description(losses), shared()))


def test_judge_interrupted_training_can_be_resumed():
    model = description(TRAINED[:30], ended="interrupted")
    model["training"]["planned_epochs"] = 128
    time = found(judge(WELL[0], model, shared()), "time")
    assert "30 of 128" in time.evidence
    assert "--resume" in time.next_step


def test_judge_training_far_better_than_testing_is_overfitting():
    data = found(judge(*WELL[:2], shared(training_db=1.5, testing_db=4.2)), "data")
    assert "2.8 times" in data.evidence
    assert data.sentence.startswith("Overfitting: ")


def test_judge_no_training_array_uses_the_history():
    model = description(TRAINED)
    model["history"]["training_db"][-1] = 1.0
    data = found(judge(WELL[0], model), "data")
    assert "1.00 dB on training and 3.18 dB on validation" in data.evidence


def test_judge_known_voices_are_noted():
    assert found(judge(*WELL[:2], shared(n_known_speakers=4)), "voices").level == "note"
    assert "voices" not in kinds(judge(*WELL[:2], shared(n_known_speakers=3)))


def test_judge_puts_the_gravest_limit_after_the_headline():
    findings = judge(measured(0.4, 0.9, 0.961), description(TRAINED), shared(n_leaked=3, n_known_speakers=4))
    order = [LEVELS.index(finding.level) for finding in findings[1:]]
    assert order == sorted(order)


def test_judge_every_limit_has_evidence_and_a_next_step():
    for finding in judge(measured(0.4, 0.9, 0.8), description(TRAINED[:4]), shared(n_leaked=3, testing_db=9.0)):
        assert finding.level in LEVELS
        assert finding.sentence.endswith(".")
        assert finding.evidence
        assert finding.next_step or finding.kind == "understandable"


# Anything that a file may hold.


HOSTILE = [None, 0, "x", [], {}, [1, "x"], {"validation_loss": ["a"]}, float("nan"), True, -1e300, {"a": {"b": []}}]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_judge_any_description_gives_a_headline(value):
    keys = ("model", "features", "training", "validation", "history", "data")
    for broken in (dict.fromkeys(keys, value), *(WELL[1] | {key: value} for key in keys)):
        assert judge(WELL[0], broken, shared())[0].kind == "understandable"
    for key in ("minutes", "validation_loss", "training_db", "validation_db"):
        model = description(TRAINED)
        model["history"][key] = value
        assert judge(WELL[0], model)[0].kind == "understandable"


def test_judge_losses_of_zero_give_findings():
    assert judge(WELL[0], description([0.0] * 30), shared())
    assert judge(WELL[0], description([0.0]), shared())


def test_judge_codec_that_learned_is_not_compared_with_unquantised_pca():
    """The losses of a codec are above those of PCA, whose latents are not quantised."""
    model = description(TRAINED[::16] + 0.05) | {"codec": {"qualities": 32}}
    (finding,) = (finding for finding in judge(WELL[0], model, shared()) if finding.kind == "time")
    assert "PCA" not in finding.evidence


@pytest.mark.parametrize("value", [None, "1", True, [1], float("nan"), float("inf"), 10**400])
def test_number_anything_else_is_none(value):
    assert number({"loss": value}, "loss") is None
    assert number(value, "loss") is None
    assert numbers({"history": {"loss": [1, value]}}, "history", "loss") == []
    assert numbers({"history": value}, "history", "loss") == []


def test_number_finds_nested_values():
    assert number({"validation": {"loss": 1}}, "validation", "loss") == 1.0
    assert numbers({"history": {"loss": [1, 0.5]}}, "history", "loss") == [1.0, 0.5]
