"""Log-mel spectrograms for the page: values as the pixels of PNG files in data URIs."""

import base64
import io

import numpy as np
from PIL import Image

from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.report.recording_figure import SHOWN_DB
from speech_autoencoder.system.figures import import_matplotlib

# The range of a difference, to either side of 0.
DIFFERENCE_DB = 20.0
# Colour maps of matplotlib.
LEVEL_COLOURS = "magma"
DIFFERENCE_COLOURS = "RdBu_r"


def palette(colours: str) -> bytes:
    """Return the 256 colours of a map of matplotlib, from low to high, as red, green and blue bytes."""
    return import_matplotlib().colormaps[colours](np.arange(256), bytes=True)[:, :3].tobytes()


def picture(values: np.ndarray, colours: str) -> str:
    """Return the data URI of a PNG of values in the colours of a map.

    Parameters
    ----------
    values
        Numbers in [0, 1], (n_rows, n_columns); row 0 is drawn at the bottom.
    colours
        The name of a colour map of matplotlib.
    """
    levels = (np.clip(values[::-1], 0, 1) * 255).round().astype(np.uint8)
    image = Image.frombytes("P", levels.shape[::-1], levels.tobytes())
    image.putpalette(palette(colours))
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode("ascii")


def pictures_of(original: np.ndarray, reconstruction: np.ndarray, features: FeatureConfig) -> dict[str, str]:
    """Return the pictures of two spectrograms on one scale, and of their difference.

    Parameters
    ----------
    original, reconstruction
        Normalised log-mels, (n_mels, n_frames) each.

    Returns
    -------
    dict
        Data URIs by "original", "reconstruction" and "difference".
    """
    loudest = float(max(original.max(), reconstruction.max()))
    lowest = loudest - SHOWN_DB / features.range_db
    original, reconstruction = (np.maximum(log_mel, lowest) for log_mel in (original, reconstruction))
    difference = (reconstruction - original) * features.range_db
    return {
        "original": picture((original - lowest) / (loudest - lowest), LEVEL_COLOURS),
        "reconstruction": picture((reconstruction - lowest) / (loudest - lowest), LEVEL_COLOURS),
        "difference": picture(0.5 + difference / (2 * DIFFERENCE_DB), DIFFERENCE_COLOURS),
    }


def scales() -> dict[str, str]:
    """Return the pictures of the two colour scales, from low to high, by "level" and "difference"."""
    ramp = np.linspace(0, 1, 256)[None]
    return {"level": picture(ramp, LEVEL_COLOURS), "difference": picture(ramp, DIFFERENCE_COLOURS)}
