"""The evaluation as a page for a browser: verdict, scores, sound, a blind test; no server and no network."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_autoencoder import __version__
from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct, to_waveform
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import metrics, other_codecs, rates
from speech_autoencoder.evaluation.evaluation import COLUMNS
from speech_autoencoder.evaluation.scoring import SYSTEMS, read_original
from speech_autoencoder.evaluation.verdict import Finding, number, numbers
from speech_autoencoder.report import charts
from speech_autoencoder.report.charts import picture
from speech_autoencoder.report.text import describe_words, format_comparison
from speech_autoencoder.system.files import atomic_folder, printable

# The recordings of each kind (best, median, worst) that can be heard; the bytes that all their sound may take, and the
# seconds of each, whatever their rate.
_N_EACH, _SOUND_BYTES, _LONGEST_S = 2, 6_000_000, 10.0
# What a browser is sure to play: 16-bit WAV, which needs no codec and does not blur what is compared, at this rate.
_HIGHEST_SR = 48_000
# The recordings in the table: a browser should not have to sort a million.
_MOST_ROWS = 2_000
# The words of a confusion matrix that a page has room for.
_MOST_WORDS = 20
# What a spectrogram shows below its loudest, and to either side of no difference, in dB.
_SHOWN_DB, _DIFFERENCE_DB = 80.0, 20.0
_TEMPLATES = Path(__file__).with_name("templates")
_MARK = '<meta name="generator" content="speech-autoencoder report">'
# The sounds of each recording: the key of its file, and what it is.
SOUNDS = {"original": "original", "reconstruction": "reconstruction", "copy": "copy-synthesis"}
# The one beside them, where such a codec is installed: of several the first, at its lowest setting.
_CODEC = "codec"
_SYSTEMS = {
    "model": "the model",
    "pca": "PCA",
    "copy_synthesis": "no model in between",
    "own codec": "the model's codec",
}


@dataclass(frozen=True)
class Sample:
    """An excerpt of a recording to be heard: where it begins, its sounds at sr, all at one level, its pictures."""

    recording: int
    kind: str
    start_s: float
    whole: bool
    sr: int
    sounds: dict[str, np.ndarray]
    pictures: dict[str, str]


def write(
    folder: Path,
    result: dict,
    model: dict,
    findings: list[Finding],
    dataset: Dataset,
    encoder: Encoder,
    inversion: InversionConfig,
    *,
    workers: int,
    progress: Callable[[Iterable, int], Iterable] = lambda items, total: items,
) -> int:
    """The bytes of what folder then holds, whole: `index.html`, and its sound in `sound`.

    result is what `evaluation.evaluate` gave of dataset, model the description in the model's file, findings the
    verdict. Raises InputError where folder cannot be written, or holds what is no report.
    """
    with atomic_folder(folder, is_report) as temporary:
        samples = _samples(result, dataset, encoder, inversion, workers, progress)
        (temporary / "sound").mkdir()
        for count, sample in enumerate(samples):
            for key, waveform in sample.sounds.items():
                _write_wav(temporary / "sound" / _sound_name(count, key), waveform, sample.sr)
        text = _render(result, model, findings, samples, encoder.model.features)
        (temporary / "index.html").write_text(text, encoding="utf-8")
        return sum(path.stat().st_size for path in temporary.rglob("*") if path.is_file())


def is_report(folder: Path) -> bool:
    """Whether folder holds a report of ours and nothing else, so that nothing is lost with it."""
    try:
        names = {path.name for path in folder.iterdir()}
        sounds = list((folder / "sound").iterdir()) if "sound" in names else []
        with (folder / "index.html").open(encoding="utf-8", errors="replace") as file:
            head = file.read(2_000)
    except OSError:
        return False
    return _MARK in head and names <= {"index.html", "sound"} and all(path.suffix == ".wav" for path in sounds)


def choose(recordings: list[dict]) -> dict[int, str]:
    """{index: "best", "median" or "worst"} of the recordings to hear, in this order, of those scored as sound.

    By STOI, as far as there are enough that are long enough for it, else by log-mel error.
    """
    heard = [i for i, entry in enumerate(recordings) if entry["level_db"] is not None]
    with_stoi = [i for i in heard if recordings[i]["stoi"] is not None]
    if len(with_stoi) >= 3 * _N_EACH:
        ranked = sorted(with_stoi, key=lambda i: (-recordings[i]["stoi"], i))
    else:
        ranked = sorted(heard, key=lambda i: (recordings[i]["log_mel_db"], i))
    n, middle = len(ranked), len(ranked) // 2 - _N_EACH // 2
    wanted = {"best": range(_N_EACH), "worst": range(n - 1, n - 1 - _N_EACH, -1)}
    wanted["median"] = range(middle, middle + _N_EACH)
    kinds: dict[int, str] = {}
    for kind, places in wanted.items():
        for place in places:
            if 0 <= place < n:
                kinds.setdefault(ranked[place], kind)
    return {i: kind for wanted in ("best", "median", "worst") for i, kind in kinds.items() if kind == wanted}


def _samples(result, dataset, encoder, inversion, workers, progress):
    """The samples that can be made, in order: the sound of a recording may be gone by now."""
    chosen = choose(result["recordings"])
    sample_rates = [min(int(dataset.sr[i]), _HIGHEST_SR) for i in chosen]
    # 16-bit samples of all sounds of each.
    longest_s = (
        min(_LONGEST_S, _SOUND_BYTES / (2 * (len(SOUNDS) + 1) * sum(sample_rates))) if sample_rates else _LONGEST_S
    )
    with ThreadPoolExecutor(workers) as executor:
        made = executor.map(lambda item: _sample(dataset, encoder, inversion, *item, longest_s), chosen.items())
        return [sample for sample in progress(made, len(chosen)) if sample]


def _sample(dataset, encoder, inversion, recording, kind, longest_s):
    """The Sample of a recording, of its loudest part where it is long, or None."""
    features, sr = encoder.model.features, int(dataset.sr[recording])
    try:
        original = read_original(dataset, recording)
    except InputError:
        return None
    frames, first = dataset.frames(recording), 0
    whole = len(original) <= longest_s * sr
    if not whole:
        first = _loudest(original, int(longest_s * sr)) * features.sr // sr // features.hop_length
        start = round(first * features.hop_length * sr / features.sr)
        original = original[start : start + int(longest_s * sr)]
        frames = frames[:, first : first + features.count_frames(-(-len(original) * features.sr // sr))]
    output = reconstruct(encoder, frames)
    sounds = {"original": original}
    for key, log_mel in (("reconstruction", output), ("copy", frames)):
        waveform = np.concatenate(list(to_waveform([log_mel], features, inversion, sr, len(original))))
        sounds[key] = metrics.match_level(original, waveform)
    codec = _codec()
    if codec:
        (waveform,) = codec.code(codec.settings[0], [original], sr).waveforms
        sounds[_CODEC] = metrics.match_level(original, waveform)
    sounds = {key: resample(waveform, sr, min(sr, _HIGHEST_SR)) for key, waveform in sounds.items()}
    # One gain for all, so that neither is clipped and the level gives nothing away.
    peak = max(float(np.abs(waveform).max()) for waveform in sounds.values())
    sounds = {key: waveform / max(1.0, peak / 0.99) for key, waveform in sounds.items()}
    loudest = float(max(frames.max(), output.max()))
    lowest = loudest - _SHOWN_DB / features.range_db
    heard = [np.maximum(log_mel, lowest) for log_mel in (frames, output)]
    pictures = {
        "original": picture((heard[0] - lowest) / (loudest - lowest), "magma"),
        "reconstruction": picture((heard[1] - lowest) / (loudest - lowest), "magma"),
        "difference": picture(0.5 + (heard[1] - heard[0]) * features.range_db / (2 * _DIFFERENCE_DB), "RdBu_r"),
    }
    return Sample(
        recording,
        kind,
        first / features.frame_rate,
        whole,
        min(sr, _HIGHEST_SR),
        sounds,
        pictures,
    )


def _codec():
    """The codec to listen to, or None."""
    tools, _ = rates.installed(_HIGHEST_SR)
    return other_codecs.system_of(tools[0], workers=1) if tools else None


def _loudest(waveform, length):
    """Where the part of this length with the most power begins."""
    step = max(1, length // 50)
    power = np.add.reduceat(waveform.astype(np.float64) ** 2, np.arange(0, len(waveform), step))
    n_steps = length // step
    sums = np.convolve(power, np.ones(n_steps), "valid") if len(power) > n_steps else power[:1]
    return min(int(np.argmax(sums)) * step, len(waveform) - length)


def _write_wav(path, waveform, sr):
    """Nothing; path holds the waveform as 16-bit WAV."""
    import soundfile as sf

    sf.write(path, waveform, sr, subtype="PCM_16", format="WAV")


def _sound_name(count, key):
    """The file of a sample's sound: no part of a recording's name, which may hold anything."""
    return f"{count + 1}-{key}.wav"


def _render(result, model, findings, samples, features):
    """The page's text."""
    rows = [_row(entry, result["strings"]) for entry in result["recordings"]]
    shown_rows = sorted(rows, key=lambda row: -row["log_mel_db"])[:_MOST_ROWS]
    intervals = result.get("intervals", {})
    return (
        _environment()
        .get_template("report.html")
        .render(
            version=__version__,
            headline=findings[0],
            findings=findings[1:],
            level_names={"bad": "Limit", "warning": "Caution", "note": "Note", "good": "Good"},
            columns=[(key, *COLUMNS[key]) for key in COLUMNS if key in result["scores"]["model"]],
            systems=[(key, title, result["scores"][key], intervals.get(key, {})) for key, title in SYSTEMS.items()],
            drawn=result.get("drawn", "strings"),
            coverage=[(COLUMNS[key][0], entry) for key, entry in result.get("coverage", {}).items() if entry["why"]],
            comparison=_comparison(result),
            **{key: result[key] for key in ("n_recordings", "n_scored", "n_segments")},
            left_out=[{key: printable(entry[key]) for key in ("path", "reason")} for entry in result["left_out"]],
            training=_training_charts(model),
            errors=charts.of_errors(result["log_mel_error"]) if "log_mel_error" in result else [],
            rows=shown_rows,
            speakers=sorted({row["speaker"] for row in shown_rows} - {""}),
            **_style_and_script(),
            **_words(result.get("words")),
            **_listening(samples, rows, features),
            **_rates(result.get("rates")),
        )
    )


