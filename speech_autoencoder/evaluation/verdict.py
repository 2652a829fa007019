"""What an evaluation means: whether the reconstructions are understandable, what limits them, what to do next."""

import math

from speech_autoencoder.config import ENOUGH, LEAST_RECORDINGS, LEAST_SECONDS
from speech_autoencoder.data.corpus_summary import is_small
from speech_autoencoder.evaluation.results import LEVELS, Finding, Measurements, SharedWithTraining
from speech_autoencoder.script_names import TEST_DATA_GENERATOR, TRAINER
from speech_autoencoder.system.wording import counted, duration

# STOI from which reconstructions are called clear, understandable, or understandable in part. For comparison: at 0.82 a
# recogniser recognised 95 % of spoken digits, at 0.91 as many as in the original recordings (docs/quality.md).
_CLEAR = 0.90
_UNDERSTANDABLE = 0.80
_PARTLY = 0.65

# Copy-synthesis below this STOI: the features are too coarse for any model.
_LOW_COPY_SYNTHESIS = 0.85
# STOI below copy-synthesis: less than this, and the model can hardly improve.
_NEAR = 0.015
# STOI below copy-synthesis: more than this, and the model is the limit.
_FAR = 0.03
# STOI below PCA: more than this is worse, less may be chance.
_BEHIND = 0.005

# Fewer epochs than this are hardly a training.
_FEW_EPOCHS = 20
# Fall of the loss over the last third of training that promises more from a longer one.
_FALLING = 0.03
# The same fall, promising much more.
_FALLING_FAST = 0.08
# Share of the PCA baseline's loss that a model must save to have learned something.
_LEARNED = 0.05

# Error on testing, in errors on training, above which a model is overfitted.
_OVERFITTED = 1.3
# PCA's error on testing, in errors on validation, above which testing is another kind of sound. Speech like that of
# training has 1.0, music 1.3 to 2.3.
_OTHER_KIND = 1.25
# The same for a very different kind.
_VERY_DIFFERENT = 1.5

# Share of testing recordings that are also in training, above which the scores mean nothing.
_LEAKED = 0.05


def judge(measured: Measurements, model: dict, shared: SharedWithTraining | None = None) -> list[Finding]:
    """Interpret an evaluation.

    Parameters
    ----------
    measured
        The scores.
    model
        The description in the model's file, with the configurations `model` and `features`. It comes from a file:
        missing values, and values of another type, count as unknown.
    shared
        What testing shares with training; None if the training array is not available.

    Returns
    -------
    list of Finding
        First whether the reconstructions are understandable; then what limits them, the most severe limit first.
    """
    found = [
        _leakage(shared),
        _mismatch(measured, model),
        _model(measured),
        _features(measured, model),
        _training_time(model),
        _training_data(measured, model, shared),
        _testing_data(measured),
        _voices(shared),
    ]
    limits = sorted((finding for finding in found if finding), key=lambda finding: LEVELS.index(finding.level))
    if not any(finding.level in ("bad", "warning") or finding.kind in ("model", "features") for finding in limits):
        limits.append(Finding("limits", "good", "No limiting factor found.", ""))
    return [_headline(measured), *limits]


def _headline(measured: Measurements) -> Finding:
    """Tell whether the reconstructions are understandable."""
    stoi = measured.scores["model"].get("stoi")
    if stoi is None:
        return Finding(
            "understandable",
            "warning",
            "Intelligibility was not measured.",
            "No recording could be scored as sound: the recordings are missing, silent, or too short for STOI.",
            f"Put the recordings back where {TEST_DATA_GENERATOR} found them, and evaluate again.",
        )
    level, sentence = next(
        (level, sentence)
        for least, level, sentence in (
            (_CLEAR, "good", "The reconstructions are clear and understandable."),
            (_UNDERSTANDABLE, "good", "The reconstructions are understandable, with audible flaws."),
            (_PARTLY, "warning", "The reconstructions are understandable only in part."),
            (-math.inf, "bad", "The reconstructions are not understandable."),
        )
        if stoi >= least
    )
    others = [
        f"{name} {value:.3f}"
        for name, system in (("the PCA baseline reaches", "pca"), ("copy-synthesis", "copy_synthesis"))
        if (value := measured.scores[system].get("stoi")) is not None
    ]
    evidence = f"Intelligibility (STOI, at most 1) is {stoi:.3f}" + (f"; {', '.join(others)}." if others else ".")
    alone = [value for entry in measured.recordings if (value := entry.scores.get("stoi")) is not None]
    if alone:
        n_low = sum(value < _PARTLY for value in alone)
        verb = "is" if n_low == 1 else "are"
        evidence += f" {n_low} of {counted(len(alone), 'recording')} {verb} below {_PARTLY}."
    return Finding("understandable", level, sentence, evidence)


