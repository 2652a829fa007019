"""What the program that this one replaces does, step by step: its features, training and inversion, to be measured."""

import time
from collections.abc import Callable
from typing import Any

import keras
import librosa
import numpy as np

from speech_autoencoder.config import CLASSIC

N_SAMPLES = CLASSIC.hop_length * (CLASSIC.n_frames - 1)  # the program looks at no more of a recording
EPOCHS = 50
_N_FFT = 2_048  # librosa's default, which the inversion uses whatever the analysis used
_GAIN = 10  # the loudest band's power is 1 in every clip: that sound would be lost in the noise of 16 bits
_BATCH_SIZE = 128
_LEARNING_RATE = 1e-3


def analyse(waveform: np.ndarray) -> np.ndarray:
    """Return the first 1.09 s at 22,050 Hz as dB (128, 48) relative to the clip's loudest.

    The program applies amplitude_to_db to a power: its lowest level of -80 dB is one of -40 dB.
    """
    waveform = librosa.util.fix_length(waveform, size=N_SAMPLES)
    power = librosa.feature.melspectrogram(
        y=waveform, sr=CLASSIC.sr, n_fft=CLASSIC.n_fft, hop_length=CLASSIC.hop_length, n_mels=CLASSIC.n_mels
    )
    return librosa.amplitude_to_db(power, ref=np.max)


def synthesise(db: np.ndarray, *, seed: int) -> np.ndarray:
    """Return the waveform at 22,050 Hz of the output of `analyse`, always of the same level."""
    # db_to_amplitude is the inverse of amplitude_to_db, and so gives the power back.
    return _GAIN * invert(librosa.db_to_amplitude(db), seed=seed, power=2.0)


def invert(mel: np.ndarray, *, seed: int, **options: Any) -> np.ndarray:
    """Return the waveform of a mel spectrogram (n_mels, n_frames), by librosa's defaults except the hop.

    Parameters
    ----------
    mel
        The mel spectrogram.
    seed
        Of Griffin-Lim's first phases.
    options
        Those of librosa.feature.inverse.mel_to_stft that say what mel is.
    """
    magnitude = librosa.feature.inverse.mel_to_stft(mel, sr=CLASSIC.sr, n_fft=_N_FFT, **options)
    return librosa.griffinlim(magnitude, hop_length=CLASSIC.hop_length, random_state=seed)


def extremes(clips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (least, span) of each clip (n, n_mels, n_frames, 1), in shapes that broadcast; the span is never 0."""
    least, most = (np.asarray(pick(clips, axis=(1, 2, 3), keepdims=True)) for pick in (np.min, np.max))
    return least, np.where(most > least, most - least, 1)


def stretch(clips: np.ndarray) -> np.ndarray:
    """Return the clips, each scaled to fill [0, 1]."""
    least, span = extremes(clips)
    return (clips - least) / span


def apply_network(network: Callable[..., Any], clips: np.ndarray, *, stretched: bool) -> np.ndarray:
    """Return the network's output for clips (n, n_mels, n_frames, 1).

    Parameters
    ----------
    network
        As `original_network.build` returns it.
    clips
        The inputs.
    stretched
        Whether each clip is scaled to fill [0, 1] first; the output is then scaled from its own extremes to those of
        the clip, which the decoder is told.
    """
    if not stretched:
        return np.asarray(network(clips, training=False))
    least, span = extremes(clips)
    return stretch(np.asarray(network(stretch(clips), training=False))) * span + least


def train(clips: np.ndarray, *, minutes: float, seed: int, epochs: int = EPOCHS) -> tuple[keras.Model, int]:
    """Train the network as the old program does; return it with the number of epochs.

    Half of the clips are held out. The old program only prints their loss, so it is not computed here.
    """
    # Here, as it imports this project's training, and the start of the old program's prediction is timed.
    from benchmarks.quality import original_network

    keras.utils.set_random_seed(seed)
    network = original_network.build()
    network.compile(keras.optimizers.Adam(_LEARNING_RATE), "binary_crossentropy")
    kept = np.random.default_rng(seed).permutation(len(clips))[: max(1, len(clips) // 2)]
    clips = np.asarray(clips[np.sort(kept)])
    stop = _StopAt(time.monotonic() + 60 * minutes)
    fitted = network.fit(clips, clips, batch_size=_BATCH_SIZE, epochs=epochs, callbacks=[stop], verbose=0)
    return network, len(fitted.epoch)


class _StopAt(keras.callbacks.Callback):
    """Stops training at a time of the monotonic clock."""

    def __init__(self, end: float):
        super().__init__()
        self.end = end

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if time.monotonic() > self.end:
            self.model.stop_training = True
