"""The verdict says what limits a model: on results as they are measured, in six situations and between them."""

import json
from pathlib import Path

import numpy as np
import pytest

from speech_autoencoder.evaluation import verdict
from speech_autoencoder.evaluation.verdict import LEVELS, judge


def scores(ours, floor, ceiling, log_mel=(3.2, 3.4)):
    """Scores as `evaluation.evaluate` gives them, of these STOIs and log-mel errors (model, floor)."""
    systems = zip(("model", "pca", "copy_synthesis"), (ours, floor, ceiling), (*log_mel, 0.0), strict=True)
    return {name: {"log_mel_db": db, "stoi": stoi, "estoi": stoi, "pesq_nb": 3.0} for name, stoi, db in systems}


def result(*arguments, **options):
    """What an evaluation of 185 recordings gives."""
    recordings = [{"path": f"{i}.wav", "stoi": 0.5 + i % 50 / 100, "log_mel_db": 3.0} for i in range(185)]
    return {"scores": scores(*arguments, **options), "n_recordings": 185, "recordings": recordings}


def description(losses, *, minutes=5.0, ended="done", floor=(3.39, 0.1034), preset="classic", n=739):
    """The description of a model whose training went so."""
    n_epochs = len(losses)
    return {
        "features": {"preset": preset},
        "training": {"planned_epochs": n_epochs, "ended": ended},
        "validation": {"baseline_db": floor[0], "baseline_loss": floor[1], "loss": min(losses), "error_db": 3.18},
        "history": {
            "minutes": list(np.linspace(minutes / n_epochs, minutes, n_epochs)),
            "training_db": list(np.linspace(6, 2.84, n_epochs)),
            "validation_db": list(np.linspace(3.4, 3.18, n_epochs)),
            "validation_loss": list(losses),
        },
        "data": {"n_recordings": n},
    }


def facts(**changes):
    """What is known of training and testing that are as they should be."""
    return {
        "n_training": 739,
        "n_testing": 185,
        "training_minutes": 10.1,
        "n_leaked": 0,
        "pairs": [],
        "n_speakers": 4,
        "n_known_speakers": 2,
        "training_db": 3.1,
        "testing_db": 3.2,
    } | changes


# As of the README's training: 128 epochs in five minutes.
TRAINED = np.interp(np.arange(128), [0, 60, 100, 120, 127], [0.1030, 0.0840, 0.0783, 0.0773, 0.0772])
WELL = (result(0.950, 0.900, 0.961), description(TRAINED), facts())


def kinds(findings, *levels):
    """The kinds of the findings of these levels, in order."""
    return [finding.kind for finding in findings if not levels or finding.level in levels]


def found(findings, kind):
    """The one finding of a kind."""
    (finding,) = [finding for finding in findings if finding.kind == kind]
    return finding


# ---- the six situations


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
    findings = judge(result(0.21, 0.90, 0.961, log_mel=(28.0, 3.4)), model, facts(training_db=28.0, testing_db=27.0))
    assert (findings[0].kind, findings[0].level) == ("understandable", "bad")
    limit = found(findings, "model")
    assert limit.level == "bad"
    assert findings[1] == limit
    assert "worse than PCA" in limit.sentence
    assert "Train again" in limit.next_step
    assert "0.690" in limit.evidence


def test_judge_a_minute_of_training_is_too_short():
    # As measured with --minutes 0.7: five epochs, the first the best, hardly better than PCA.
    model = description([0.1033, 0.1062, 0.1090, 0.1071, 0.1047], minutes=0.7)
    findings = judge(result(0.939, 0.900, 0.961, log_mel=(3.55, 3.38)), model, facts())
    short = found(findings, "time")
    assert short.level == "warning"
    assert "5 epochs in 0.7 minutes" in short.evidence
    assert "--minutes" in short.next_step
    assert findings[1] == short


def test_judge_ten_clips_are_too_few():
    # As measured: PCA of ten recordings misses others by 6 dB, and so does what starts there.
    model = description(np.linspace(0.4991, 0.4882, 40), floor=(6.15, 0.4994), n=10, ended="patience")
    known = facts(n_training=10, training_minutes=0.13, training_db=5.40, testing_db=6.32)
    findings = judge(result(0.80, 0.76, 0.961, log_mel=(6.3, 6.3)), model, known)
    data = found(findings, "data")
    assert data.level == "warning"
    assert "10 recordings, 0.1 minutes" in data.evidence
    assert "5.40 dB on training, 6.32 dB on testing" in data.evidence
    assert "mismatch" not in kinds(findings)