def _leakage(shared: SharedWithTraining | None) -> Finding | None:
    """Find testing recordings that were trained on."""
    if not shared or not shared.n_testing:
        return None
    n, total = shared.n_leaked, shared.n_testing
    if not n and shared.n_unsure:
        verb = "resembles" if shared.n_unsure == 1 else "resemble"
        return Finding(
            "leakage",
            "note",
            "Whether testing contains training recordings is not known.",
            f"{shared.n_unsure} of {counted(total, 'testing recording')} {verb} a training recording, but a file "
            "that would tell whether they are the same is gone, or has changed since.",
            "Put the recordings back where the arrays were made from, or make the arrays again, and evaluate again.",
        )
    if not n:
        return None
    first = next(iter(shared.pairs), None)
    example = f", such as {first.testing} and {first.training}" if first else ""
    return Finding(
        "leakage",
        "bad" if n / total >= _LEAKED else "warning",
        "Leakage: some testing recordings are also in training, so the scores are too good.",
        f"{n} of {counted(total, 'testing recording')} {'is' if n == 1 else 'are'} nearly identical to a training "
        f"recording{example}.",
        "Remove the copies from testing (or from training), make the arrays again, then train and evaluate again.",
    )


def _mismatch(measured: Measurements, model: dict) -> Finding | None:
    """Find that testing is another kind of sound than training."""
    testing = measured.scores["pca"].get("log_mel_db")
    validation = number(model, "validation", "baseline_db")
    if not testing or not validation or testing < _OTHER_KIND * validation:
        return None
    evidence = (
        f"The PCA baseline, fitted to training, has a log-mel error of {testing:.2f} dB on testing and "
        f"{validation:.2f} dB on held-out training recordings: {testing / validation:.1f} times as large."
    )
    n_training = number(model, "data", "n_recordings")
    if (n_training and n_training < LEAST_RECORDINGS) or 0 < measured.n_recordings < LEAST_RECORDINGS:
        return Finding(
            "mismatch",
            "note",
            "Testing has a larger error than training, but the recordings are too few to say why.",
            evidence,
            f"Use at least {LEAST_RECORDINGS} recordings for training, and as many for testing.",
        )
    return Finding(
        "mismatch",
        "bad" if testing >= _VERY_DIFFERENT * validation else "warning",
        "Testing differs from training: it may be music, very noisy, or from another microphone.",
        f"{evidence} STOI says little about sounds other than speech.",
        "Test on recordings like those of training, or add recordings like those of testing to training.",
    )


