"""A model judged on recordings: beside the PCA floor, and the ceiling that its features and inversion allow."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from speech_autoencoder import intervals, metrics
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.dataset import Dataset
from speech_autoencoder.encoding import Encoder
from speech_autoencoder.intervals import Unit
from speech_autoencoder.judging import ALONE, SYSTEMS, Judge, metrics_of_strings
from speech_autoencoder.recogniser import Listener
from speech_autoencoder.reconstruction import reconstruct

# The metrics' headings, and how their values are written.
COLUMNS = {
    "stoi": ("STOI", ".3f"),
    "estoi": ("ESTOI", ".3f"),
    "words": ("words heard right", ".3f"),
    "pesq_nb": ("PESQ-NB", ".2f"),
    "pesq_wb": ("PESQ-WB", ".2f"),
    "dnsmos": ("DNSMOS", ".2f"),
    "log_mel_db": ("log-mel error, dB", ".2f"),
    "mcd_db": ("cepstral distortion, dB", ".2f"),
    "f0_cents": ("F0 error, cents", ".1f"),
    "gross_pitch_error": ("gross F0 errors", ".3f"),
    "voicing_error": ("voicing error", ".3f"),
    "f0_frame_error": ("F0 or voicing wrong", ".3f"),
    "level_db": ("level error, dB", ".2f"),
}
# Of these, more is better; of the others, less.
MORE_IS_BETTER = frozenset({"stoi", "estoi", "words", "pesq_nb", "pesq_wb", "dnsmos"})
# What is measured of whole strings, and of the others why recordings are missing.
_OF_STRINGS = frozenset({"stoi", "estoi", "pesq_nb", "pesq_wb", "dnsmos"})
_WHY = {
    "words": "no label, or a word that the recogniser does not know",
    "mcd_db": "not scored as sound",
    "f0_cents": "nothing is voiced in both, or not scored as sound",
    "gross_pitch_error": "nothing is voiced in both, or not scored as sound",
    "voicing_error": "not scored as sound",
    "f0_frame_error": "not scored as sound",
    "level_db": "came back silent, or not scored as sound",
}
# The recordings, and the frames of each, by which training is compared with testing.
_N_COMPARED, _MOST_COMPARED_FRAMES = 40, 1_024


def evaluate(
    dataset: Dataset,
    encoder: Encoder,
    inversion: InversionConfig,
    *,
    workers: int,
    other: Encoder | None = None,
    recogniser: Listener | None = None,
    labels: dict[str, str] | None = None,
    progress: Callable[[Iterable, int], Iterable] = lambda items, total: items,
) -> dict:
    """The scores of the encoder's model, the floor and the ceiling on the dataset, as JSON's own types.

    `scores` holds a dict per system, and `intervals` [low, high] of 95 % of each; docs/evaluation.md says what each
    key is. Sound is scored on strings of short recordings; which were left out, and why, is in `left_out`. With
    another model of the same features, `comparison` holds how they differ; with a recogniser and labels {name: word},
    `words` what it hears.

    `recordings` holds a dict per recording, of the model; `strings` the scores of each string, the model's
    and each other system's.
    """
    speakers, durations_s = dataset.groups(), dataset.n_samples / dataset.sr
    strings, too_short = metrics.pool(speakers, durations_s)
    left_out = [
        {"path": dataset.names[i], "reason": "the only ones of its speaker are too short for STOI"} for i in too_short
    ]
    systems = [*SYSTEMS, *(["other"] if other else [])]
    judge = Judge(dataset, {"model": encoder, "other": other}, inversion, systems, recogniser, labels or {})
    errors = np.empty(len(dataset.names))
    alone = [dict.fromkeys(ALONE) for _ in dataset.names]
    string_of, scored_strings, units, heard, pooled = {}, [], [], {}, 0
    bands, parts = dict.fromkeys(SYSTEMS, 0.0), dict.fromkeys(SYSTEMS, 0.0)
    work = [string.recordings for string in strings] + [[i] for i in too_short]
    with ThreadPoolExecutor(workers) as executor:
        for number, (recordings, result) in enumerate(
            zip(work, progress(executor.map(judge, work), len(work)), strict=True)
        ):
            errors[recordings] = result.errors
            for i, entry in result.alone.items():
                alone[i] = entry
            heard |= result.heard
            for system in SYSTEMS:
                bands[system] = bands[system] + result.bands[system]
                parts[system] = parts[system] + result.parts[system]
            if number >= len(strings):
                # Too short to be scored as sound, but not to be compared as log-mel.
                for sums in result.sums.values():
                    for metric in _OF_STRINGS & sums.keys():
                        del sums[metric]
            units.append(Unit(speakers[recordings[0]], result.sums))
            if number < len(strings):
                left_out += result.left_out
                if result.alone:
                    string_of |= dict.fromkeys(result.alone, len(scored_strings))
                    sr = max(int(dataset.sr[i]) for i in recordings)
                    scored_strings.append(
                        {
                            "speaker": strings[number].group,
                            "n_recordings": len(result.alone),
                            **_of_string(result.sums["model"], sr),
                            **{system: _of_string(result.sums[system], sr) for system in SYSTEMS if system != "model"},
                        }
                    )
                    pooled += len(result.alone)
    measured = [m for m in COLUMNS if any(m in unit.sums["model"] for unit in units) or _expected(m, scored_strings)]
    return {
        "scores": {system: {m: intervals.score(units, system, m) for m in measured} for system in SYSTEMS},
        "intervals": intervals.intervals(units, list(SYSTEMS), measured),
        "drawn": intervals.drawn_by(units),
        "coverage": _coverage(measured, alone, scored_strings, heard, len(dataset.names)),
        "log_mel_error": _profile(dataset.features, bands, parts, int(dataset.n_frames.sum())),
        "n_recordings": len(dataset.names),
        "n_scored": pooled,
        "n_strings": len(scored_strings),
        "left_out": left_out,
        **({"words": _words(units, recogniser, heard)} if heard else {}),
        **({"comparison": _comparison(units, measured)} if other else {}),
        "strings": scored_strings,
        "recordings": [
            {
                "path": name,
                "speaker": speakers[i],
                "duration_s": float(durations_s[i]),
                "log_mel_db": float(errors[i]),
                **alone[i],
                "string": string_of.get(i),
            }
            for i, name in enumerate(dataset.names)
        ],
    }


def _of_string(sums, sr):
    """The scores of a string at sr Hz, None where nothing could be said."""
    return {metric: sums[metric][0] if metric in sums else None for metric in metrics_of_strings(sr)}


def _expected(metric, scored_strings):
    """Whether strings were scored with the metric, if only to find that nothing could be said."""
    return any(metric in string for string in scored_strings)


def _coverage(measured, alone, scored_strings, heard, n_recordings):
    """{metric: how many strings or recordings it was measured on, of how many, and why others are missing}."""
    out = {}
    for metric in measured:
        if metric in _OF_STRINGS:
            n = sum(string.get(metric) is not None for string in scored_strings)
            entry = {"unit": "strings", "n": n, "of": len(scored_strings), "why": "nothing that is long enough"}
        else:
            n = sum(entry.get(metric) is not None for entry in alone)
            n = {"words": len(heard), "log_mel_db": n_recordings}.get(metric, n)
            entry = {"unit": "recordings", "n": n, "of": n_recordings, "why": _WHY.get(metric, "")}
        out[metric] = entry | ({"why": ""} if entry["n"] == entry["of"] else {})
    return out


def _profile(features, bands, parts, n_frames):
    """Where the model and the floor err: the RMS log-mel error of each band, and of each tenth of the recordings."""
    import librosa

    centres = librosa.mel_frequencies(n_mels=features.n_mels + 2, fmin=0, fmax=features.sr / 2)[1:-1]
    return {
        "band_hz": [round(float(hz), 1) for hz in centres],
        **{
            system: {
                "by_band_db": np.sqrt(bands[system] / n_frames).tolist(),
                "over_time_db": [
                    float(np.sqrt(total / n)) if n else None for total, n in zip(*parts[system], strict=True)
                ],
            }
            for system in ("model", "floor")
        },
    }


def _words(units, recogniser, heard):
    """What the recogniser hears: its accuracy on originals, and for each system how often which word for which."""
    systems = ("original", *SYSTEMS)
    nothing = {"" for entry in heard.values() for system in systems if entry[system] == ""}
    number = {label: i for i, label in enumerate([*recogniser.labels, *nothing])}
    confusion = {system: np.zeros((len(recogniser.labels), len(number)), int) for system in systems}
    for entry in heard.values():
        for system, counts in confusion.items():
            counts[number[entry["said"]], number[entry[system]]] += 1
    return {
        "recogniser": recogniser.name,
        "labels": recogniser.labels,
        "heard": list(number),
        "n_training": recogniser.n_training,
        "n_recordings": len(heard),
        "originals": intervals.score(units, "original", "words"),
        "originals_interval": intervals.intervals(units, ["original"], ["words"])["original"]["words"],
        "confusion": {system: counts.tolist() for system, counts in confusion.items()},
    }


def _comparison(units, measured):
    """The other model's scores, the differences, and what they show."""
    found = intervals.differences(units, "model", "other", measured)
    for metric, entry in found.items():
        entry["shows"] = _shows(metric, entry["interval"])
    return {"scores": {m: intervals.score(units, "other", m) for m in measured}, "differences": found}


