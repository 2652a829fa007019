"""Pictures for the page: lines over an axis as the template draws them, and values as the pixels of a PNG."""

import base64
import io
import math
from collections.abc import Callable, Sequence

import numpy as np

# Where a chart's lines are drawn, in the template's coordinates.
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 470.0, 14.0, 226.0
# Lines of no more points than this show each of them.
_MOST_DOTS = 30
Points = Sequence[tuple[float, float]]


def picture(values: np.ndarray, colours: str) -> str:
    """A data URI of values (rows, columns) in [0, 1] as a PNG in the colours of a map of matplotlib, row 0 below."""
    import matplotlib
    from PIL import Image

    levels = (np.clip(values[::-1], 0, 1) * 255).round().astype(np.uint8)
    image = Image.frombytes("P", levels.shape[::-1], levels.tobytes())
    image.putpalette(matplotlib.colormaps[colours](np.arange(256), bytes=True)[:, :3].tobytes())
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode("ascii")


def chart(
    title: str,
    lines: dict[str, Points],
    *,
    x_label: str,
    summary: str,
    ticks: Sequence[tuple[float, str]] | None = None,
    scale: Callable[[float], float] = float,
    reference: tuple[str, float] | None = None,
    titles: dict[str, str] | None = None,
) -> dict | None:
    """What the template draws of lines {key: [(x, y)]} over x, and a level to compare with; None without a point.

    The key is the line's class, and its name where titles has no other. x is placed by the scale, a growing function.
    Without ticks [(x, text)] they are at whole numbers. The summary is what one hears who does not see it.
    """
    from matplotlib.ticker import MaxNLocator

    lines = {key: [*points] for key, points in lines.items() if len(points)}
    if not lines:
        return None
    xs, ys = zip(*(point for points in lines.values() for point in points), strict=True)
    everything = [*ys, *([reference[1]] if reference else [])]
    # What goes far beyond the rest at the start would make the rest flat.
    low, high = min(everything), min(max(everything), 2 * float(np.percentile(everything, 90)))
    low, high = (low, high) if high > low else (low - 0.5 * abs(low) - 1e-6, low + 0.5 * abs(low) + 1e-6)
    low, high = low - 0.06 * (high - low), high + 0.06 * (high - low)
    first, last = scale(min(xs)), scale(max(xs))

    def x(value):
        return round(_LEFT + (_RIGHT - _LEFT) * ((scale(value) - first) / (last - first) if last > first else 0.5), 1)

    def y(value):
        return round(_BOTTOM - (_BOTTOM - _TOP) * (min(value, high) - low) / (high - low), 1)

    if ticks is None:
        places = MaxNLocator(5, integer=True).tick_values(min(xs), max(min(xs) + 1, max(xs)))
        ticks = [(float(place), f"{place:.0f}") for place in places]
    y_places = [float(place) for place in MaxNLocator(5).tick_values(low, high)]
    return {
        "title": title,
        "summary": summary,
        "lines": [
            {
                "key": key,
                "name": (titles or {}).get(key, key),
                "points": " ".join(f"{x(a)},{y(b)}" for a, b in points),
                "dots": [(x(a), y(b)) for a, b in points] if len(points) <= _MOST_DOTS else [],
            }
            for key, points in lines.items()
        ],
        "reference": {"name": reference[0], "y": y(reference[1]), "value": reference[1]} if reference else None,
        "x_ticks": [(x(place), text) for place, text in ticks if min(xs) <= place <= max(xs)],
        "x_label": x_label,
        "y_ticks": [(y(place), f"{place:.4g}") for place in y_places if low <= place <= high],
        "box": {"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": _BOTTOM},
    }


