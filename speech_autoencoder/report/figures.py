"""Figures: how training went, how the model scores, what one recording looks like before and after."""

import math
import warnings
from pathlib import Path

import numpy as np

from speech_autoencoder.audio.recordings import describe, read
from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.evaluation.scoring import SYSTEMS
from speech_autoencoder.system.files import atomic_write, printable
from speech_autoencoder.training.history import History

_COLOURS = {"model": "#0072b2", "pca": "#999999", "copy_synthesis": "#009e73", "reference": "#333333"}
# The quietest that a spectrogram shows, below its loudest: what one hears.
_SHOWN_DB = 80
# The most of a long recording that a figure shows.
_EXCERPT_S = 20.0


def _figure(rows: int, columns: int, size: tuple[float, float], **options):
    """A figure that needs no display, and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, **options)


def _save(figure, path: Path) -> None:
    """Nothing; path holds the figure as PNG."""
    with atomic_write(path) as temporary, warnings.catch_warnings():
        # A name in letters that the font lacks is drawn as boxes: nothing that the user could mend.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(temporary, dpi=120, format="png")


def draw_history(path: Path, history: History, baseline_db: float, best_epoch: int) -> None:
    """Nothing; path shows the errors by epoch beside the PCA floor, and which epoch is the best, where one is."""
    figure, axes = _figure(1, 1, (7, 4))
    epochs = np.arange(1, len(history) + 1)
    axes.axhline(baseline_db, color=_COLOURS["pca"], linestyle="--", label="PCA floor, validation")
    axes.plot(epochs, history.training_db, color="#d55e00", marker=".", label="training")
    axes.plot(epochs, history.validation_db, color=_COLOURS["model"], marker=".", label="validation")
    if best_epoch:
        axes.axvline(best_epoch, color=_COLOURS["model"], alpha=0.3, label=f"best epoch, {best_epoch}")
    axes.set(xlabel="epoch", ylabel="RMS log-mel error (dB)", title="Training history")
    axes.legend()
    _save(figure, path)


def draw_scores(path: Path, scores: dict) -> None:
    """Nothing; path shows each metric of the model between its floor and its ceiling."""
    titles = {
        "log_mel_db": "log-mel error (dB)\nless is better",
        "stoi": "STOI",
        "estoi": "ESTOI",
        "pesq_nb": "PESQ-NB",
        "pesq_wb": "PESQ-WB",
    }
    metrics = [key for key in titles if scores["model"].get(key) is not None]
    figure, axes = _figure(1, len(metrics), (2.4 * len(metrics), 3.6), squeeze=False)
    for axis, metric in zip(axes[0], metrics, strict=True):
        values = [scores[system][metric] for system in SYSTEMS]
        bars = axis.bar(["model", "PCA", "copy_synthesis"], values, color=[_COLOURS[system] for system in SYSTEMS])
        axis.bar_label(bars, fmt="%.3g", padding=2)
        axis.set(title=titles[metric])
        axis.margins(y=0.15)
        axis.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


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
    """Nothing; path shows a recording and its reconstruction, waveforms (n_samples,) at sr Hz
    above, normalised log-mels (n_mels, n_frames) below.
    """
    figure, axes = _figure(2, 2, (11, 6), sharex=True, sharey="row")
    loudest = max(float(log_mel.max(initial=0)) for log_mel in log_mels) * features.range_db + features.floor_db
    for column, (title, waveform, log_mel) in enumerate(
        zip(("original", "reconstruction"), waveforms, log_mels, strict=True)
    ):
        seconds = np.arange(len(waveform)) / sr
        axes[0, column].plot(seconds, waveform, linewidth=0.5, color=_COLOURS[("reference", "model")[column]])
        axes[0, column].set(title=title)
        image = axes[1, column].imshow(
            log_mel * features.range_db + features.floor_db,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            cmap="magma",
            vmin=loudest - _SHOWN_DB,
            vmax=loudest,
            extent=(0, log_mel.shape[1] / features.frame_rate, 0, features.n_mels),
        )
        axes[1, column].set(xlabel="time (s)")
    axes[0, 0].set(ylabel="amplitude")
    axes[1, 0].set(ylabel="mel band")
    axes[0, 0].set_xlim(0, max(len(waveforms[0]) / sr, 1e-3))
    figure.colorbar(image, ax=axes[1, :], label="dB relative to full scale")
    # Names are no formulas: a dollar sign would start one.
    title = printable(name).replace("$", r"\$")
    figure.suptitle(f"{title}, the first {len(waveforms[0]) / sr:.0f} s" if shortened else title)
    _save(figure, path)


class Excerpt:
    """What one sees of a recording, of any length: its first seconds before and after, gathered as they pass."""

    def __init__(self, path: Path, features: FeatureConfig):
        self.path, self.features, self.recording = path, features, describe(path)
        self.seconds = min(self.recording.duration_s, _EXCERPT_S)
        self.blocks = {"mel": [], "reconstructed_mel": [], "waveform": []}

    def watch(self, kind: str, block: np.ndarray) -> None:
        """Nothing; block, (n_mels, k) or (k,) as kind says, is kept as far as it is shown."""
        have = sum(kept.shape[-1] for kept in self.blocks[kind])
        missing = self._wanted(kind) - have
        if missing > 0:
            self.blocks[kind].append(block[..., :missing].copy())

    def _wanted(self, kind):
        """The samples or frames that are shown."""
        rate = self.recording.sr if kind == "waveform" else self.features.frame_rate
        return math.ceil(self.seconds * rate)

    def draw(self, path: Path) -> None:
        """Nothing; path shows the recording beside its reconstruction."""
        original = read(self.path, most=self._wanted("waveform"))
        draw_recording(
            path,
            self.path.name,
            (original, np.concatenate(self.blocks["waveform"])),
            self.recording.sr,
            (np.concatenate(self.blocks["mel"], 1), np.concatenate(self.blocks["reconstructed_mel"], 1)),
            self.features,
            shortened=self.seconds < self.recording.duration_s,
        )


def show(path: Path) -> bool:
    """Whether there was a display on which the figure at path has been shown, in a window that the user closes."""
    import matplotlib

    try:
        import matplotlib.pyplot as plt

        if matplotlib.get_backend().lower() == "agg":
            return False
        image = plt.imread(path)
        figure = plt.figure(figsize=(11, 6))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(image)
        axes.axis("off")
        plt.show()
    except (ImportError, RuntimeError, OSError):
        return False
    return True
