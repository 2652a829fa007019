"""What an evaluation measured, as text: the table for the terminal, and sentences."""

from collections.abc import Iterable, Mapping, Sequence

from speech_autoencoder.evaluation.mean_latents import INPUT_TITLES, TARGET_TITLES, WORD, WORD_OF_NEW_SPEAKERS
from speech_autoencoder.evaluation.metrics.metric import Metric
from speech_autoencoder.evaluation.metrics.registry import METRICS
from speech_autoencoder.evaluation.results import Comparison, Interval, Measurements, Probe, RecognitionResults, Scores
from speech_autoencoder.evaluation.systems import ORIGINAL, ORIGINAL_TITLE, SYSTEMS
from speech_autoencoder.system.wording import counted

# The heading of what each system is given.
INPUT = "input"
# Metrics by which two models are compared in one sentence: the first that was measured.
_MAIN_METRICS = ("stoi", "log_mel_db")


def format_table(
    scores: Mapping[str, Scores],
    intervals: Mapping[str, Mapping[str, Interval]] | None = None,
    frame_ms: Mapping[str, float] | None = None,
) -> str:
    """Return the scores as a table for the terminal: a line for each metric, 95 % intervals in brackets.

    Parameters
    ----------
    scores, intervals
        By system and metric, as `shown` returns them.
    frame_ms
        By system, as `results.Measurements` has it: a line tells it, if systems are not given the same.
    """
    intervals, titles = intervals or {}, columns(scores)
    rows = [["", *titles.values()]]
    rows += [[INPUT, *cells] for cells in describe_inputs(frame_ms or {}, titles)]
    rows += [
        [metric.title, *(format_score(metric, scores[key], intervals.get(key, {})) for key in titles)]
        for metric in METRICS.values()
        if metric.key in scores["model"]
    ]
    return _align(rows)


def describe_inputs(frame_ms: Mapping[str, float], columns: Iterable[str]) -> list[list[str]]:
    """Return what the systems of some columns are given of recordings, as a row of cells; no row if it is the same."""
    if len(set(frame_ms.values())) < 2:
        return []
    return [[f"a frame every {frame_ms[key]:.1f} ms" if key in frame_ms else "" for key in columns]]


def shown(measured: Measurements) -> tuple[dict[str, Scores], dict[str, dict[str, Interval]]]:
    """Return the scores and the intervals by system, and of the originals if they have a score, as tables show them."""
    if all(score is None for score in measured.originals.scores.values()):
        return measured.scores, measured.intervals
    return (
        measured.scores | {ORIGINAL: measured.originals.scores},
        measured.intervals | {ORIGINAL: measured.originals.intervals},
    )


def columns(scores: Mapping[str, Scores]) -> dict[str, str]:
    """Return the columns of a table of scores, {key: title}: the systems, and the originals if they are among them."""
    titles = {key: system.title for key, system in SYSTEMS.items()} | {ORIGINAL: ORIGINAL_TITLE}
    return {key: title for key, title in titles.items() if key in scores}


