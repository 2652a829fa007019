"""The figure of sounds between two recordings: their log-mel spectrograms, one below the other."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.report.recording_figure import SHOWN_DB
from speech_autoencoder.system.figures import new_figure, own_settings, save_figure
from speech_autoencoder.system.files import printable

# Inches: the width, the height of a spectrogram, and that of the title and the axis.
_WIDTH = 11.0
_ROW = 1.4
_REST = 1.1


@own_settings()
def draw_interpolation(
    path: Path,
    names: tuple[str, str],
    weights: Sequence[float],
    log_mels: Sequence[np.ndarray],
    features: FeatureConfig,
) -> None:
    """Write a figure of the sounds that lead from one recording to another.

    Parameters
    ----------
    path
        The PNG to write.
    names
        Of the two recordings.
    weights, log_mels
        The weight of the second recording in each sound, and its normalised log-mel (n_mels, n_frames).
    """
    size = (_WIDTH, _REST + _ROW * len(log_mels))
    figure, axes = new_figure(len(log_mels), 1, size, sharex=True, sharey=True, squeeze=False)
    levels = [log_mel * features.range_db + features.floor_db for log_mel in log_mels]
    loudest = max(float(level.max()) for level in levels)
    for row, weight, level in zip(axes[:, 0], weights, levels, strict=True):
        image = row.imshow(
            level,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            cmap="magma",
            vmin=loudest - SHOWN_DB,
            vmax=loudest,
            extent=(0, level.shape[1] / features.frame_rate, 0, features.n_mels),
        )
        row.set(ylabel=f"{1 - weight:.2f} : {weight:.2f}")
        row.set_yticks([])
    axes[0, 0].set_xlim(0, max(level.shape[1] for level in levels) / features.frame_rate)
    axes[-1, 0].set(xlabel="time (s)")
    figure.colorbar(image, ax=axes[:, 0], label="dB relative to full scale")
    # A dollar sign in a name must not start a formula.
    first, second = (printable(name).replace("$", r"\$") for name in names)
    figure.suptitle(f"From {first} to {second}: log-mel spectrograms by weight")
    save_figure(figure, path)
