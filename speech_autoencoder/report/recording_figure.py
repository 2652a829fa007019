"""The figure of one recording: waveforms and log-mel spectrograms, before and after the model."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from speech_autoencoder.audio.reading import describe, read
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.system.figures import new_figure, own_settings, save_figure
from speech_autoencoder.system.files import printable

# The range of a spectrogram below its loudest value: quieter sound is hardly audible.
SHOWN_DB = 80
LEVEL_LABEL = "dB relative to full scale"
# The colours of the waveforms: recording and reconstruction.
_COLOURS = ("#333333", "#0072b2")
# Width and height in inches.
_SIZE = (11, 6)
# The longest part of a recording that a figure shows, from its beginning.
_EXCERPT_S = 20.0
# The shortest time axis: one sample of sound would have none.
_LEAST_S = 1e-3


@own_settings()
def draw_recording(
    path: Path,
    name: str,
    waveforms: tuple[np.ndarray, np.ndarray],
    sr: int,
    log_mels: tuple[np.ndarray, np.ndarray],
    features: FeatureConfig,
    *,
    shortened: bool = False,
) -> None:
    """Write a figure of a recording and its reconstruction: waveforms above, log-mel spectrograms below.

    Parameters
    ----------
    path
        The PNG to write.
    name
        The title.
    waveforms
        Of the recording and of its reconstruction, (n_samples,) each, at `sr` Hz.
    log_mels
        Normalised, (n_mels, n_frames) each.
    shortened
        Whether the recording goes on after the waveforms end.
    """
    figure, axes = new_figure(2, 2, _SIZE, sharex=True, sharey="row")
    loudest = max(float(log_mel.max(initial=0)) for log_mel in log_mels)
    for column, (title, waveform, log_mel) in enumerate(
        zip(("original", "reconstruction"), waveforms, log_mels, strict=True)
    ):
        seconds = np.arange(len(waveform)) / sr
        axes[0, column].plot(seconds, waveform, linewidth=0.5, color=_COLOURS[column])
        axes[0, column].set(title=title)
        image = show_log_mel(axes[1, column], log_mel, features, loudest)
        axes[1, column].set(xlabel="time (s)")
    axes[0, 0].set(ylabel="amplitude")
    axes[1, 0].set(ylabel="mel band")
    axes[0, 0].set_xlim(0, max(len(waveforms[0]) / sr, _LEAST_S))
    figure.colorbar(image, ax=axes[1, :], label=LEVEL_LABEL)
    # A dollar sign in a name must not start a formula.
    title = printable(name).replace("$", r"\$")
    figure.suptitle(f"{title}, the first {len(waveforms[0]) / sr:.0f} s" if shortened else title)
    save_figure(figure, path)


def show_log_mel(axes: Any, log_mel: np.ndarray, features: FeatureConfig, loudest: float) -> Any:
    """Show a normalised log-mel (n_mels, n_frames) in dB and seconds, as bright as `loudest` at most; return the image.

    For a scale beside it: figure.colorbar(image, label=LEVEL_LABEL).
    """
    loudest_db = loudest * features.range_db + features.floor_db
    return axes.imshow(
        log_mel * features.range_db + features.floor_db,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap="magma",
        vmin=loudest_db - SHOWN_DB,
        vmax=loudest_db,
        extent=(0, log_mel.shape[1] / features.frame_rate, 0, features.n_mels),
    )


class Excerpt:
    """The first seconds of a recording and of its reconstruction, collected while it is reconstructed."""

    def __init__(self, path: Path, features: FeatureConfig, *, salvage: bool = False) -> None:
        self.path, self.features, self.salvage = path, features, salvage
        self.recording = describe(path, salvage=salvage)
        self.seconds = min(self.recording.duration_s, _EXCERPT_S)
        self.blocks: dict[str, list[np.ndarray]] = {"mel": [], "reconstructed_mel": [], "waveform": []}

    def watch(self, kind: str, block: np.ndarray) -> None:
        """Keep the part of a block that the figure shows: (n_mels, k) of a mel, (k,) of a waveform."""
        have = sum(kept.shape[-1] for kept in self.blocks[kind])
        missing = self._wanted(kind) - have
        if missing > 0:
            self.blocks[kind].append(block[..., :missing].copy())

    def _wanted(self, kind: str) -> int:
        """Return how many samples or frames the figure shows."""
        rate = self.recording.sr if kind == "waveform" else self.features.frame_rate
        return math.ceil(self.seconds * rate)

    def draw(self, path: Path) -> None:
        """Write the figure of the recording beside its reconstruction."""
        original = read(self.path, most=self._wanted("waveform"), salvage=self.salvage)
        draw_recording(
            path,
            self.path.name,
            (original, np.concatenate(self.blocks["waveform"])),
            self.recording.sr,
            (np.concatenate(self.blocks["mel"], 1), np.concatenate(self.blocks["reconstructed_mel"], 1)),
            self.features,
            shortened=self.seconds < self.recording.duration_s,
        )