def test_judge_music_is_of_another_kind():
    # As measured: PCA of speech misses chords and drums by 7.8 dB, held-out speech by 3.4 dB.
    findings = judge(result(0.85, 0.80, 0.93, log_mel=(7.1, 7.84)), description(TRAINED), facts(testing_db=7.4))
    mismatch = found(findings, "mismatch")
    assert mismatch.level == "bad"
    assert findings[1] == mismatch
    assert "7.84 dB" in mismatch.evidence
    assert "2.3 times" in mismatch.evidence


@pytest.mark.parametrize(("n_leaked", "level"), [(1, "warning"), (9, "warning"), (10, "bad"), (185, "bad")])
def test_judge_leakage_is_named_with_an_example(n_leaked, level):
    known = facts(n_leaked=n_leaked, pairs=[["a/copy.wav", "b/first.wav", 0.99]])
    findings = judge(*WELL[:2], known)
    leakage = found(findings, "leakage")
    assert leakage.level == level
    assert findings[1] == leakage
    assert f"{n_leaked} of 185" in leakage.evidence
    assert "a/copy.wav" in leakage.evidence
    assert "b/first.wav" in leakage.evidence


# ---- the same six, on what was really measured: python -m benchmarks.quality.situations

MEASURED = json.loads(Path(__file__).with_name("situations.json").read_text())


@pytest.mark.parametrize(
    ("situation", "headline", "kind", "level", "why"),
    [
        ("well trained", "good", None, None, ""),
        ("one minute", "good", "time", "warning", "epochs in"),
        ("old network", "bad", "model", "bad", "PCA 0."),
        ("ten clips", None, "data", "warning", "10 recordings"),
        ("music", None, "mismatch", "warning", "times as much"),
        ("leaking", "good", "leakage", "bad", "10 of 50"),
    ],
)
def test_judge_what_was_measured_is_told_and_why(situation, headline, kind, level, why):
    measured = MEASURED[situation]
    findings = judge(measured["result"], measured["model"], measured["facts"])
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


# ---- the headline


@pytest.mark.parametrize(
    ("stoi", "level", "word"),
    [(0.95, "good", "clear"), (0.85, "good", "flaws"), (0.7, "warning", "in part"), (0.3, "bad", "not understandable")],
)
def test_judge_headline_follows_intelligibility(stoi, level, word):
    headline = judge(result(stoi, 0.2, 0.961), description(TRAINED), facts())[0]
    assert (headline.kind, headline.level) == ("understandable", level)
    assert word in headline.sentence


def test_judge_without_sound_says_that_it_was_not_measured():
    silent = {system: {"log_mel_db": 3.0} for system in ("model", "pca", "copy_synthesis")}
    headline, *rest = judge({"scores": silent, "recordings": []}, description(TRAINED), facts())
    assert headline.level == "warning"
    assert "not measured" in headline.sentence
    assert not {"model", "features"} & set(kinds(rest))


# ---- one limit at a time


def test_judge_low_ceiling_is_the_features_fault():
    findings = judge(result(0.76, 0.70, 0.78), description(TRAINED), facts())
    assert found(findings, "features").level == "bad"
    assert "--preset fine" in found(findings, "features").next_step


def test_judge_fine_features_are_not_told_to_become_fine():
    findings = judge(result(0.78, 0.70, 0.79), description(TRAINED, preset="fine"), facts())
    assert "--preset" not in found(findings, "features").next_step


def test_judge_model_far_below_the_ceiling_says_how_far_it_came():
    limit = found(judge(result(0.85, 0.80, 0.99), description(TRAINED), facts()), "model")
    assert limit.level == "warning"
    assert "26 % of the way" in limit.evidence
    assert "0.140 are missing" in limit.evidence


