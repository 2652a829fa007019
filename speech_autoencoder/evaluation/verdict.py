"""What an evaluation means, in words: understandable or not, what limits it, and what to do next."""

import math
from dataclasses import dataclass

LEVELS = ("bad", "warning", "note", "good")

# STOI from which on reconstructions are called clear, understandable, and understandable in part. For comparison: at
# .82 a recogniser heard 95 % of spoken digits right, at .91 as many as of the originals (docs/quality.md).
_CLEAR, _UNDERSTANDABLE, _PARTLY = 0.90, 0.80, 0.65
# A ceiling of STOI below which the features are at fault whatever the model does; the distance from the ceiling below
# which the model is as good as it gets, and above which it limits; by how much PCA must be better to be called so.
_LOW_CEILING, _NEAR, _FAR, _BEHIND = 0.85, 0.015, 0.03, 0.005
# Fewer epochs are hardly a training; the fall of the loss over the last third that promises more, and much more; the
# share of the floor's loss that must be gone for a model to have learned something.
_FEW_EPOCHS, _FALLING, _FALLING_FAST, _LEARNED = 20, 0.03, 0.08, 0.05
# How many times its error on training a model's error on testing may be; and PCA's on testing that on validation,
# for testing to be called of another kind, and of quite another (speech like that of training: 1.0, music: 1.3 to 2.3).
_OVERFITTED, _OTHER_KIND, _QUITE_ANOTHER = 1.3, 1.25, 1.5
# Recordings, and minutes, that are too few whatever else is said; the share of testing that may have leaked unnoticed.
_FEW_RECORDINGS, _FEW_MINUTES, _LEAKED = 30, 0.5, 0.05


@dataclass(frozen=True)
class Finding:
    """One thing that the measurements say: of which kind, how grave (one of LEVELS), the evidence, what to do next."""

    kind: str
    level: str
    sentence: str
    evidence: str
    next_step: str = ""


def judge(result: dict, model: dict, facts: dict | None = None) -> list[Finding]:
    """What the evaluation says, the most important first: whether one can understand it, then what limits it.

    result is what `evaluation.evaluate` gives; model the description in a model's file, with `model` and `features`,
    the configurations; facts what `leakage.find` and `evaluation.compare` say of training and testing, None where the
    training's array is not at hand. What is missing in them, or of another type, is taken as unknown.
    """
    limits = [
        finding
        for rule in (_leaked, _of_another_kind, _model, _features, _time, _data, _voices)
        if (finding := rule(result, model, facts or {}))
    ]
    limits.sort(key=lambda finding: LEVELS.index(finding.level))
    if not any(finding.level in ("bad", "warning") for finding in limits) and not any(
        finding.kind in ("model", "features") for finding in limits
    ):
        limits.append(Finding("limits", "good", "Nothing that these measurements can tell limits it.", ""))
    return [_headline(result), *limits]


def _headline(result):
    """Whether one can understand the reconstructions."""
    stoi = number(result, "scores", "model", "stoi")
    if stoi is None:
        return Finding(
            "understandable",
            "warning",
            "Whether the reconstructions are understandable was not measured.",
            "No recording could be scored as sound: they are gone, silent, or too short for STOI.",
            "Put the recordings back where test_data_generator.py found them, and evaluate again.",
        )
    level, words = next(
        (level, words)
        for least, level, words in (
            (_CLEAR, "good", "The reconstructions are understandable, and clear."),
            (_UNDERSTANDABLE, "good", "The reconstructions are understandable, with flaws that one hears."),
            (_PARTLY, "warning", "The reconstructions are understandable only in part."),
            (-math.inf, "bad", "The reconstructions are not understandable."),
        )
        if stoi >= least
    )
    evidence = f"Intelligibility (STOI, of at most 1) is {stoi:.3f}"
    others = [
        f"{name} {value:.3f}"
        for name, system in (("PCA reaches", "pca"), ("the ceiling is", "copy_synthesis"))
        if (value := number(result, "scores", system, "stoi")) is not None
    ]
    evidence += f"; {', '.join(others)}." if others else "."
    own = [value for entry in _list(result, "recordings") if (value := number(entry, "stoi")) is not None]
    if own:
        evidence += f" {sum(value < _PARTLY for value in own)} of {len(own)} recordings are below {_PARTLY}."
    return Finding("understandable", level, words, evidence)


