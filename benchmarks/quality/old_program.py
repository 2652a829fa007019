"""What the program that this one replaces did, step by step, to be measured: its features, training and inversion."""

import time

import numpy as np

from speech_autoencoder.config import CLASSIC

N_SAMPLES = CLASSIC.hop_length * (CLASSIC.n_frames - 1)
# librosa's default, whatever the analysis was made with.
_N_FFT = 2_048
# The loudest band's power is 1 in every clip: the sound of that would be lost in the noise of 16 bits.
_GAIN = 10
EPOCHS, _BATCH_SIZE, _LEARNING_RATE = 50, 128, 1e-3


def analyse(waveform: np.ndarray) -> np.ndarray:
    """The first 1.09 s at 22,050 Hz as dB (128, 48) relative to the clip's loudest.

    amplitude_to_db of what is a power: its floor of 80 dB is one of 40 dB.
    """
    import librosa

    waveform = librosa.util.fix_length(waveform, size=N_SAMPLES)
    power = librosa.feature.melspectrogram(
        y=waveform, sr=CLASSIC.sr, n_fft=CLASSIC.n_fft, hop_length=CLASSIC.hop_length, n_mels=CLASSIC.n_mels
    )
    return librosa.amplitude_to_db(power, ref=np.max)


def synthesise(db: np.ndarray, *, seed: int) -> np.ndarray:
    """The waveform at 22,050 Hz of what `analyse` gave: as loud, whatever the recording was."""
    import librosa

    # db_to_amplitude is the inverse of amplitude_to_db, and so gives the power back.
    return _GAIN * invert(librosa.db_to_amplitude(db), seed=seed, power=2.0)


def invert(mel: np.ndarray, *, seed: int, **options) -> np.ndarray:
    """The waveform of a mel spectrogram (n_mels, n_frames), by librosa's defaults but for the hop.

    options are those of librosa.feature.inverse.mel_to_stft that tell what mel is.
    """
    import librosa

    magnitude = librosa.feature.inverse.mel_to_stft(mel, sr=CLASSIC.sr, n_fft=_N_FFT, **options)
    return librosa.griffinlim(magnitude, hop_length=CLASSIC.hop_length, random_state=seed)


def extremes(clips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(least, span) of each clip (n, n_mels, n_frames, 1), in shapes that broadcast; the span is never 0."""
    least, most = (np.asarray(pick(clips, axis=(1, 2, 3), keepdims=True)) for pick in (np.min, np.max))
    return least, np.where(most > least, most - least, 1)


def stretch(clips: np.ndarray) -> np.ndarray:
    """The clips, each over all of [0, 1]."""
    least, span = extremes(clips)
    return (clips - least) / span


def through(network, clips: np.ndarray, *, stretched: bool) -> np.ndarray:
    """What the network makes of clips (n, n_mels, n_frames, 1).

    stretched: each clip goes in over all of [0, 1], and what comes out is stretched from its own extremes to those
    of the clip, which the decoder is told.
    """
    if not stretched:
        return np.asarray(network(clips, training=False))
    least, span = extremes(clips)
    return stretch(np.asarray(network(stretch(clips), training=False))) * span + least


def train(clips: np.ndarray, *, minutes: float, seed: int, epochs: int = EPOCHS):
    """(the network trained as the old program did, the epochs that it took): half of the clips are held out.

    Nothing was done with them, so that they need not be looked at.
    """
    import keras

    from benchmarks.quality import original_network

    keras.utils.set_random_seed(seed)
    network = original_network.build()
    network.compile(keras.optimizers.Adam(_LEARNING_RATE), "binary_crossentropy")
    kept = np.random.default_rng(seed).permutation(len(clips))[: max(1, len(clips) // 2)]
    end = time.monotonic() + 60 * minutes

    class UntilTheEnd(keras.callbacks.Callback):
        """Stops training when the minutes are over."""

        def on_train_batch_end(self, batch, logs=None):
            if time.monotonic() > end:
                self.model.stop_training = True

    clips = np.asarray(clips[np.sort(kept)])
    fitted = network.fit(clips, clips, batch_size=_BATCH_SIZE, epochs=epochs, callbacks=[UntilTheEnd()], verbose=0)
    return network, len(fitted.epoch)