def test_judge_all_at_the_ceiling_has_nothing_to_say_against_it():
    findings = judge(
        result(0.990, 0.95, 0.992), description(np.linspace(0.1, 0.08, 128) ** 0.1, ended="patience"), facts()
    )
    assert kinds(findings) == ["understandable", "limits"]
    assert [finding.level for finding in findings] == ["good", "good"]


@pytest.mark.parametrize(("last", "level"), [(0.077, None), (0.073, "note"), (0.060, "warning")])
def test_judge_loss_that_still_falls_asks_for_more_time(last, level):
    losses = np.interp(np.arange(120), [0, 79, 119], [0.1, 0.078, last])
    found_levels = [f.level for f in judge(WELL[0], description(losses), facts()) if f.kind == "time"]
    assert found_levels == ([level] if level else [])


def test_judge_patience_that_ended_is_no_lack_of_time():
    assert "time" not in kinds(judge(WELL[0], description(TRAINED[:60], ended="patience"), facts()))


def test_judge_few_epochs_of_a_large_corpus_that_are_flat_are_enough():
    losses = np.interp(np.arange(12), [0, 6, 11], [0.1, 0.0705, 0.07])
    assert "time" not in kinds(judge(WELL[0], description(losses), facts()))


def test_judge_interrupted_training_can_be_resumed():
    model = description(TRAINED[:30], ended="interrupted")
    model["training"]["planned_epochs"] = 128
    time = found(judge(WELL[0], model, facts()), "time")
    assert "30 of 128" in time.evidence
    assert "--resume" in time.next_step


def test_judge_training_far_better_than_testing_is_overfitted():
    data = found(judge(*WELL[:2], facts(training_db=1.5, testing_db=4.2)), "data")
    assert "2.8 times" in data.evidence
    assert "better than what is new" in data.sentence


def test_judge_without_training_array_takes_the_history():
    model = description(TRAINED)
    model["history"]["training_db"][-1] = 1.0
    data = found(judge(WELL[0], model), "data")
    assert "1.00 dB on training, 3.18 dB on validation" in data.evidence


def test_judge_known_voices_are_noted():
    assert found(judge(*WELL[:2], facts(n_known_speakers=4)), "voices").level == "note"
    assert "voices" not in kinds(judge(*WELL[:2], facts(n_known_speakers=3)))


def test_judge_gravest_limit_comes_first_after_the_headline():
    findings = judge(result(0.4, 0.9, 0.961), description(TRAINED), facts(n_leaked=3, n_known_speakers=4))
    order = [LEVELS.index(finding.level) for finding in findings[1:]]
    assert order == sorted(order)


def test_judge_every_limit_says_why_and_what_to_do():
    for finding in judge(result(0.4, 0.9, 0.8), description(TRAINED[:4]), facts(n_leaked=3, testing_db=9.0)):
        assert finding.level in LEVELS
        assert finding.sentence.endswith(".")
        assert finding.evidence
        assert finding.next_step or finding.kind == "understandable"


# ---- what a file may hold


HOSTILE = [None, 0, "x", [], {}, [1, "x"], {"validation_loss": ["a"]}, float("nan"), True, -1e300, {"a": {"b": []}}]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_judge_anything_at_all_in_the_description_gives_a_headline(value):
    keys = ("model", "features", "training", "validation", "history", "data")
    for broken in (dict.fromkeys(keys, value), *(WELL[1] | {key: value} for key in keys)):
        assert judge(WELL[0], broken, facts())[0].kind == "understandable"
    for key in facts():
        assert judge(*WELL[:2], facts(**{key: value}))[0].kind == "understandable"
    for key in ("minutes", "validation_loss", "training_db", "validation_db"):
        model = description(TRAINED)
        model["history"][key] = value
        assert judge(WELL[0], model)[0].kind == "understandable"


def test_judge_losses_of_zero_are_no_division_by_it():
    assert judge(WELL[0], description([0.0] * 30), facts())
    assert verdict.judge(WELL[0], description([0.0]), facts())


def test_judge_codec_that_learned_is_not_told_of_a_floor_without_quantisation():
    """Its losses are above PCA's, whose latents have all bits."""
    model = description(TRAINED[::16] + 0.05) | {"codec": {"qualities": 32}}
    (finding,) = (finding for finding in judge(WELL[0], model, facts()) if finding.kind == "time")
    assert "PCA" not in finding.evidence