def _environment():
    """What fills the templates in: all text is escaped, and what is missing is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["options"] = _options
    return environment


def _style_and_script():
    """What the page looks like and does, and the policy that lets it do nothing else."""
    from markupsafe import Markup

    style, script = ((_TEMPLATES / name).read_text(encoding="utf-8").strip() for name in ("report.css", "report.js"))
    policy = [
        "default-src 'none'",
        f"script-src {_hash(script)}",
        f"style-src {_hash(style)}",
        "img-src data:",
        "media-src 'self' file:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return {"mark": Markup(_MARK), "policy": "; ".join(policy), "style": Markup(style), "script": Markup(script)}


def _training_charts(model):
    """The charts of the loss and of the error by epoch, as far as the model tells them."""
    loss, error = number(model, "validation", "baseline_loss"), number(model, "validation", "baseline_db")
    drawn = [
        charts.by_epoch(
            "Loss on validation",
            {"validation": numbers(model, "history", "validation_loss")},
            ("PCA", loss) if loss is not None else None,
        ),
        charts.by_epoch(
            "Log-mel error, dB",
            {
                "training": numbers(model, "history", "training_db"),
                "validation": numbers(model, "history", "validation_db"),
            },
            ("PCA", error) if error is not None else None,
        ),
    ]
    return [chart for chart in drawn if chart]


def _comparison(result):
    """The lines on the model that this one is compared with, if any."""
    if "comparison" not in result:
        return []
    return format_comparison(result["comparison"], printable(result["comparison"].get("path", "the other model")))


def _words(words):
    """The words that were heard, and which for which where they are few."""
    if not words:
        return {"words": None, "confusions": []}
    few = len(words["labels"]) <= _MOST_WORDS
    systems = (("original", "the originals"), *SYSTEMS.items())
    return {
        "words": {
            "sentence": describe_words(words),
            **{key: [printable(label) for label in words[key]] for key in ("labels", "heard")},
        },
        "confusions": [(title, words["confusion"][key]) for key, title in systems] if few else [],
    }


def _listening(samples, rows, features):
    """The sounds to listen to, with their pictures and scales, and the trials of the hearing test."""
    codec = _codec()
    files = [{key: f"sound/{_sound_name(count, key)}" for key in sample.sounds} for count, sample in enumerate(samples)]
    return {
        "samples": [
            {
                "number": count + 1,
                "sample": sample,
                "row": rows[sample.recording],
                "seconds": len(sample.sounds["original"]) / sample.sr,
                "files": files[count],
            }
            for count, sample in enumerate(samples)
        ],
        "trials": [
            {"name": rows[sample.recording]["name"], "sounds": files[count]} for count, sample in enumerate(samples)
        ],
        "sounds": SOUNDS | ({_CODEC: f"{codec.name} {codec.settings[0]}"} if codec else {}),
        "scales": {
            "magma": picture(np.linspace(0, 1, 256)[None], "magma"),
            "difference": picture(np.linspace(0, 1, 256)[None], "RdBu_r"),
        },
        "shown_db": _SHOWN_DB,
        "difference_db": _DIFFERENCE_DB,
        "top_khz": features.sr / 2_000,
    }


def _rates(measured):
    """What was heard at which bitrate, beside other codecs, where that was measured."""
    if not measured:
        return {"rates": [], "rates_charts": [], "n_rates": 0, "missing": []}
    return {
        "rates": [(_SYSTEMS.get(row["system"], rates.name_of(row)), row) for row in measured["rows"]],
        "rates_charts": charts.of_rates(measured, _SYSTEMS),
        "n_rates": measured["n_segments"],
        "missing": [rates.how_to_have(entry) for entry in measured["missing"]],
    }


def _row(entry, strings):
    """What the table shows of a recording; where it is too short for STOI, that of the string that it is a part of."""
    alone = entry["stoi"]
    pooled = strings[entry["string"]]["stoi"] if entry["string"] is not None else None
    return {
        "name": printable(entry["path"]),
        "speaker": printable(entry["speaker"]),
        "duration_s": entry["duration_s"],
        "stoi": alone if alone is not None else pooled,
        "pooled": alone is None and pooled is not None,
        "log_mel_db": entry["log_mel_db"],
        "level_db": entry["level_db"],
    }


def _options(text):
    """The text, escaped, with options such as --minutes in a type that is not broken over lines."""
    from markupsafe import Markup, escape

    return Markup(
        re.sub(
            r"(?<!\S)\(?(--[a-z-]+)", lambda found: found[0].replace(found[1], f"<code>{found[1]}</code>"), escape(text)
        )
    )


def _hash(text):
    """What a Content-Security-Policy calls this very text, and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
