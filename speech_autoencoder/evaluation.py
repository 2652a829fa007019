"""A model judged on recordings: beside the PCA floor, and the ceiling that its features and inversion allow."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import soxr

from speech_autoencoder import metrics
from speech_autoencoder.audio import read
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.dataset import Dataset
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import reconstruct
from speech_autoencoder.model_file import TrainedModel
from speech_autoencoder.reconstruction import to_waveform

SYSTEMS = {
    "model": "the model",
    "floor": "PCA floor (linear, as many numbers)",
    "ceiling": "ceiling (no model in between)",
}


def evaluate(
    dataset: Dataset,
    model: TrainedModel,
    inversion: InversionConfig,
    *,
    workers: int,
    progress: Callable[[Iterable, int], Iterable] = lambda items, total: items,
) -> dict:
    """The scores of the model, the floor and the ceiling on the dataset, as JSON's own types.

    `scores` holds a dict per system: log_mel_db (RMS error, dB), and stoi, estoi, pesq_nb (and pesq_wb
    from 16 kHz on), None where nothing could be scored. Sound is scored on strings of short recordings; which were
    left out, and why, is in `left_out`.
    """
    everything = range(len(dataset.names))
    errors = np.array([_errors(dataset, model, i) for i in progress(everything, len(everything))])
    strings, too_short = metrics.pool(dataset.groups(), dataset.n_samples / dataset.sr)
    left_out = [
        {"path": dataset.names[i], "reason": "the only ones of its speaker are too short for STOI"} for i in too_short
    ]
    scored, pooled = [], 0
    with ThreadPoolExecutor(workers) as executor:
        results = executor.map(lambda string: _score(dataset, model, inversion, string), strings)
        for result, missing in progress(results, len(strings)):
            left_out += missing
            if result:
                scored.append(result)
                pooled += result["n_recordings"]
    scores = {}
    for number, system in enumerate(SYSTEMS):
        weights = dataset.n_frames / dataset.n_frames.sum()
        scores[system] = {"log_mel_db": float(np.sqrt((errors[:, number] ** 2 * weights).sum()))}
        for metric in sorted({key for result in scored for key in result["scores"][system]}):
            values = [result["scores"][system].get(metric, np.nan) for result in scored]
            scores[system][metric] = float(np.nanmean(values)) if np.isfinite(values).any() else None
    return {
        "scores": scores,
        "n_recordings": len(dataset.names),
        "n_scored": pooled,
        "n_strings": len(scored),
        "left_out": left_out,
        "recordings": [
            {"path": name, "log_mel_db": float(error)} for name, error in zip(dataset.names, errors[:, 0], strict=True)
        ],
    }


def _outputs(dataset, model, recording):
    """The normalised log-mel of the recording as each system gives it."""
    frames = dataset.frames(recording)
    return {
        "model": reconstruct(model.network, model.config, frames),
        "floor": model.floor.reconstruct(frames),
        "ceiling": frames,
    }


def _errors(dataset, model, recording):
    """The log-mel error (dB) of each system."""
    frames = dataset.frames(recording)
    outputs = _outputs(dataset, model, recording)
    return [metrics.log_mel_error_db(frames, outputs[system], model.features) for system in SYSTEMS]


def _score(dataset, model, inversion, string):
    """(the scores of a string of recordings or None, those that could not be read)."""
    references, estimates, missing = [], {system: [] for system in SYSTEMS}, []
    sr = int(max(dataset.sr[i] for i in string.recordings))
    for i in string.recordings:
        try:
            reference = read(dataset.path(i))
            if len(reference) != dataset.n_samples[i]:
                raise InputError(f"{dataset.names[i]} has changed since the array was made.")
        except InputError as error:
            missing.append({"path": dataset.names[i], "reason": str(error)})
            continue
        references.append(_at_rate(reference, int(dataset.sr[i]), sr))
        for system, frames in _outputs(dataset, model, i).items():
            blocks = to_waveform([frames], model.features, inversion, int(dataset.sr[i]), int(dataset.n_samples[i]))
            estimates[system].append(_at_rate(np.concatenate(list(blocks)), int(dataset.sr[i]), sr))
    if not references:
        return None, missing
    reference = metrics.join(references, sr)
    scores = {}
    for system in SYSTEMS:
        estimate = metrics.match_level(reference, metrics.join(estimates[system], sr))
        scores[system] = {
            "stoi": metrics.stoi(reference, estimate, sr),
            "estoi": metrics.stoi(reference, estimate, sr, extended=True),
        }
        if metrics.has_pesq():
            scores[system]["pesq_nb"] = metrics.pesq(reference, estimate, sr, "nb")
            if sr >= 16_000:
                scores[system]["pesq_wb"] = metrics.pesq(reference, estimate, sr, "wb")
    return {"group": string.group, "n_recordings": len(references), "scores": scores}, missing


def _at_rate(waveform, sr_in, sr_out):
    """The waveform at another rate."""
    return waveform if sr_in == sr_out else soxr.resample(waveform, sr_in, sr_out)


def format_table(scores: dict) -> str:
    """The scores as a table for the terminal, a line per system."""
    headings = {
        "log_mel_db": ("log-mel error, dB", ".2f"),
        "stoi": ("STOI", ".3f"),
        "estoi": ("ESTOI", ".3f"),
        "pesq_nb": ("PESQ-NB", ".2f"),
        "pesq_wb": ("PESQ-WB", ".2f"),
    }
    columns = [key for key in headings if key in scores["model"]]
    rows = [["", *(headings[key][0] for key in columns)]]
    for system, title in SYSTEMS.items():
        values = (scores[system][key] for key in columns)
        cells = ["-" if v is None else format(v, headings[k][1]) for k, v in zip(columns, values, strict=True)]
        rows.append([title, *cells])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )
