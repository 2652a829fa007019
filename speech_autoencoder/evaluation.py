"""A model judged on recordings: beside the PCA floor, and the ceiling that its features and inversion allow."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import soxr

from speech_autoencoder import metrics
from speech_autoencoder.audio import read
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.dataset import Dataset
from speech_autoencoder.encoding import Encoder
from speech_autoencoder.errors import InputError
from speech_autoencoder.files import shown
from speech_autoencoder.reconstruction import reconstruct, to_waveform

SYSTEMS = {
    "model": "the model",
    "floor": "PCA floor (linear, as many numbers)",
    "ceiling": "ceiling (no model in between)",
}

# The metrics' headings, and how their values are written.
COLUMNS = {
    "log_mel_db": ("log-mel error, dB", ".2f"),
    "stoi": ("STOI", ".3f"),
    "estoi": ("ESTOI", ".3f"),
    "pesq_nb": ("PESQ-NB", ".2f"),
    "pesq_wb": ("PESQ-WB", ".2f"),
}
# The recordings, and the frames of each, by which training is compared with testing.
_N_COMPARED, _MOST_COMPARED_FRAMES = 40, 1_024


def evaluate(
    dataset: Dataset,
    encoder: Encoder,
    inversion: InversionConfig,
    *,
    workers: int,
    progress: Callable[[Iterable, int], Iterable] = lambda items, total: items,
) -> dict:
    """The scores of the encoder's model, the floor and the ceiling on the dataset, as JSON's own types.

    `scores` holds a dict per system: log_mel_db (RMS error, dB), and stoi, estoi, pesq_nb (and pesq_wb
    from 16 kHz on), None where nothing could be scored. Sound is scored on strings of short recordings; which were
    left out, and why, is in `left_out`.

    `recordings` holds a dict per recording, of the model: log_mel_db; stoi, None where it is too short; level_db, how
    much louder it came back; string, the index in `strings` of the one that it was scored in, or None. `strings` holds
    the model's scores of each.
    """
    speakers, durations_s = dataset.groups(), dataset.n_samples / dataset.sr
    strings, too_short = metrics.pool(speakers, durations_s)
    left_out = [
        {"path": dataset.names[i], "reason": "the only ones of its speaker are too short for STOI"} for i in too_short
    ]
    errors = np.empty((len(dataset.names), len(SYSTEMS)))
    alone = [{"stoi": None, "level_db": None} for _ in dataset.names]
    string_of, scored_strings, scored, pooled = {}, [], [], 0
    work = [string.recordings for string in strings] + [[i] for i in too_short]
    with ThreadPoolExecutor(workers) as executor:
        results = executor.map(lambda recordings: _judge(dataset, encoder, inversion, recordings), work)
        for number, (recordings, result) in enumerate(zip(work, progress(results, len(work)), strict=True)):
            errors[recordings] = result["errors"]
            for i, entry in result["alone"].items():
                alone[i] = entry
            if number < len(strings):
                left_out += result["left_out"]
                if result["scores"]:
                    string_of |= dict.fromkeys(result["alone"], len(scored))
                    own = {key: None if np.isnan(value) else value for key, value in result["scores"]["model"].items()}
                    scored_strings.append(
                        {"speaker": strings[number].group, "n_recordings": len(result["alone"]), **own}
                    )
                    scored.append(result["scores"])
                    pooled += len(result["alone"])
    scores = {}
    for number, system in enumerate(SYSTEMS):
        weights = dataset.n_frames / dataset.n_frames.sum()
        scores[system] = {"log_mel_db": float(np.sqrt((errors[:, number] ** 2 * weights).sum()))}
        for metric in sorted({key for result in scored for key in result[system]}):
            values = [result[system].get(metric, np.nan) for result in scored]
            scores[system][metric] = float(np.nanmean(values)) if np.isfinite(values).any() else None
    return {
        "scores": scores,
        "n_recordings": len(dataset.names),
        "n_scored": pooled,
        "n_strings": len(scored),
        "left_out": left_out,
        "strings": scored_strings,
        "recordings": [
            {
                "path": name,
                "speaker": speakers[i],
                "duration_s": float(durations_s[i]),
                "log_mel_db": float(errors[i, 0]),
                **alone[i],
                "string": string_of.get(i),
            }
            for i, name in enumerate(dataset.names)
        ],
    }


def _judge(dataset, encoder, inversion, recordings):
    """What a string of recordings gives: `errors` (n, systems), `scores` by system or None, `alone`: {recording: its
    own scores} of those that were scored, `left_out`.
    """
    features, sr = encoder.model.features, int(max(dataset.sr[i] for i in recordings))
    references, estimates, errors, alone, left_out = [], {system: [] for system in SYSTEMS}, [], {}, []
    for i in recordings:
        frames = dataset.frames(i)
        outputs = {
            "model": reconstruct(encoder, frames),
            "floor": encoder.model.floor.reconstruct(frames),
            "ceiling": frames,
        }
        errors.append([metrics.log_mel_error_db(frames, outputs[system], features) for system in SYSTEMS])
        own_sr, n_samples = int(dataset.sr[i]), int(dataset.n_samples[i])
        try:
            reference = read_original(dataset, i)
        except InputError as error:
            left_out.append({"path": dataset.names[i], "reason": str(error)})
            continue
        references.append(_at_rate(reference, own_sr, sr))
        for system, output in outputs.items():
            waveform = np.concatenate(list(to_waveform([output], features, inversion, own_sr, n_samples)))
            estimates[system].append(_at_rate(waveform, own_sr, sr))
            if system == "model":
                alone[i] = _score_alone(reference, waveform, own_sr)
    scores = {system: _score(references, estimates[system], sr) for system in SYSTEMS} if references else None
    return {"errors": errors, "scores": scores, "alone": alone, "left_out": left_out}


def compare(training: Dataset, testing: Dataset, encoder: Encoder) -> dict:
    """The model's RMS log-mel error (dB) on some recordings of training and of testing: `training_db`, `testing_db`.

    The latent is the encoder's own guess, which is what training has taught.
    """
    plain = Encoder(encoder.model, replace(encoder.config, rounds=0))
    errors = {}
    for key, dataset in (("training_db", training), ("testing_db", testing)):
        some = range(0, len(dataset.names), max(1, len(dataset.names) // _N_COMPARED))
        # One after another, since every new length costs the network a start.
        frames = np.concatenate([dataset.frames(i)[:, :_MOST_COMPARED_FRAMES] for i in some], axis=1)
        errors[key] = metrics.log_mel_error_db(frames, reconstruct(plain, frames), dataset.features)
    return errors


def read_original(dataset: Dataset, recording: int) -> np.ndarray:
    """The waveform of a recording of the dataset, at its own rate.

    Raises InputError where it is gone, is another than when the array was made, or is silent.
    """
    waveform = read(dataset.path(recording))
    if len(waveform) != dataset.n_samples[recording]:
        raise InputError(f"{shown(dataset.names[recording])} has changed since the array was made.")
    if not waveform.any():
        raise InputError(f"{shown(dataset.names[recording])} is silent: there is nothing to understand.")
    return waveform


def _score_alone(reference, estimate, sr):
    """What can be said of one recording, however short: STOI, or None, and the level's error in dB, or None."""
    value = metrics.stoi(reference, metrics.match_level(reference, estimate), sr)
    level_db = metrics.level_error_db(reference, estimate)
    return {"stoi": None if np.isnan(value) else value, "level_db": level_db if np.isfinite(level_db) else None}


def _score(references, estimates, sr):
    """The metrics of the recordings as one string of sound."""
    reference = metrics.join(references, sr)
    estimate = metrics.match_level(reference, metrics.join(estimates, sr))
    scores = {
        "stoi": metrics.stoi(reference, estimate, sr),
        "estoi": metrics.stoi(reference, estimate, sr, extended=True),
    }
    if metrics.has_pesq():
        scores["pesq_nb"] = metrics.pesq(reference, estimate, sr, "nb")
        if sr >= 16_000:
            scores["pesq_wb"] = metrics.pesq(reference, estimate, sr, "wb")
    return scores


def _at_rate(waveform, sr_in, sr_out):
    """The waveform at another rate."""
    return waveform if sr_in == sr_out else soxr.resample(waveform, sr_in, sr_out)


def format_table(scores: dict) -> str:
    """The scores as a table for the terminal, a line per system."""
    columns = [key for key in COLUMNS if key in scores["model"]]
    rows = [["", *(COLUMNS[key][0] for key in columns)]]
    for system, title in SYSTEMS.items():
        values = (scores[system][key] for key in columns)
        cells = ["-" if v is None else format(v, COLUMNS[k][1]) for k, v in zip(columns, values, strict=True)]
        rows.append([title, *cells])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )
