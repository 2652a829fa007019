"""The evaluation as a page for a browser: verdict, scores, sounds, a blind test; no server, no network.

The order of the sections, and all words that are not results, are in `templates/report.html` and the templates that it
includes; here is only what they are filled in with.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speech_autoencoder import __version__
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import FeatureConfig, InversionConfig
from speech_autoencoder.data.dataset import Dataset, Progress
from speech_autoencoder.evaluation import rates
from speech_autoencoder.evaluation.mean_latents import INPUT_TITLES, TARGET_TITLES
from speech_autoencoder.evaluation.metrics.registry import METRICS
from speech_autoencoder.evaluation.results import Evaluation, Interval, Rates, RecordingResult, Scores, SegmentResult
from speech_autoencoder.evaluation.systems import ORIGINAL, ORIGINAL_TITLE, SYSTEMS
from speech_autoencoder.evaluation.verdict import number, numbers
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.report import latent_map, spectrograms, text
from speech_autoencoder.report.charts import Chart, css_class, epoch_chart, error_charts, rate_charts
from speech_autoencoder.report.recording_figure import SHOWN_DB
from speech_autoencoder.report.samples import (
    CODEC,
    SOUNDS,
    Sample,
    find_codec,
    is_sound_name,
    make_samples,
    sound_name,
    write_sounds,
)
from speech_autoencoder.report.templating import TEMPLATES, fill_in, mark, read_parts
from speech_autoencoder.script_names import EVALUATOR
from speech_autoencoder.system.files import atomic_folder, printable

_PAGE = "index.html"
_SOUNDS = "sound"
# What file managers leave in the folders that they show.
_NAMES_OF_SYSTEMS = {".DS_Store", "Thumbs.db", "desktop.ini"}
_MARK = mark("report")
# The mark is among the first characters of a page.
_HEAD_CHARACTERS = 2_000
# The table has at most this many recordings: a browser should not sort a million.
_MOST_ROWS = 2_000
# A confusion matrix of more words or speakers is too wide for the page.
_MOST_LABELS = 20
_TITLES = {key: system.title for key, system in SYSTEMS.items()}
# What a page calls the levels of findings.
_LEVEL_NAMES = {"bad": "Limit", "warning": "Caution", "note": "Note", "good": "Good"}


def write(
    folder: Path,
    evaluation: Evaluation,
    dataset: Dataset,
    encoder: Encoder,
    inversion: InversionConfig,
    *,
    workers: int,
    progress: Progress = lambda items, total: items,
) -> int:
    """Write the page and its sounds, `index.html` and `sound`, to a folder that they replace as a whole.

    Parameters
    ----------
    folder
        A new folder, or one that holds an earlier report and nothing else.
    evaluation
        What was measured on the dataset; the first finding of its verdict is the headline.
    dataset, encoder, inversion
        What was evaluated, to make the sounds with.
    workers
        Threads.

    Returns
    -------
    int
        The size of the page and its sounds, in bytes.

    Raises
    ------
    InputError
        If the folder cannot be written, or holds other things.
    """
    with atomic_folder(folder, is_report) as temporary:
        samples = make_samples(evaluation.recordings, dataset, encoder, inversion, workers=workers, progress=progress)
        write_sounds(temporary / _SOUNDS, samples)
        of_map = latent_map.write_sounds(temporary / _SOUNDS, evaluation.recordings, dataset, workers=workers)
        page = _render(evaluation, samples, of_map, encoder.model)
        (temporary / _PAGE).write_text(page, encoding="utf-8")
        return sum(path.stat().st_size for path in temporary.rglob("*") if path.is_file())


def is_report(folder: Path) -> bool:
    """Return whether a folder holds one of our reports and nothing else, so that nothing is lost if it is replaced."""
    try:
        names = {path.name for path in folder.iterdir()} - _NAMES_OF_SYSTEMS
        sounds = {path.name for path in (folder / _SOUNDS).iterdir()} if _SOUNDS in names else set()
        with (folder / _PAGE).open(encoding="utf-8", errors="replace") as file:
            head = file.read(_HEAD_CHARACTERS)
    except OSError:
        return False
    are_ours = all(is_sound_name(name) or latent_map.is_sound_name(name) for name in sounds - _NAMES_OF_SYSTEMS)
    return _MARK in head and names <= {_PAGE, _SOUNDS} and are_ours


def _render(evaluation: Evaluation, samples: list[Sample], sounds: latent_map.Sounds, model: TrainedModel) -> str:
    """Return the page's text."""
    rows = [_row(entry, evaluation.segments) for entry in evaluation.recordings]
    headline, *limits = evaluation.verdict
    return fill_in(
        TEMPLATES / "report.html",
        style=read_parts(*(TEMPLATES / name for name in ("base.css", "report.css", "latent_map.css"))),
        script=read_parts(*(TEMPLATES / name for name in ("report.js", "latent_map.js"))),
        rules={"media-src": "'self' file:"},
        mark=_MARK,
        version=__version__,
        made_by=EVALUATOR,
        metrics=METRICS,
        headline=headline,
        limits=limits,
        level_names=_LEVEL_NAMES,
        n_recordings=evaluation.n_recordings,
        scores=_scores(evaluation),
        recognitions=_recognitions(evaluation),
        rates=_rates(evaluation.rates),
        errors=error_charts(evaluation.log_mel_error) if evaluation.log_mel_error else [],
        training=_training_charts(evaluation.training),
        listening=_listening(samples, rows, model.features),
        latents=_latents(evaluation, sounds, model),
        rows=sorted(rows, key=lambda row: -row["log_mel_db"])[:_MOST_ROWS],
    )


def _scores(evaluation: Evaluation) -> dict[str, Any]:
    """Return the table of scores, and the sentences around it."""
    measured = [metric for key, metric in METRICS.items() if key in evaluation.scores["model"]]
    comparison = evaluation.comparison
    values, intervals = text.shown(evaluation)
    titles = text.columns(values)
    explanations = {key: system.explanation for key, system in SYSTEMS.items()}
    return {
        "input": text.INPUT.capitalize(),
        "inputs": text.describe_inputs(evaluation.frame_ms, titles),
        "systems": [(css_class(key), title, explanations.get(key, "")) for key, title in titles.items()],
        "rows": [
            (metric, [_cell(metric.key, key, values[key], intervals.get(key, {})) for key in titles])
            for metric in measured
        ],
        "recordings": text.describe_recordings(evaluation),
        "has_pesq": "pesq_nb" in evaluation.scores["model"],
        "resampling": text.describe_resampling(evaluation),
        "coverage": text.describe_coverage(evaluation),
        "comparison": text.describe_comparison(comparison, printable(comparison.path)) if comparison else [],
        "left_out": [(printable(entry.path), printable(entry.reason)) for entry in evaluation.left_out],
    }


def _cell(metric: str, system: str, scores: Scores, intervals: Mapping[str, Interval]) -> dict[str, Any]:
    """Return a score of a system with its interval."""
    return {"system": css_class(system), "value": scores.get(metric), "interval": intervals.get(metric)}


