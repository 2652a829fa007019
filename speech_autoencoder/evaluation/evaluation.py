"""A model judged on recordings: beside the PCA floor, and the ceiling that its features and inversion allow."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from speech_autoencoder.audio.log_mel import mel_edges_hz
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.evaluation import bootstrap as intervals
from speech_autoencoder.evaluation import metrics
from speech_autoencoder.evaluation.bootstrap import Cluster
from speech_autoencoder.evaluation.scoring import ALONE, SYSTEMS, Scorer, segment_metrics
from speech_autoencoder.evaluation.words import WordRecogniser

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
    recogniser: WordRecogniser | None = None,
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
    strings, too_short = metrics.pool(dataset.groups(), dataset.n_samples / dataset.sr)
    systems = [*SYSTEMS, *(["other"] if other else [])]
    judge = Scorer(dataset, {"model": encoder, "other": other}, inversion, systems, recogniser, labels or {})
    work = [string.recordings for string in strings] + [[i] for i in too_short]
    tally = _Tally(dataset, too_short)
    with ThreadPoolExecutor(workers) as executor:
        for recordings, judged in zip(work, progress(executor.map(judge, work), len(work)), strict=True):
            tally.add(recordings, judged)
    units, measured = tally.units, tally.measured()
    return {
        "scores": {system: {m: intervals.score(units, system, m) for m in measured} for system in SYSTEMS},
        "intervals": intervals.intervals(units, list(SYSTEMS), measured),
        "drawn": intervals.drawn_by(units),
        "coverage": {metric: tally.coverage(metric) for metric in measured},
        "log_mel_error": tally.profile(),
        "n_recordings": len(dataset.names),
        "n_scored": len(tally.string_of),
        "n_segments": len(tally.strings),
        "left_out": tally.left_out,
        **({"words": _words(units, recogniser, tally.heard)} if tally.heard else {}),
        **({"comparison": _comparison(units, measured)} if other else {}),
        "strings": tally.strings,
        "recordings": tally.recordings(),
    }


class _Tally:
    """What the strings gave that were added: as units to score, and what is said of each string and recording."""

    def __init__(self, dataset, too_short):
        self.dataset, self.speakers, self.too_short = dataset, dataset.groups(), set(too_short)
        self.left_out = [
            {"path": dataset.names[i], "reason": "the only ones of its speaker are too short for STOI"}
            for i in too_short
        ]
        self.units, self.strings, self.string_of, self.heard = [], [], {}, {}
        self.errors, self.alone = np.empty(len(dataset.names)), {}
        self.bands, self.parts = dict.fromkeys(SYSTEMS, 0.0), dict.fromkeys(SYSTEMS, 0.0)

    def add(self, recordings, judged):
        """Nothing; what was judged of recordings, a string or one that is too short to be any, is counted."""
        self.errors[recordings] = judged.errors
        self.alone |= judged.alone
        self.heard |= judged.heard
        for system in SYSTEMS:
            self.bands[system] = self.bands[system] + judged.bands[system]
            self.parts[system] = self.parts[system] + judged.parts[system]
        if recordings[0] in self.too_short:
            # Not to be scored as sound, but to be compared as log-mel.
            for sums in judged.sums.values():
                for metric in _OF_STRINGS & sums.keys():
                    del sums[metric]
        else:
            self._add_string(recordings, judged)
        self.units.append(Cluster(self.speakers[recordings[0]], judged.sums))

    def _add_string(self, recordings, judged):
        """Nothing; the scores of the string are known, where any of its recordings could be scored."""
        self.left_out += judged.left_out
        if judged.alone:
            self.string_of |= dict.fromkeys(judged.alone, len(self.strings))
            sr = max(int(self.dataset.sr[i]) for i in recordings)
            scores = {system: _of_string(judged.sums[system], sr) for system in SYSTEMS}
            about = {"speaker": self.speakers[recordings[0]], "n_recordings": len(judged.alone)}
            self.strings.append(about | scores.pop("model") | scores)

    def measured(self):
        """The metrics that were measured, if only to find that nothing could be said."""
        return [
            metric
            for metric in COLUMNS
            if any(metric in unit.sums["model"] for unit in self.units)
            or any(metric in string for string in self.strings)
        ]

    def coverage(self, metric):
        """How many strings or recordings the metric was measured on, of how many, and why others are missing."""
        if metric in _OF_STRINGS:
            n = sum(string.get(metric) is not None for string in self.strings)
            entry = {"unit": "strings", "n": n, "of": len(self.strings), "why": "nothing that is long enough"}
        else:
            n_recordings = len(self.dataset.names)
            n = sum(entry.get(metric) is not None for entry in self.alone.values())
            n = {"words": len(self.heard), "log_mel_db": n_recordings}.get(metric, n)
            entry = {"unit": "recordings", "n": n, "of": n_recordings, "why": _WHY.get(metric, "")}
        return entry | ({"why": ""} if entry["n"] == entry["of"] else {})

    def profile(self):
        """Where the model and the floor err: the RMS log-mel error of each band, and of each tenth of a recording."""
        features, n_frames = self.dataset.features, int(self.dataset.n_frames.sum())
        return {
            "band_hz": [round(float(hz), 1) for hz in mel_edges_hz(features)[1:-1]],
            **{
                system: {
                    "by_band_db": np.sqrt(self.bands[system] / n_frames).tolist(),
                    "over_time_db": [
                        float(np.sqrt(total / n)) if n else None for total, n in zip(*self.parts[system], strict=True)
                    ],
                }
                for system in ("model", "pca")
            },
        }

    def recordings(self):
        """What is said of each recording."""
        data = self.dataset
        return [
            {
                "path": name,
                "speaker": self.speakers[i],
                "duration_s": float(data.n_samples[i] / data.sr[i]),
                "log_mel_db": float(self.errors[i]),
                **self.alone.get(i, dict.fromkeys(ALONE)),
                "string": self.string_of.get(i),
            }
            for i, name in enumerate(data.names)
        ]


def _of_string(sums, sr):
    """The scores of a string at sr Hz, None where nothing could be said."""
    return {metric: sums[metric][0] if metric in sums else None for metric in segment_metrics(sr)}


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
    plain = Encoder(encoder.model, replace(encoder.config, steps=0))
    errors = {}
    for key, dataset in (("training_db", training), ("testing_db", testing)):
        some = range(0, len(dataset.names), max(1, len(dataset.names) // _N_COMPARED))
        # One after another as one: many short ones take longer.
        frames = np.concatenate([dataset.frames(i)[:, :_MOST_COMPARED_FRAMES] for i in some], axis=1)
        errors[key] = metrics.log_mel_error_db(frames, reconstruct(plain, frames), dataset.features)
    return errors