def _model(measured: Measurements) -> Finding | None:
    """Place the model between the PCA baseline and copy-synthesis."""
    model, pca, copy_synthesis = (measured.scores[key].get("stoi") for key in ("model", "pca", "copy_synthesis"))
    if model is None or pca is None or copy_synthesis is None:
        return None
    evidence = f"STOI: model {model:.3f}, PCA {pca:.3f} (same latent rate), copy-synthesis {copy_synthesis:.3f}."
    if model < pca - _BEHIND:
        return Finding(
            "model",
            "bad",
            "The model is the limit: it is worse than PCA, which any network should beat.",
            f"{evidence} The model is {pca - model:.3f} below PCA.",
            "Train again, for longer (--minutes) and with the default --learning-rate.",
        )
    gap = copy_synthesis - model
    if gap < _NEAR:
        return None
    progress = ""
    if copy_synthesis - pca > _NEAR:
        progress = f", {100 * (model - pca) / (copy_synthesis - pca):.0f} % of the way from PCA"
    return Finding(
        "model",
        "warning" if gap > _FAR else "note",
        "The model is the limit: it is far below copy-synthesis, which is what the features keep."
        if gap > _FAR
        else "The model is close to copy-synthesis, which is what the features keep.",
        f"{evidence} The model is {gap:.3f} below copy-synthesis{progress}.",
        "Train for longer (--minutes), or use a higher latent rate (--latent-rate).",
    )


def _features(measured: Measurements, model: dict) -> Finding | None:
    """Find that the features and their inversion lose more than the model."""
    stoi, copy_synthesis = (measured.scores[key].get("stoi") for key in ("model", "copy_synthesis"))
    if stoi is None or copy_synthesis is None:
        return None
    evidence = f"Copy-synthesis, without a model, has a STOI of {copy_synthesis:.3f}; the model has {stoi:.3f}."
    preset = model["features"].get("preset") if isinstance(model.get("features"), dict) else None
    next_step = (
        "Use recordings with less noise and reverberation."
        if preset == "fine"
        else "Make both arrays with --preset fine, which has shorter frames, and train again."
    )
    if copy_synthesis < _LOW_COPY_SYNTHESIS:
        return Finding(
            "features",
            "bad",
            "The features are the limit: models are hardly better than copy-synthesis.",
            evidence,
            next_step,
        )
    if 1 - copy_synthesis > max(copy_synthesis - stoi, _NEAR) and copy_synthesis - stoi <= _FAR:
        return Finding("features", "note", "The features lose more than the model does.", evidence, next_step)
    return None