def _leaked(result, model, facts):
    """That testing holds recordings that were trained on."""
    leaked, total = number(facts, "n_leaked"), number(facts, "n_testing")
    if not leaked or not total:
        return None
    pairs = [pair for pair in _list(facts, "pairs") if isinstance(pair, list) and len(pair) == 3]
    example = f", such as {pairs[0][0]} and training's {pairs[0][1]}" if pairs else ""
    return Finding(
        "leakage",
        "bad" if leaked / total >= _LEAKED else "warning",
        "Testing holds what was trained on: the scores flatter.",
        f"{leaked:.0f} of {total:.0f} recordings of testing are near-identical to one of training{example}.",
        "Take the copies out of testing (or out of training), make the arrays again, and train and evaluate again.",
    )


def _of_another_kind(result, model, facts):
    """That testing is of another kind than training."""
    testing, validation = number(result, "scores", "pca", "log_mel_db"), number(model, "validation", "baseline_db")
    if not testing or not validation or testing < _OTHER_KIND * validation:
        return None
    return Finding(
        "mismatch",
        "bad" if testing >= _QUITE_ANOTHER * validation else "warning",
        "Testing is of another kind than what was trained on, such as music, another microphone or much noise.",
        f"PCA of the training recordings misses testing by {testing:.2f} dB, but held-out training recordings by "
        f"{validation:.2f} dB: {testing / validation:.1f} times as much. STOI says little about what is no speech.",
        "Test on recordings like those of training, or put recordings like those of testing into training.",
    )


def _model(result, model, facts):
    """Where the model stands between PCA and the ceiling."""
    ours, floor, ceiling = (number(result, "scores", system, "stoi") for system in ("model", "pca", "copy_synthesis"))
    if ours is None or floor is None or ceiling is None:
        return None
    evidence = f"STOI {ours:.3f}, PCA {floor:.3f} with as many numbers"
    if ours < floor - _BEHIND:
        old = isinstance(model.get("model"), dict) and model["model"].get("network") == "original"
        return Finding(
            "model",
            "bad",
            "The model limits it: it is worse than PCA, which any network must beat"
            + (". It is the old program's network." if old else "."),
            f"{evidence}: {floor - ours:.3f} behind. The features would allow {ceiling:.3f}.",
            "Train again without --network original."
            if old
            else "Train again, longer (--minutes), or see that --learning-rate was not changed.",
        )
    gap = ceiling - ours
    way = f", {100 * (ours - floor) / (ceiling - floor):.0f} % of the way from PCA" if ceiling - floor > _NEAR else ""
    evidence += f"; the features would allow {ceiling:.3f}: {gap:.3f} are missing{way}."
    if gap < _NEAR:
        return None
    return Finding(
        "model",
        "warning" if gap > _FAR else "note",
        "The model limits it: it beats PCA, but is far below its ceiling."
        if gap > _FAR
        else "The model is near its ceiling.",
        evidence,
        "Train longer (--minutes), or give it more numbers (--latent-per-second).",
    )


def _features(result, model, facts):
    """What the features and the inversion leave to be gained."""
    ours, ceiling = (number(result, "scores", system, "stoi") for system in ("model", "copy_synthesis"))
    if ours is None or ceiling is None:
        return None
    evidence = f"With no model in between, STOI is {ceiling:.3f}; the model has {ours:.3f}."
    preset = model["features"].get("preset") if isinstance(model.get("features"), dict) else None
    step = (
        "Recordings with less noise and echo are what is left to try."
        if preset == "fine"
        else "Make both arrays with --preset fine, whose frames are shorter, and train again."
    )
    if ceiling < _LOW_CEILING:
        return Finding(
            "features",
            "bad",
            "The features limit it: no model could be better than this ceiling.",
            evidence,
            step,
        )
    if 1 - ceiling > max(ceiling - ours, _NEAR) and ceiling - ours <= _FAR:
        return Finding("features", "note", "More is lost in the features than in the model.", evidence, step)
    return None


