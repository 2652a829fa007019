"""The table of how damaged files ended, and what is reported while it is made."""

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from robustness.watched_processes import ENDS, Outcome

_PROGRESS_EVERY = 1_000  # items


def table(outcomes: Iterable[tuple[str, Outcome]], report: Callable[[int, str, Outcome], None] | None = None) -> str:
    """Return a markdown table of (kind, Outcome): how each kind ended, its slowest and its largest item.

    Parameters
    ----------
    outcomes
        The kind of file and the Outcome of each.
    report
        Called with the number (from 1), the kind and the Outcome of each item.
    """
    ends: dict[str, Counter] = {}
    slowest: dict[str, float] = defaultdict(float)
    largest: dict[str, float] = defaultdict(float)
    for number, (kind, outcome) in enumerate(outcomes, 1):
        for name in (kind, "all"):
            ends.setdefault(name, Counter())[outcome.end] += 1
            slowest[name] = max(slowest[name], outcome.seconds)
            largest[name] = max(largest[name], outcome.megabytes)
        if report:
            report(number, kind, outcome)
    lines = [
        "| kind | tried | " + " | ".join(ENDS) + " | slowest, CPU s | peak, MB |",
        "|---|" + "---|" * (len(ENDS) + 3),
    ]
    for name in [*sorted(set(ends) - {"all"}), *(["all"] if ends else [])]:
        counts = " | ".join(f"{ends[name][end]:,}" for end in ENDS)
        lines.append(f"| {name} | {ends[name].total():,} | {counts} | {slowest[name]:.2f} | {largest[name]:,.0f} |")
    return "\n".join(lines)


def report_problems(number: int, kind: str, outcome: Outcome) -> None:
    """Print on stderr each item that was neither used nor refused, and the progress now and then."""
    if outcome.end not in ("used", "refused"):
        print(f"{kind} {outcome.item}: {outcome.end}: {outcome.why}", file=sys.stderr, flush=True)
    elif number % _PROGRESS_EVERY == 0:
        print(f"{number:,} done", file=sys.stderr, flush=True)