def _training_time(model: dict) -> Finding | None:
    """Find that the training was too short."""
    losses, minutes = numbers(model, "history", "validation_loss"), numbers(model, "history", "minutes")
    if not losses:
        return None
    training = model["training"] if isinstance(model.get("training"), dict) else {}
    planned, ended = training.get("planned_epochs"), training.get("ended")
    n_epochs, best = len(losses), losses.index(min(losses)) + 1
    if ended == "interrupted" and isinstance(planned, int) and planned > n_epochs:
        return Finding(
            "time",
            "warning",
            "Training was interrupted.",
            f"It completed {n_epochs} of {planned} epochs.",
            f"Continue it with {TRAINER} --resume.",
        )
    if ended == "patience":
        return None
    fall = losses[-1 - max(1, n_epochs // 3)] / losses[-1] - 1 if n_epochs > 1 and losses[-1] > 0 else math.inf
    # The latents of a codec are quantised, those of PCA are not: their losses are not comparable.
    pca_loss = None if model.get("codec") else number(model, "validation", "baseline_loss")
    learned = not pca_loss or min(losses) < (1 - _LEARNED) * pca_loss
    time = f" in {duration(60 * minutes[-1])}" if minutes else ""
    of_pca = f" (PCA: {pca_loss:.4f})" if pca_loss else ""
    evidence = (
        f"{counted(n_epochs, 'epoch')}{time}; the best is epoch {best}, "
        f"with a validation loss of {min(losses):.4f}{of_pca}."
    )
    longer = 2 * math.ceil(minutes[-1]) if minutes else 10
    codec = "--codec " if model.get("codec") else ""
    next_step = f"Train for longer: {TRAINER} {codec}--minutes {longer}."
    if n_epochs < _FEW_EPOCHS and not (learned and abs(fall) < _FALLING / 3):
        sentence = "Training was too short to show what the model can do."
        return Finding("time", "warning", sentence, evidence, next_step)
    if best > n_epochs - max(2, n_epochs // 20) and fall > _FALLING:
        return Finding(
            "time",
            "warning" if fall > _FALLING_FAST else "note",
            "Longer training would help: the loss was still falling at the end.",
            f"{evidence} It fell by {100 * fall / (1 + fall):.0f} % over the last third.",
            next_step,
        )
    return None


def _training_data(measured: Measurements, model: dict, shared: SharedWithTraining | None) -> Finding | None:
    """Find that there were too few training recordings."""
    n_recordings = number(model, "data", "n_recordings")
    minutes = shared.training_minutes if shared else None
    training, testing = (shared.training_db, shared.testing_db) if shared else (None, None)
    tested_on = "testing"
    if training is None or testing is None:
        last_errors = [numbers(model, "history", key)[-1:] for key in ("training_db", "validation_db")]
        training, testing = (last_errors[0][0], last_errors[1][0]) if all(last_errors) else (None, None)
        tested_on = "validation"
    # Another kind of sound has a larger error however many recordings there were.
    mismatch = _mismatch(measured, model) if tested_on == "testing" else None
    is_other_kind = bool(mismatch and mismatch.level != "note")
    overfitted = bool(training and testing and testing > _OVERFITTED * training and not is_other_kind)
    few = bool(n_recordings and n_recordings < LEAST_RECORDINGS) or bool(minutes and 60 * minutes < LEAST_SECONDS)
    if not overfitted and not few:
        return None
    evidence = []
    if n_recordings:
        length = f" ({duration(60 * minutes)})" if minutes else ""
        evidence.append(f"The model was trained on {counted(round(n_recordings), 'recording')}{length}.")
    if training and testing:
        evidence.append(
            f"The log-mel error is {training:.2f} dB on training and {testing:.2f} dB on {tested_on}: "
            f"{testing / training:.1f} times as large."
        )
    return Finding(
        "data",
        "warning",
        "Overfitting: training recordings are reconstructed better than new ones. Add recordings."
        if overfitted
        else "There are very few training recordings.",
        " ".join(evidence),
        f"Record more of the voices that the model is for: {ENOUGH}.",
    )


def _testing_data(measured: Measurements) -> Finding | None:
    """Find that there are too few testing recordings for any claim about others."""
    n, seconds = measured.n_recordings, sum(entry.duration_s for entry in measured.recordings)
    if not n or not is_small(n, seconds):
        return None
    return Finding(
        "testing",
        "warning",
        "There are too few testing recordings for any claim about other recordings.",
        f"The model was tested on {counted(n, 'recording')} of {duration(seconds)} in all.",
        f"Test on at least {LEAST_RECORDINGS} recordings, and {LEAST_SECONDS:.0f} s.",
    )


def _voices(shared: SharedWithTraining | None) -> Finding | None:
    """Find that no testing speaker is new."""
    if not shared or not shared.n_speakers or shared.n_known_speakers != shared.n_speakers:
        return None
    return Finding(
        "voices",
        "note",
        "New voices were not tested.",
        f"All {shared.n_speakers} testing speakers are also in training, according to the names of the recordings."
        if shared.n_speakers > 1
        else "The only testing speaker is also in training, according to the names of the recordings.",
        "Keep one speaker's recordings out of training, and test on them.",
    )


def number(data: object, *keys: str) -> float | None:
    """Return the finite number at `data[key][key]...` of untrusted JSON, or None.

    Examples
    --------
    >>> number({"validation": {"loss": 0.25}}, "validation", "loss"), number([], "validation")
    (0.25, None)
    """
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    if isinstance(data, int | float) and not isinstance(data, bool) and abs(data) < 1e12:
        return float(data)
    return None


def numbers(data: object, *keys: str) -> list[float]:
    """Return the list of finite numbers at `data[key][key]...` of untrusted JSON, or an empty list.

    Examples
    --------
    >>> numbers({"history": {"minutes": [1, 2.5]}}, "history", "minutes"), numbers({"history": [1]}, "history", "x")
    ([1.0, 2.5], [])
    """
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    values = [number(value) for value in data] if isinstance(data, list) else [None]
    return [] if None in values else [value for value in values if value is not None]