def _time(result, model, facts):
    """Whether training was too short."""
    losses = numbers(model, "history", "validation_loss")
    if not losses:
        return None
    n_epochs, minutes = len(losses), numbers(model, "history", "minutes")
    planned, ended = (
        model["training"].get(key) if isinstance(model.get("training"), dict) else None
        for key in ("planned_epochs", "ended")
    )
    took = f"{n_epochs} epochs" + (f" in {minutes[-1]:.1f} minutes" if minutes else "")
    best = losses.index(min(losses)) + 1
    if ended == "interrupted" and isinstance(planned, int) and planned > n_epochs:
        return Finding(
            "time",
            "warning",
            "Training was interrupted.",
            f"{n_epochs} of {planned} epochs were done.",
            "Go on with autoencoder_for_many_data.py --resume.",
        )
    fall = losses[-1 - max(1, n_epochs // 3)] / losses[-1] - 1 if n_epochs > 1 and losses[-1] > 0 else math.inf
    # A codec's losses are of quantised latents, which no floor has.
    floor = None if model.get("codec") else number(model, "validation", "baseline_loss")
    evidence = f"{took}; the best was epoch {best}, with a loss of {min(losses):.4f} on validation"
    evidence += f" (PCA: {floor:.4f})." if floor else "."
    learned = not floor or min(losses) < (1 - _LEARNED) * floor
    longer = 2 * math.ceil(minutes[-1]) if minutes else 10
    step = f"Train longer: autoencoder_for_many_data.py {'--codec ' if model.get('codec') else ''}--minutes {longer}."
    if ended == "patience":
        return None
    if n_epochs < _FEW_EPOCHS and not (learned and abs(fall) < _FALLING / 3):
        return Finding("time", "warning", "Training was too short to say what the model can do.", evidence, step)
    if best > n_epochs - max(2, n_epochs // 20) and fall > _FALLING:
        return Finding(
            "time",
            "warning" if fall > _FALLING_FAST else "note",
            "Training longer would still gain: the loss was falling when it ended.",
            f"{evidence} It fell by {100 * fall / (1 + fall):.0f} % over the last third.",
            step,
        )
    return None


def _data(result, model, facts):
    """Whether there was too little to learn from."""
    n_recordings, minutes = number(model, "data", "n_recordings"), number(facts, "training_minutes")
    training, testing = number(facts, "training_db"), number(facts, "testing_db")
    where = "testing"
    if training is None or testing is None:
        errors = [numbers(model, "history", key)[-1:] for key in ("training_db", "validation_db")]
        (training, testing), where = (errors[0][0], errors[1][0]) if all(errors) else (None, None), "validation"
    # What is of another kind comes back worse however much was learned from.
    another = where == "testing" and _of_another_kind(result, model, facts)
    overfitted = bool(training and testing and testing > _OVERFITTED * training and not another)
    few = bool(n_recordings and n_recordings < _FEW_RECORDINGS) or bool(minutes and minutes < _FEW_MINUTES)
    if not overfitted and not few:
        return None
    evidence = []
    if n_recordings:
        evidence.append(
            f"It learned from {n_recordings:.0f} recordings" + (f", {minutes:.1f} minutes." if minutes else ".")
        )
    if training and testing:
        evidence.append(
            f"The log-mel error is {training:.2f} dB on training, {testing:.2f} dB on {where}: "
            f"{testing / training:.1f} times as much."
        )
    return Finding(
        "data",
        "warning",
        "There is too little to learn from: what was trained on comes back better than what is new."
        if overfitted
        else "There is very little to learn from.",
        " ".join(evidence),
        "Record more: 200 recordings, or three minutes, of the voices that it is for.",
    )


def _voices(result, model, facts):
    """That nothing is known of unknown voices."""
    speakers, known = number(facts, "n_speakers"), number(facts, "n_known_speakers")
    if not speakers or known != speakers:
        return None
    return Finding(
        "voices",
        "note",
        "How it does on voices that it has never heard is not known.",
        f"All {speakers:.0f} speakers of testing were trained on, by the names of the recordings."
        if speakers > 1
        else "The one speaker of testing was trained on, by the names of the recordings.",
        "Keep one speaker's recordings out of training, and test on them.",
    )


def number(data: object, *keys: str) -> float | None:
    """The finite number at data[key][key]..., or None."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    usable = isinstance(data, int | float) and not isinstance(data, bool) and abs(data) < 1e12
    return float(data) if usable else None


def _list(data, key):
    """The list at data[key], or an empty one."""
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, list) else []


def numbers(data: object, *keys: str) -> list[float]:
    """The list of finite numbers at data[key][key], or an empty one."""
    values = _list(data.get(keys[0]) if isinstance(data, dict) else None, keys[1])
    numbers = [number({"": value}, "") for value in values]
    return [] if None in numbers else numbers
