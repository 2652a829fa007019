"""Line charts for the page, as coordinates that its template draws as SVG."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from speech_autoencoder.evaluation.rates import title_of
from speech_autoencoder.evaluation.results import LogMelError, RateRow, Rates
from speech_autoencoder.evaluation.systems import COPY_SYNTHESIS
from speech_autoencoder.system.figures import import_matplotlib
from speech_autoencoder.system.wording import counted

Points = Sequence[tuple[float, float]]

# Lines with more points than this are drawn without dots.
_MOST_DOTS = 30
# Room between the lines and the edges of the box, in heights of the lines.
_MARGIN = 0.06
# Values above this multiple of the 90th percentile are cut, or a bad first epoch would flatten all others.
_MOST_OF_90_PERCENT = 2
# The approximate number of ticks on an axis.
_N_TICKS = 5
# Added to a frequency before its logarithm, so that low bands do not take most of the room, as in a mel scale.
_LOG_OFFSET_HZ = 300
# Ticks of the frequencies, in Hz.
_FREQUENCIES_HZ = (250, 500, 1_000, 2_000, 4_000, 8_000)
# Ticks of the parts of a recording, in percent: the middles of tenths.
_PARTS = (5, 25, 50, 75, 95)
# Ticks of the latent rate, in values/s.
_LATENT_RATES = tuple(25 * 2**i for i in range(9))
# Ticks of the bitrate, in kbit/s.
_BITRATES = (0.5, 1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Box:
    """Where a chart's lines are drawn, in a picture of `width` and `height`."""

    width: int = 480
    height: int = 268
    left: float = 52.0
    right: float = 470.0
    top: float = 14.0
    bottom: float = 226.0


@dataclass(frozen=True)
class Line:
    """A line: its CSS class, its name, its points as SVG writes them, and its dots if they are few."""

    key: str
    name: str
    points: str
    dots: list[tuple[float, float]]


@dataclass(frozen=True)
class Reference:
    """A level to compare with: its name, its value, and where it is drawn."""

    name: str
    value: float
    y: float


@dataclass(frozen=True)
class Chart:
    """What the template draws; `summary` describes it to those who cannot see it."""

    title: str
    summary: str
    x_label: str
    lines: list[Line]
    reference: Reference | None
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    box: Box = field(default_factory=Box)


def line_chart(
    title: str,
    lines: Mapping[str, Points],
    *,
    x_label: str,
    summary: str,
    names: Mapping[str, str] | None = None,
    ticks: Sequence[tuple[float, str]] | None = None,
    scale: Callable[[float], float] = float,
    reference: tuple[str, float] | None = None,
) -> Chart | None:
    """Return a chart of lines, or None without a point.

    Parameters
    ----------
    title, x_label
        What is drawn, and over what.
    lines
        Points (x, y) of each line, by its key, which is also its CSS class.
    summary
        A description for those who cannot see the chart.
    names
        The names of lines, if they differ from the keys.
    ticks
        Places on the x axis and their texts; whole numbers without them.
    scale
        An increasing function of x, by which points are placed.
    reference
        The name and the value of a level to compare with.
    """
    lines = {key: [*points] for key, points in lines.items() if len(points)}
    if not lines:
        return None
    xs, ys = zip(*(point for points in lines.values() for point in points), strict=True)
    low, high = _y_range([*ys, *([reference[1]] if reference else [])])
    first, last = scale(min(xs)), scale(max(xs))
    box, names = Box(), names or {}

    def x(value: float) -> float:
        share = (scale(value) - first) / (last - first) if last > first else 0.5
        return round(box.left + (box.right - box.left) * share, 1)

    def y(value: float) -> float:
        return round(box.bottom - (box.bottom - box.top) * (min(value, high) - low) / (high - low), 1)

    if ticks is None:
        places = _places(min(xs), max(min(xs) + 1, max(xs)), integer=True)
        ticks = [(place, f"{place:.0f}") for place in places]
    y_places = _places(low, high)
    return Chart(
        title,
        summary,
        x_label,
        [
            Line(
                key,
                names.get(key, key),
                " ".join(f"{x(a)},{y(b)}" for a, b in points),
                [(x(a), y(b)) for a, b in points] if len(points) <= _MOST_DOTS else [],
            )
            for key, points in lines.items()
        ],
        Reference(*reference, y(reference[1])) if reference else None,
        [(x(place), text) for place, text in ticks if min(xs) <= place <= max(xs)],
        [(y(place), f"{place:.4g}") for place in y_places if low <= place <= high],
    )


def _places(low: float, high: float, *, integer: bool = False) -> list[float]:
    """Return round values for the ticks of an axis."""
    import_matplotlib()
    from matplotlib.ticker import MaxNLocator

    return [float(place) for place in MaxNLocator(_N_TICKS, integer=integer).tick_values(low, high)]