def _recognitions(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return what recognisers of words and speakers found, with confusion matrices of each system if labels are few."""
    titles = {ORIGINAL: ORIGINAL_TITLE} | _TITLES
    return [
        {
            "title": title,
            "right": right,
            "sentence": text.describe_recognition(noun, found),
            "labels": [printable(label) for label in found.labels],
            "recognised": [printable(label) for label in found.recognised],
            "confusions": [(name, found.confusion[key]) for key, name in titles.items()]
            if len(found.labels) <= _MOST_LABELS
            else [],
        }
        for noun, right, title, found in (
            ("word", "said", "Words recognised", evaluation.words),
            ("speaker", "speaker", "Speakers recognised", evaluation.speakers),
        )
        if found
    ]


def _rates(measured: Rates | None) -> dict[str, Any] | None:
    """Return the table and the charts of quality by rate."""
    if not measured:
        return None
    return {
        "rows": [(rates.name_of(row), row) for row in measured.rows],
        "metrics": [METRICS[key] for key in rates.METRICS if any(row.scores[key] is not None for row in measured.rows)],
        "charts": rate_charts(measured),
        "n_segments": measured.n_segments,
        "missing": rates.say_missing(measured.missing),
    }


def _training_charts(description: dict[str, Any]) -> list[Chart]:
    """Return the charts of the loss and of the error by epoch, as far as the model's description has them."""
    baseline_loss = number(description, "validation", "baseline_loss")
    baseline_db = number(description, "validation", "baseline_db")
    charts = [
        epoch_chart(
            "Validation loss",
            {"validation": numbers(description, "history", "validation_loss")},
            (_TITLES["pca"], baseline_loss) if baseline_loss is not None else None,
        ),
        epoch_chart(
            "Log-mel error, dB",
            {
                "training": numbers(description, "history", "training_db"),
                "validation": numbers(description, "history", "validation_db"),
            },
            (_TITLES["pca"], baseline_db) if baseline_db is not None else None,
        ),
    ]
    return [chart for chart in charts if chart]


def _listening(samples: list[Sample], rows: list[dict[str, Any]], features: FeatureConfig) -> dict[str, Any] | None:
    """Return the samples with their files, pictures and scales, and the trials of the blind test."""
    if not samples:
        return None
    codec = find_codec()
    sounds = SOUNDS | ({CODEC: f"{codec.name} {codec.settings[0]}"} if codec else {})
    files = [{key: f"{_SOUNDS}/{sound_name(n, key)}" for key in sample.sounds} for n, sample in enumerate(samples, 1)]
    entries = [
        {"number": n, "sample": sample, "row": rows[sample.recording], "files": files[n - 1]}
        for n, sample in enumerate(samples, 1)
    ]
    pairs = [("original", "reconstruction"), ("copy_synthesis", "reconstruction"), ("original", "copy_synthesis")]
    return {
        "entries": entries,
        "sounds": sounds,
        "codec": CODEC if codec else None,
        "pairs": pairs + ([(CODEC, "reconstruction")] if codec else []),
        "trials": [
            {"name": rows[sample.recording]["name"], "sounds": paths}
            for sample, paths in zip(samples, files, strict=True)
        ],
        "scales": spectrograms.scales(),
        "shown_db": SHOWN_DB,
        "difference_db": spectrograms.DIFFERENCE_DB,
        "highest_hz": features.sr / 2,
    }


def _latents(evaluation: Evaluation, sounds: latent_map.Sounds, model: TrainedModel) -> dict[str, Any] | None:
    """Return what mean latents tell, and the map of recordings; None if there is neither."""
    tried = [(TARGET_TITLES[key], probe) for key, probe in evaluation.probes.items() if not probe.reason]
    found = latent_map.make_map(evaluation.recordings, sounds)
    if not evaluation.probes and not found:
        return None
    return {
        "probes": tried,
        "not_told": text.describe_probes({key: entry for key, entry in evaluation.probes.items() if entry.reason}),
        "inputs": INPUT_TITLES,
        "n_values": max((probe.n_values for _, probe in tried), default=0),
        "n_values_of_model": model.config.latent_size,
        "map": found,
        "map_size": latent_map.SIZE,
        "shapes": latent_map.SHAPES,
        "unknown": latent_map.UNKNOWN,
        "few_classes": latent_map.FEW_CLASSES,
        "cut_s": sounds.cut_s,
    }


def _row(entry: RecordingResult, segments: list[SegmentResult]) -> dict[str, Any]:
    """Return what the table shows of a recording; one that is too short for STOI has that of its segment."""
    stoi, is_pooled = entry.scores.get("stoi"), False
    if stoi is None and entry.segment is not None:
        scores: Scores = segments[entry.segment].scores["model"]
        stoi = scores.get("stoi")
        is_pooled = stoi is not None
    return {
        "name": printable(entry.path),
        "speaker": printable(entry.speaker),
        "duration_s": entry.duration_s,
        "stoi": stoi,
        "is_pooled": is_pooled,
        "log_mel_db": entry.scores["log_mel_db"],
        "level_db": entry.scores.get("level_db"),
    }
