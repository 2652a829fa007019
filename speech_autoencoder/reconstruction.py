"""The whole system: recording -> features -> model -> inversion -> waveform, in bounded memory."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from speech_autoencoder.audio import describe, read_stream, resample_stream, write_stream
from speech_autoencoder.config import FeatureConfig, InversionConfig
from speech_autoencoder.features import mel_spectrogram_stream, normalise
from speech_autoencoder.inversion import invert_stream
from speech_autoencoder.model import reconstruct
from speech_autoencoder.model_file import TrainedModel

# Frames that the network makes at once, a multiple of every latent's.
_PART_FRAMES = 2_048


def reconstruct_stream(model: TrainedModel, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The model's chunks (n_mels, k) of normalised log-mel that arrives in chunks, as if it were given whole."""
    context = model.config.context_frames
    pending, before = np.empty((model.config.n_mels, 0), np.float32), 0
    for chunk in chunks:
        pending = np.concatenate([pending, chunk], axis=1)
        while pending.shape[1] >= before + _PART_FRAMES + context:
            output = reconstruct(model.network, model.config, pending[:, : before + _PART_FRAMES + context])
            yield output[:, before : before + _PART_FRAMES]
            pending = pending[:, before + _PART_FRAMES - context :]
            before = context
    if pending.shape[1] > before:
        yield reconstruct(model.network, model.config, pending)[:, before:]


def to_waveform(
    chunks: Iterable[np.ndarray], features: FeatureConfig, inversion: InversionConfig, sr: int, n_samples: int
) -> Iterator[np.ndarray]:
    """Blocks of the waveform at sr Hz, n_samples in all, of normalised log-mel that arrives in chunks."""
    return resample_stream(invert_stream(chunks, features, inversion), features.sr, sr, n_samples)


def reconstruct_recording(
    path: Path,
    model: TrainedModel,
    inversion: InversionConfig,
    output_path: Path,
    *,
    watch: Callable[[str, np.ndarray], None] = lambda kind, block: None,
    tick: Callable[[float], object] = lambda seconds: None,
) -> int:
    """The count of samples written to output_path: the recording through the model, at its own rate and length.

    watch(kind, block) is shown what passes: "mel" and "reconstructed_mel" chunks, "waveform" blocks written;
    tick(seconds) is told how much sound has just been made.
    Raises InputError when path is no usable recording or output_path cannot be written.
    """
    recording = describe(path)
    features = model.features

    def watched(kind, blocks):
        for block in blocks:
            watch(kind, block)
            yield block
            if kind == "waveform":
                tick(len(block) / recording.sr)

    mel = (normalise(chunk, features) for chunk in mel_spectrogram_stream(read_stream(path, features.sr), features))
    output = watched("reconstructed_mel", reconstruct_stream(model, watched("mel", mel)))
    waveform = to_waveform(output, features, inversion, recording.sr, recording.n_samples)
    return write_stream(output_path, watched("waveform", waveform), recording.sr)