def _align(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as lines, each column as wide as its widest cell."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def format_score(metric: Metric, scores: Scores, intervals: Mapping[str, Interval]) -> str:
    """Return a system's score with its interval in brackets, where there is one."""
    text, interval = metric.format(scores.get(metric.key)), intervals.get(metric.key)
    return f"{text} [{', '.join(map(metric.format, interval))}]" if interval else text


def describe_recordings(measured: Measurements) -> str:
    """Return a sentence on how many recordings were scored."""
    return (
        f"{measured.n_scored:,} of {counted(measured.n_recordings, 'recording')} scored as sound, in "
        f"{counted(measured.n_segments, 'segment')} of a few seconds."
    )


def describe_resampling(measured: Measurements) -> str:
    """Return a sentence on the intervals in brackets: over what they are."""
    speakers = {segment.speaker for segment in measured.segments} - {""}
    if not any(interval for by_metric in measured.intervals.values() for interval in by_metric.values()):
        segments = counted(measured.n_segments, "segment")
        return f"{segments}: too few for 95 % intervals, and for any claim about other recordings."
    if measured.resampled == "speakers":
        return f"In brackets: 95 % intervals over {counted(len(speakers), 'speaker')}."
    those = (
        "unknown speakers"
        if not speakers
        else "this speaker"
        if len(speakers) == 1
        else f"these {len(speakers)} speakers"
    )
    return (
        f"In brackets: 95 % intervals over {counted(measured.n_segments, 'segment')} of {those}; other speakers may "
        "differ."
    )


def describe_intervals(measured: Measurements) -> str:
    """Return sentences on the intervals in brackets, and on the metrics that were not measured everywhere."""
    text, missing = describe_resampling(measured), describe_coverage(measured)
    return f"{text} Not measured everywhere: {'; '.join(missing)}." if missing else text


def describe_coverage(measured: Measurements) -> list[str]:
    """Return, for each metric that was not measured everywhere, on how much it was, and why."""
    return [
        f"{METRICS[key].title}, on {entry.n:,} of {entry.n_total:,} {entry.measured_on} ({entry.reason})"
        for key, entry in measured.coverage.items()
        if entry.n < entry.n_total
    ]


def describe_recognition(noun: str, found: RecognitionResults) -> str:
    """Return a sentence on the accuracy of a recogniser, of words or speakers (`noun`), on original recordings.

    It limits what the recogniser can tell.
    """
    labels = counted(len(found.labels), noun)
    if found.n_training:
        training = counted(found.n_training, "original training recording")
        recogniser = f"A recogniser of {labels}, trained on {training},"
    else:
        recogniser = f"With a choice of {labels}, {found.recogniser}"
    accuracy = "-" if found.original_accuracy is None else f"{found.original_accuracy:.3f}"
    testing = counted(found.n_recordings, "original testing recording")
    return f"{recogniser} recognises {accuracy} of {testing}."


def describe_probes(probes: Mapping[str, Probe]) -> list[str]:
    """Return what probes tell as a table for the terminal, and a sentence on those that were not tried."""
    tried = {key: probe for key, probe in probes.items() if not probe.reason}
    not_tried = {key: probe for key, probe in probes.items() if probe.reason}
    lines = []
    if tried:
        n_values = max(probe.n_values for probe in tried.values())
        lines.append(
            f"What mean latents of {counted(n_values, 'value')} tell, by a linear probe: the share of recordings told "
            "right."
        )
        rows = [["", *INPUT_TITLES.values(), "chance"]]
        for key, probe in tried.items():
            scores = [f"{probe.accuracy[name]:.3f}{_in_brackets(probe.intervals[name])}" for name in INPUT_TITLES]
            rows.append([f"{TARGET_TITLES[key]}, 1 of {probe.n_classes}", *scores, f"{probe.chance:.3f}"])
        lines.append(_align(rows))
    if WORD in not_tried:
        not_tried.pop(WORD_OF_NEW_SPEAKERS, None)  # for the same reason
    reasons: dict[str, list[str]] = {}
    for key, probe in not_tried.items():
        reasons.setdefault(probe.reason, []).append(f"the {TARGET_TITLES[key]}")
    if reasons:
        parts = "; ".join(f"{' and '.join(targets)} ({reason})" for reason, targets in reasons.items())
        lines.append(f"Not told from latents: {parts}.")
    return lines


def _in_brackets(interval: Interval) -> str:
    return f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""


def describe_comparison(comparison: Comparison, name: str) -> list[str]:
    """Return lines that say whether the model is better than another, called `name`, and by how much."""
    differences = comparison.differences
    main = next((key for key in _MAIN_METRICS if key in differences and differences[key].interval), None)
    if main is None:
        lines = [f"There are too few recordings to tell whether the model is better than {name}."]
    else:
        verdict = {
            "better": f"The model is better than {name}",
            "worse": f"The model is worse than {name}",
            "no difference": f"These recordings show no difference from {name}",
        }[differences[main].shows]
        lines = [f"{verdict} ({METRICS[main].heading}, same recordings). Differences, model - other, 95 % intervals:"]
    for key, entry in differences.items():
        metric = METRICS[key]
        if entry.difference is not None:
            ends = ", ".join(metric.format(end, sign=True) for end in entry.interval or [])
            interval = f" [{ends}]" if ends else ""
            lines.append(f"  {metric.title}: {metric.format(entry.difference, sign=True)}{interval}, {entry.shows}")
    return lines