def _y_range(values: Sequence[float]) -> tuple[float, float]:
    """Return the values at the lower and the upper edge of the box."""
    low, high = min(values), min(max(values), _MOST_OF_90_PERCENT * float(np.percentile(values, 90)))
    low, high = (low, high) if high > low else (low - 0.5 * abs(low) - 1e-6, low + 0.5 * abs(low) + 1e-6)
    return low - _MARGIN * (high - low), high + _MARGIN * (high - low)


def epoch_chart(title: str, lines: Mapping[str, list[float]], reference: tuple[str, float] | None) -> Chart | None:
    """Return the chart of lines that have a value for each epoch, or None without a value."""
    lines = {name: values for name, values in lines.items() if values}
    n_epochs = max(map(len, lines.values()), default=0)
    ends = "; ".join(f"{name} ends at {values[-1]:.4g}" for name, values in lines.items())
    if reference:
        ends += f"; {reference[0]} {reference[1]:.4g}"
    points = {name: [*enumerate(values, 1)] for name, values in lines.items()}
    summary = f"{title} over {counted(n_epochs, 'epoch')}; {ends}"
    return line_chart(title, points, x_label="epoch", summary=summary, reference=reference)


def error_charts(error: LogMelError) -> list[Chart]:
    """Return charts of the log-mel error by frequency and over time."""
    profiles = {css_class(key): profile for key, profile in error.systems.items()}
    names = {css_class(key): title_of(key) for key in error.systems}
    by_band = {key: [*zip(error.band_hz, profile.by_band_db, strict=True)] for key, profile in profiles.items()}
    over_time = {
        key: [(10 * i + 5, db) for i, db in enumerate(profile.over_time_db) if db is not None]
        for key, profile in profiles.items()
    }
    charts = [
        line_chart(
            "Log-mel error by frequency, dB",
            by_band,
            x_label="kHz",
            summary=_describe_extremes("Log-mel error by frequency", by_band, names, "{:,.0f} Hz"),
            names=names,
            ticks=[(hz, f"{hz / 1_000:g}") for hz in _FREQUENCIES_HZ],
            scale=lambda hz: math.log(hz + _LOG_OFFSET_HZ),
        ),
        line_chart(
            "Log-mel error over time, dB",
            over_time,
            x_label="part of the recording, %",
            summary=_describe_extremes("Log-mel error over time", over_time, names, "{:.0f} % of the recording"),
            names=names,
            ticks=[(percent, str(percent)) for percent in _PARTS],
        ),
    ]
    return [chart for chart in charts if chart]


def rate_charts(rates: Rates) -> list[Chart]:
    """Return charts of STOI by latent rate and by bitrate."""
    by_latent_rate = [(row.latent_rate, row) for row in rates.rows]
    by_bitrate = [(row.bitrate, row) for row in rates.rows]
    level = next((row.scores["stoi"] for row in rates.rows if row.system == COPY_SYNTHESIS.key), None)
    reference = (COPY_SYNTHESIS.title, level) if level is not None else None
    charts = [
        _rate_chart("STOI by latent rate", by_latent_rate, "values/s", _LATENT_RATES, reference),
        _rate_chart("STOI by bitrate", by_bitrate, "kbit/s", _BITRATES, reference),
    ]
    return [chart for chart in charts if chart]


def _rate_chart(
    title: str,
    rows: Sequence[tuple[float | None, RateRow]],
    x_label: str,
    ticks: Sequence[float],
    reference: tuple[str, float] | None,
) -> Chart | None:
    """Return the chart of STOI by the rates of rows, a line for each system."""
    lines: dict[str, list[tuple[float, float]]] = {}
    names: dict[str, str] = {}
    points = [(x, y, row.system) for x, row in rows if x and (y := row.scores["stoi"]) is not None]
    for rate, stoi, system in sorted(points, key=lambda point: point[0]):
        key = css_class(system)
        lines.setdefault(key, []).append((rate, stoi))
        names[key] = title_of(system)
    values = "; ".join(
        f"{names[key]} {', '.join(f'{y:.3f} at {x:.3g}' for x, y in line)}" for key, line in lines.items()
    )
    return line_chart(
        title,
        lines,
        x_label=x_label,
        summary=f"{title}, {x_label}: {values}",
        names=names,
        ticks=[(float(x), f"{x:g}") for x in ticks],
        scale=math.log,
        reference=reference,
    )


def css_class(system: str) -> str:
    """Return the class of a system in report.css.

    Examples
    --------
    >>> css_class("copy_synthesis")
    'copy-synthesis'
    """
    return system.replace("_", "-")


def _describe_extremes(title: str, lines: Mapping[str, Points], names: Mapping[str, str], place: str) -> str:
    """Return a sentence with the least and the most of each line, and where they are."""
    parts = []
    for key, points in lines.items():
        if points:
            (x_least, least), (x_most, most) = (extreme(points, key=lambda point: point[1]) for extreme in (min, max))
            ends = f"{least:.2f} dB at {place.format(x_least)} to {most:.2f} dB at {place.format(x_most)}"
            parts.append(f"{names[key]} {ends}")
    return f"{title}: {'; '.join(parts)}"
