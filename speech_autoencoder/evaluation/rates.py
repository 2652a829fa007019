"""Quality at a rate: the model, PCA and the codecs that are installed, on the same few strings of recordings."""

import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import to_waveform
from speech_autoencoder.codec.recording_codec import decode_recording, encode_recording
from speech_autoencoder.config import InversionConfig, LatentSearchConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import metrics
from speech_autoencoder.evaluation.other_codecs import Coded, Tool, system_of, tools, write
from speech_autoencoder.evaluation.scoring import read_original
from speech_autoencoder.model.model_file import TrainedModel

# Codecs cost a process a file: so many strings are enough for a figure.
MOST_SEGMENTS = 6
# The codecs and their settings; of PCA, the shares of its numbers that are kept; of our own codec, kbit/s.
_SETTINGS = {"Opus": ("6", "8", "12"), "Codec 2": ("700C", "1600", "3200")}
_SHARES, _KILOBITS = (0.25, 0.5), (0.8, 1.6, 3.2)
METRICS = ("stoi", "estoi", "pesq_nb")


def installed(sr: int) -> tuple[list[Tool], list[Tool]]:
    """(the codecs that can be measured at sr Hz, those whose programs are missing), in the order of _SETTINGS."""
    known = {tool.name: tool for tool in tools(sr)}
    wanted = [known[name] for name in _SETTINGS]
    return [tool for tool in wanted if tool.is_there()], [tool for tool in wanted if not tool.is_there()]


def measure(
    result: dict,
    dataset: Dataset,
    model: TrainedModel,
    inversion: InversionConfig,
    *,
    workers: int,
    progress: Callable[[Iterable, int], Iterable] = lambda items, total: items,
) -> dict | None:
    """What is heard at which rate, as JSON's own types: `rows`, `n_segments` and what is `missing`; None without sound.

    result is what `evaluation.evaluate` gave of the dataset, which must still have its recordings. Each of the rows has
    `system`, `setting`, `numbers` or `kbits` a second, whichever is known, and the means of some scores.
    """
    strings = _strings(result, dataset)
    if not strings:
        return None
    sr = max(int(dataset.sr[i]) for _, recordings in strings for i in recordings)
    numbers = model.config.latent_rate(dataset.features)
    floor = model.baseline.latent_rate(dataset.features)
    there, missing = installed(sr)
    packages = {tool.name: tool.package for tool in there}
    rows = [
        _row(system, "", [entry if system == "model" else entry[system] for entry, _ in strings], numbers=count)
        for system, count in (("model", numbers), ("pca", floor), ("copy_synthesis", None))
    ]
    references = [
        _string([(read_original(dataset, i), int(dataset.sr[i])) for i in string], sr) for _, string in strings
    ]
    work = [("pca", share, partial(_through_pca, share, strings, dataset, model, inversion, sr)) for share in _SHARES]
    for tool in there:
        code = system_of(tool, workers=1).code
        work += [(tool.name, setting, partial(code, setting, references, sr)) for setting in _SETTINGS[tool.name]]
    if model.entropy is not None:
        own = partial(_through_own, references, sr, model, inversion)
        work += [("own codec", f"{kbits:g}", partial(own, kbits)) for kbits in _KILOBITS]

    failed = {}

    def judge(item):
        system, setting, make = item
        try:
            coded = make()
        except InputError as error:
            if system not in packages:
                raise
            failed[system] = str(error)  # a program of another's, which the evaluation can do without
            return None
        scores = [_score(*pair, sr) for pair in zip(references, coded.waveforms, strict=True)]
        if system == "pca":
            return _row(system, "", scores, numbers=setting * floor)
        return _row(system, setting, scores, kbits=8 * sum(coded.n_bytes) / sum(map(len, references)) * sr / 1_000)

    with ThreadPoolExecutor(workers) as executor:
        rows += filter(None, progress(executor.map(judge, work), len(work)))
    return {
        "n_segments": len(strings),
        "seconds": sum(map(len, references)) / sr,
        "rows": rows,
        "missing": [{"name": tool.name, "package": tool.package} for tool in missing]
        + [{"name": name, "package": packages[name], "reason": reason} for name, reason in failed.items()],
    }


