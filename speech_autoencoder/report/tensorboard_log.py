"""A training for TensorBoard: its history as scalars, a held-out recording as spectrograms and sound.

The records are those that PyTorch writes too, with tensorboard's own classes for them. TensorFlow's writer is not used:
it does not tell that a disk is full.
"""

import io
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile as sf

from speech_autoencoder.audio.inversion import invert
from speech_autoencoder.config import FeatureConfig, InversionConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.errors import InputError
from speech_autoencoder.report.recording_figure import LEVEL_LABEL, show_log_mel
from speech_autoencoder.system.figures import new_figure, own_settings
from speech_autoencoder.system.files import explain, printable

if TYPE_CHECKING:  # they start TensorFlow
    from speech_autoencoder.training.checkpoints import TrainingState
    from speech_autoencoder.training.setup import Setup

# How the files are called that TensorBoard looks for.
_PREFIX = "events.out.tfevents."
# The longest part of the recording that is shown and heard, from its beginning.
_EXCERPT_S = 3.0


class TensorBoardLog:
    """The file that TensorBoard reads of one training.

    It is in `folder`, or, if that has a training already, in a folder `run_2`, `run_3` and so on below it. A training
    that is resumed goes on in the last of these.

    Raises
    ------
    InputError
        If no file can be written there.
    ImportError
        If tensorboard is not installed.
    """

    def __init__(self, folder: Path, *, resume: bool, warn: Callable[[str], None]) -> None:
        # An extra, which few need.
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary = event_pb2, summary_pb2
        self._warn = warn
        self._recording: int | None = None
        try:
            self.folder = _run_folder(folder, resume=resume)
            self._goes_on = _has_events(self.folder)
            self.folder.mkdir(parents=True, exist_ok=True)
            # Closed by `close`, which the training may not reach.
            self._file: Any = (self.folder / f"{_PREFIX}{time.time_ns()}").open("xb")
            self._records = RecordWriter(self._file)
            self._write(file_version="brain.Event:2")
            self._records.flush()
        except OSError as error:
            raise InputError(f"{printable(folder)} cannot hold files for TensorBoard: {explain(error)}.") from error

    def add_epoch(self, setup: "Setup", state: "TrainingState") -> None:
        """Write the last epoch of a training, with spectrograms and sound in each tenth of its plan; see `loop.train`.

        What cannot be written is reported once; the training goes on.
        """
        if self._file is None:
            return
        try:
            self._add_epoch(setup, state)
        except Exception as error:  # libraries for figures raise anything: the training counts without them
            reason = explain(error) if isinstance(error, OSError) else " ".join(str(error).split()).rstrip(".")
            reason = reason or type(error).__name__
            where = printable(self.folder)
            self._warn(f"{where}: nothing more is written for TensorBoard ({reason}). The training goes on.")
            self.close()

    def close(self) -> None:
        """End the file."""
        if self._file is not None:
            file, self._file = self._file, None
            with suppress(OSError):
                file.close()

    def _add_epoch(self, setup: "Setup", state: "TrainingState") -> None:
        """Write the last epoch of a training."""
        n_epochs = len(state.history)
        if self._recording is None:
            self._start(setup, n_epochs)
        first = n_epochs if self._goes_on else 1
        self._goes_on = True
        for epoch in range(first, n_epochs + 1):
            columns = asdict(state.history).items()
            self._add(epoch, *({"tag": name, "simple_value": values[epoch - 1]} for name, values in columns))
        if state.history.is_tenth(state.n_epochs):
            self._add_reconstruction(setup, n_epochs)
        self._records.flush()  # TensorBoard sees it

    def _start(self, setup: "Setup", epoch: int) -> None:
        """Begin at an epoch: what a training that was interrupted has written after it does not count."""
        dataset = setup.dataset
        n_frames = dataset.n_frames[setup.split.validation]
        self._recording = int(setup.split.validation[np.minimum(n_frames, _most_frames(dataset.features)).argmax()])
        status = self._event.SessionLog.START
        self._write(step=epoch if self._goes_on else 1, session_log=self._event.SessionLog(status=status))
        if not dataset.has_changed(self._recording):
            sr = dataset.features.sr
            with suppress(InputError):  # its file is gone
                self._add_sound(epoch, "original", dataset.read(self._recording, sr), sr)

    def _add_reconstruction(self, setup: "Setup", epoch: int) -> None:
        """Write what the network makes of the recording."""
        features, frames = setup.dataset.features, _excerpt(setup.dataset, self._recording or 0)
        network = setup.averaged_network()
        output = network.decode(network.encode(frames))[:, : frames.shape[1]]
        picture = {"encoded_image_string": _png(frames, output[: features.n_mels], features), "colorspace": 4}
        self._add(epoch, {"tag": "log_mel", "image": self._summary.Summary.Image(**picture)})
        sound = invert(output, features, InversionConfig(), max(1, features.hop_length * (frames.shape[1] - 1)))
        self._add_sound(epoch, "reconstruction", sound, features.sr)

    def _add_sound(self, epoch: int, tag: str, waveform: np.ndarray, sr: int) -> None:
        """Write the excerpt of a waveform (n_samples,)."""
        waveform, content = np.clip(waveform[: round(_EXCERPT_S * sr)], -1, 1), io.BytesIO()
        sf.write(content, waveform, sr, "PCM_16", format="WAV")
        audio = self._summary.Summary.Audio(
            sample_rate=sr,
            num_channels=1,
            length_frames=len(waveform),
            encoded_audio_string=content.getvalue(),
            content_type="audio/wav",
        )
        self._add(epoch, {"tag": tag, "audio": audio})

    def _add(self, epoch: int, *values: dict[str, Any]) -> None:
        """Write values of an epoch."""
        summary = self._summary.Summary
        self._write(step=epoch, summary=summary(value=[summary.Value(**value) for value in values]))

    def _write(self, **content: Any) -> None:
        """Write a record."""
        self._records.write(self._event.Event(wall_time=time.time(), **content).SerializeToString())


def _run_folder(folder: Path, *, resume: bool) -> Path:
    """Return the folder of the next training, or of the last one if that is resumed."""
    runs = [folder]
    while _has_events(runs[-1]):
        runs.append(folder / f"run_{len(runs) + 1}")
    return runs[max(0, len(runs) - 2)] if resume else runs[-1]


def _has_events(folder: Path) -> bool:
    """Return whether a training has written to a folder."""
    return any(folder.glob(f"{_PREFIX}*"))


def _most_frames(features: FeatureConfig) -> int:
    """Return the frames of the longest excerpt."""
    return round(_EXCERPT_S * features.frame_rate)


def _excerpt(dataset: Dataset, recording: int) -> np.ndarray:
    """Return the first seconds of a recording as normalised log-mel (n_mels, n_frames)."""
    return dataset.frames(recording)[:, : _most_frames(dataset.features)]


@own_settings()
def _png(frames: np.ndarray, output: np.ndarray, features: FeatureConfig) -> bytes:
    """Return a picture of the log-mel of a recording above that of its reconstruction."""
    figure, axes = new_figure(2, 1, (8, 5), sharex=True, sharey=True)
    loudest = float(max(frames.max(), output.max()))
    for row, title, log_mel in zip(axes, ("original", "reconstruction"), (frames, output), strict=True):
        image = show_log_mel(row, log_mel, features, loudest)
        row.set(title=title, ylabel="mel band")
    axes[1].set(xlabel="time (s)")
    figure.colorbar(image, ax=axes, label=LEVEL_LABEL)
    content = io.BytesIO()
    figure.savefig(content, dpi=80, format="png")
    return content.getvalue()
