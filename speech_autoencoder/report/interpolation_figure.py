"""The figure of sounds between two recordings: their log-mel spectrograms, one below the other."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.report.recording_figure import LEVEL_LABEL, show_log_mel
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
    loudest = max(float(log_mel.max()) for log_mel in log_mels)
    for row, weight, log_mel in zip(axes[:, 0], weights, log_mels, strict=True):
        image = show_log_mel(row, log_mel, features, loudest)
        row.set(ylabel=f"{1 - weight:.2f} : {weight:.2f}")
        row.set_yticks([])
    axes[0, 0].set_xlim(0, max(log_mel.shape[1] for log_mel in log_mels) / features.frame_rate)
    axes[-1, 0].set(xlabel="time (s)")
    figure.colorbar(image, ax=axes[:, 0], label=LEVEL_LABEL)
    # A dollar sign in a name must not start a formula.
    first, second = (printable(name).replace("$", r"\$") for name in names)
    figure.suptitle(f"From {first} to {second}: log-mel spectrograms by weight")
    save_figure(figure, path)
