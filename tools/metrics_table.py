"""Write the table of metrics in docs/evaluation.md from their records.

python -m tools.metrics_table
"""

from pathlib import Path

from speech_autoencoder.evaluation.metrics.metric import Metric
from speech_autoencoder.evaluation.metrics.registry import METRICS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "evaluation.md"
BEGIN = "<!-- Metrics, written by python -m tools.metrics_table -->\n"
END = "<!-- End of metrics -->\n"


def table() -> str:
    """Return the table, one line for each metric."""
    rows = ["| key | metric | what it measures | what it cannot tell | average over |", "|---|---|---|---|---|"]
    rows += [_row(metric) for metric in METRICS.values()]
    return "\n".join(rows) + "\n"


def _row(metric: Metric) -> str:
    average = f"{metric.averaged_over}, root mean square" if metric.is_root else metric.averaged_over
    needs = f" Needs the extra `{metric.extra}`." if metric.extra else ""
    better = "Higher is better." if metric.higher_is_better else "Lower is better."
    return f"| `{metric.key}` | {metric.title} | {metric.measures}{needs} {better} | {metric.cannot_tell} | {average} |"


def insert(text: str) -> str:
    """Return the page with this table between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> None:
    """Write the page with the table."""
    PAGE.write_text(insert(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
