"""What an evaluation measured, as text: the table for the terminal, and sentences."""

from speech_autoencoder.evaluation.evaluation import COLUMNS
from speech_autoencoder.evaluation.scoring import SYSTEMS


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