def describe(rates: dict) -> list[str]:
    """Sentences on what the codecs score, and how to have those that are missing."""
    cells = [
        f"{name_of(row)} {row['kbits']:.2f} kbit/s, STOI {row['stoi']:.3f}"
        for row in rates["rows"]
        if row["kbits"] and row["stoi"] is not None
    ]
    lines = [f"Codecs, on {rates['n_strings']} of the strings: {'; '.join(cells)}."] if cells else []
    return lines + [how_to_have(entry) for entry in rates["missing"]]


def name_of(row: dict) -> str:
    """What a codec at its setting is called."""
    return f"{row['system']} {row['setting']}".strip()


def how_to_have(missing: dict) -> str:
    """A sentence on a codec that is missing, or whose program failed."""
    if "reason" in missing:
        return f"{missing['name']} is left out: {missing['reason']}"
    return f"{missing['name']} is not installed, and left out: apt install {missing['package']} adds it."


def _strings(result, dataset):
    """Up to MOST_SEGMENTS (scores of a string, its recordings), evenly over all whose recordings are still there."""
    members: dict[int, list[int]] = {}
    for i, entry in enumerate(result["recordings"]):
        if entry["string"] is not None:
            members.setdefault(entry["string"], []).append(i)
    found = [(result["strings"][number], recordings) for number, recordings in sorted(members.items())]
    n = min(len(found), MOST_SEGMENTS)
    return [found[i * len(found) // n] for i in range(n)]


def _string(sounds, sr):
    """The waveform at sr Hz of recordings (waveform, its rate), one after another."""
    return metrics.join([resample(waveform, own_sr, sr) for waveform, own_sr in sounds], sr)


def _row(system, setting, scores, *, numbers=None, kbits=None):
    """What is said of a system: the means of its scores of the strings, without those that could not be had."""
    means = {}
    for metric in METRICS:
        values = [entry[metric] for entry in scores if entry.get(metric) is not None]
        means[metric] = float(np.mean(values)) if values else None
    return {"system": system, "setting": setting, "numbers": numbers, "kbits": kbits, **means}


def _score(reference, estimate, sr):
    """The scores of one string, None where nothing could be said."""
    scores = metrics.intelligibility(reference, estimate, sr)
    return {metric: value if np.isfinite(value) else None for metric, value in scores.items()}


def _through_pca(share, strings, dataset, model, inversion, sr):
    """Coded of the strings through PCA with a share of its numbers, those that hold the most."""
    n = max(1, round(share * model.baseline.encode.shape[1]))
    pca = replace(model.baseline, encode=model.baseline.encode[:, :n], decode=model.baseline.decode[:n])
    waveforms = []
    for _, string in strings:
        sounds = []
        for i in string:
            own_sr, n_samples = int(dataset.sr[i]), int(dataset.n_samples[i])
            log_mel = pca.reconstruct(dataset.frames(i))
            blocks = to_waveform([log_mel], dataset.features, inversion, own_sr, n_samples)
            sounds.append((np.concatenate(list(blocks)), own_sr))
        waveforms.append(_string(sounds, sr))
    return Coded(waveforms, [])


def _through_own(references, sr, model, inversion, kbits):
    """Coded of the strings through files of our own codec at a bitrate."""
    encoder, waveforms, n_bytes = Encoder(model, LatentSearchConfig(steps=0)), [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for reference in references:
            source = write(folder / "in.wav", reference, sr)
            n_bytes.append(encode_recording(source, encoder, folder / "coded.sae", bitrate=kbits).n_bytes)
            decode_recording(folder / "coded.sae", model, folder / "out.wav", inversion)
            waveforms.append(read(folder / "out.wav"))
    return Coded(waveforms, n_bytes)