def by_epoch(title: str, lines: dict[str, list[float]], reference: tuple[str, float] | None) -> dict | None:
    """The chart of lines {name: a value an epoch}; None without a value."""
    lines = {name: values for name, values in lines.items() if values}
    n_epochs = max(map(len, lines.values()), default=0)
    ends = "; ".join(f"{name} ends at {values[-1]:.4g}" for name, values in lines.items())
    if reference:
        ends += f"; {reference[0]} {reference[1]:.4g}"
    points = {name: [*enumerate(values, 1)] for name, values in lines.items()}
    summary = f"{title} over {n_epochs} epochs; {ends}"
    return chart(title, points, x_label="epoch", summary=summary, reference=reference)


def of_errors(profile: dict) -> list[dict]:
    """Two charts of where the log-mel errs, by frequency and over the recordings' time, of `log_mel_error`."""
    systems = {"model": "the model", "pca": "PCA"}
    band_hz = profile["band_hz"]
    by_band = {key: [*zip(band_hz, profile[key]["by_band_db"], strict=True)] for key in systems}
    over_time = {
        key: [(10 * i + 5, value) for i, value in enumerate(profile[key]["over_time_db"]) if value is not None]
        for key in systems
    }
    ticks = [(hz, f"{hz / 1_000:g}") for hz in (250, 500, 1_000, 2_000, 4_000, 8_000)]
    charts = [
        chart(
            "Log-mel error by frequency, dB",
            by_band,
            x_label="kHz",
            summary=_describe("Log-mel error by frequency", by_band, systems, "{:,.0f} Hz"),
            ticks=ticks,
            scale=lambda hz: math.log(hz + 300),
            titles=systems,
        ),
        chart(
            "Log-mel error over time, dB",
            over_time,
            x_label="part of the recording, %",
            summary=_describe("Log-mel error over the recordings' time", over_time, systems, "{:.0f} % of the time"),
            ticks=[(percent, str(percent)) for percent in (5, 25, 50, 75, 95)],
            titles=systems,
        ),
    ]
    return [chart for chart in charts if chart]


def of_rates(rates: dict, names: dict[str, str]) -> list[dict]:
    """Two charts of STOI, over numbers a second and over kbit/s, of `rates.measure`; names: {system: its name}."""
    level = next((row["stoi"] for row in rates["rows"] if row["system"] == "copy_synthesis"), None)
    reference = ("no model in between", level) if level is not None else None
    drawn = []
    for unit, x_label in (("numbers", "numbers a second"), ("kbits", "kbit/s")):
        lines: dict[str, list] = {}
        for row in sorted(
            (row for row in rates["rows"] if row[unit] and row["stoi"] is not None), key=lambda r: r[unit]
        ):
            lines.setdefault(row["system"].lower().replace(" ", "-"), []).append((row[unit], row["stoi"]))
        titles = {key: names.get(key.replace("-", " "), key.replace("-", " ").capitalize()) for key in lines}
        said = "; ".join(
            f"{titles[key]} {', '.join(f'{y:.3f} at {x:.3g}' for x, y in points)}" for key, points in lines.items()
        )
        ticks = [(float(x), f"{x:g}") for x in ((0.5, 1, 2, 4, 8, 16) if unit == "kbits" else 25 * 2.0 ** np.arange(9))]
        drawn.append(
            chart(
                f"STOI at so many {x_label}",
                lines,
                x_label=x_label,
                summary=f"STOI over {x_label}: {said}",
                ticks=ticks,
                scale=math.log,
                reference=reference,
                titles=titles,
            )
        )
    return [chart for chart in drawn if chart]


def _describe(what, lines, names, place):
    """What one hears of a chart: the least and the most of each line, and where."""
    parts = []
    for key, points in lines.items():
        if points:
            (x_least, least), (x_most, most) = (way(points, key=lambda point: point[1]) for way in (min, max))
            ends = f"{least:.2f} dB at {place.format(x_least)} to {most:.2f} dB at {place.format(x_most)}"
            parts.append(f"{names[key]} {ends}")
    return f"{what}: {'; '.join(parts)}"