def _shows(metric, interval):
    """What an interval of differences shows: "better", "worse", "no difference", or "unknown" where there is none."""
    if interval is None:
        return "unknown"
    low, high = interval if metric in MORE_IS_BETTER else (-interval[1], -interval[0])
    return "better" if low > 0 else "worse" if high < 0 else "no difference"


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


def format_table(scores: dict, intervals: dict | None = None) -> str:
    """The scores as a table for the terminal, a line per metric; 95 % intervals in brackets."""
    rows = [["", *(title.partition(" (")[0] for title in SYSTEMS.values())]]
    rows += [
        [COLUMNS[metric][0], *(_cell(metric, scores[system], (intervals or {}).get(system)) for system in SYSTEMS)]
        for metric in COLUMNS
        if metric in scores["model"]
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def format_value(metric: str, value: float | None) -> str:
    """A score as it is written, "-" where there is none."""
    return "-" if value is None else format(value, COLUMNS[metric][1])


def _cell(metric, scores, intervals):
    """A score with its interval."""
    text, interval = format_value(metric, scores[metric]), (intervals or {}).get(metric)
    return f"{text} [{', '.join(format_value(metric, end) for end in interval)}]" if interval else text


def describe_intervals(result: dict) -> str:
    """A sentence on what the table's brackets are, and on which of its metrics could not be had of everything."""
    drawn = "speakers" if result["drawn"] == "speakers" else "strings of these speakers, which say nothing of others"
    missing = [
        f"{COLUMNS[metric][0]} of {entry['n']} of {entry['of']} {entry['unit']} ({entry['why']})"
        for metric, entry in result["coverage"].items()
        if entry["n"] < entry["of"]
    ]
    text = f"In brackets: 95 % intervals, by drawing {drawn}."
    return f"{text} Not measured on all: {'; '.join(missing)}." if missing else text


def describe_words(words: dict) -> str:
    """A sentence on how well the recogniser hears the originals, which bounds what it can say of reconstructions."""
    if words["n_training"]:
        who = f"A recogniser of {len(words['labels'])} words, trained on {words['n_training']} original recordings,"
    else:
        who = f"Told the {len(words['labels'])} words that there may be, {words['recogniser']}"
    return f"{who} hears {words['originals']:.3f} of {words['n_recordings']} original testing recordings right."


def format_comparison(comparison: dict, name: str) -> list[str]:
    """Lines that say how the model differs from another, called name: what that shows, and each difference."""
    differences = comparison["differences"]
    main = next((m for m in ("stoi", "log_mel_db") if differences.get(m, {}).get("interval")), None)
    if main is None:
        lines = [f"Whether the model is better than {name} cannot be said: there are too few recordings."]
    else:
        verdict = {
            "better": f"The model is better than {name}",
            "worse": f"The model is worse than {name}",
            "no difference": f"There is no difference to {name} that these recordings can show",
        }[differences[main]["shows"]]
        lines = [f"{verdict}, by {COLUMNS[main][0]} on the same recordings. The model less the other, 95 % intervals:"]
    for metric, entry in differences.items():
        if entry["difference"] is not None:
            sign = "+" + COLUMNS[metric][1]
            ends = entry["interval"]
            interval = f" [{format(ends[0], sign)}, {format(ends[1], sign)}]" if ends else ""
            lines.append(f"  {COLUMNS[metric][0]}: {format(entry['difference'], sign)}{interval}, {entry['shows']}")
    return lines
