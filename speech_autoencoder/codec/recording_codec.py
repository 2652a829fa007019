"""A recording -> a .sae file -> a recording, block by block, in bounded memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_autoencoder.audio.log_mel import mel_spectrogram_stream, normalise
from speech_autoencoder.audio.recordings import describe, read_stream, resample_stream, write_stream
from speech_autoencoder.codec import container
from speech_autoencoder.codec.container import BLOCK_LATENTS, Block, Header
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.range_coder import LatentCoder
from speech_autoencoder.codec.reconstruction import decode_stream, encode_stream, to_waveform, watching
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import entropy_model as entropy
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.system.files import printable


@dataclass(frozen=True)
class Encoded:
    """What became of a recording: the file's bytes, the sound's seconds, and every block's quality step.

    is_within says whether the bitrate that was asked for was kept; at the coarsest step it may be too little.
    """

    n_bytes: int
    seconds: float
    qualities: tuple[int, ...]
    is_within: bool

    @property
    def bitrate(self) -> float:
        """All of the file's bits, in kbit/s of sound."""
        return 8 * self.n_bytes / self.seconds / 1_000


@dataclass(frozen=True)
class Decoded:
    """What became of a file: the count of samples, and their rate in Hz."""

    n_samples: int
    sr: int


def encode_recording(
    path: Path,
    encoder: Encoder,
    output_path: Path,
    *,
    bitrate: float | None = None,
    quality: int | None = None,
    watch: Callable[[str, np.ndarray], None] = lambda kind, block: None,
    tick: Callable[[float], object] = lambda seconds: None,
) -> Encoded:
    """What has been written to output_path: the recording as a .sae file.

    With bitrate (kbit/s) every block takes the finest quality step with which the file so far stays within it, with
    quality that very step. watch(kind, block) is shown "mel" chunks; tick(seconds) is told how much sound has just
    been encoded. Raises InputError when path is no usable recording, output_path cannot be written, or the encoder's
    model has no entropy model.
    """
    if (bitrate is None) == (quality is None):
        raise ValueError("expected either a bitrate or a quality step")
    model, recording = encoder.model, describe(path)
    coder = LatentCoder(model.require_entropy("The model"))
    try:
        header = Header(model.fingerprint[: container.FINGERPRINT_BYTES], recording.sr, recording.n_samples)
    except InputError as error:
        raise InputError(f"{printable(path)} cannot be encoded: {error}") from error
    if quality is not None and not 0 <= quality < coder.model.n_qualities:
        raise InputError(f"There is no quality step {quality}: this model has 0 to {coder.model.n_qualities - 1}.")
    n_samples = -(-recording.n_samples * model.features.sr // recording.sr)
    n_latents = header.count_latents(model.features, model.config.frames_per_latent)
    most_bytes = None if bitrate is None else bitrate * 1_000 * header.seconds / 8
    qualities, n_bytes = [], container.overhead_bytes(header)

    def mel():
        waveform = _exactly(read_stream(path, model.features.sr), n_samples)
        for chunk in mel_spectrogram_stream(waveform, model.features):
            chunk = normalise(chunk, model.features)
            watch("mel", chunk)
            yield chunk

    def blocks():
        nonlocal n_bytes
        before, n_done = None, 0
        for values in _rebatch(map(entropy.to_fixed, encode_stream(encoder, mel())), BLOCK_LATENTS):
            n_done += len(values)
            if quality is None:
                # What a block leaves over, the next may spend.
                guess = qualities[-1] if qualities else None
                block, before = _finest(coder, values, before, most_bytes * n_done / n_latents - n_bytes, guess)
            else:
                block, before = _encode(coder, values, before, quality)
            qualities.append(block.quality)
            n_bytes += len(block.to_bytes())
            yield block
            tick(header.seconds * len(values) / n_latents)

    written = container.write(output_path, header, blocks())
    return Encoded(written, header.seconds, tuple(qualities), bitrate is None or written <= most_bytes)


def _encode(coder, values, before, quality):
    """(the block of values at a quality step, what it is decoded to)."""
    payload, decoded = coder.encode(values, quality, before)
    return Block(quality, payload, len(values)), decoded


def _finest(coder, values, before, most_bytes, guess):
    """(block, decoded) at the finest quality step that takes at most most_bytes, or at the coarsest.

    Finer steps take more bytes, but for a few of no account: by bisection. With a guess, the block before's, from there
    on in strides that double first: it is at most a few steps away, and to try one is most of the time of encoding.
    """
    low, high, best = 0, coder.model.n_qualities - 1, None
    quality, stride = (high // 2, high + 1) if guess is None else (guess, 1)
    while low <= high:
        made = _encode(coder, values, before, quality)
        if len(made[0].to_bytes()) <= most_bytes:
            best, low, quality = made, quality + 1, quality + stride
        else:
            coarsest, high, quality = made, quality - 1, quality - stride
        stride *= 2
        if not low <= quality <= high:
            quality = (low + high) // 2
    return best or coarsest


def decode_recording(
    path: Path,
    model: TrainedModel,
    output_path: Path,
    inversion: InversionConfig,
    *,
    watch: Callable[[str, np.ndarray], None] = lambda kind, block: None,
    tick: Callable[[float], object] = lambda seconds: None,
) -> Decoded:
    """What has been written to output_path: the sound of the .sae file at path, as a WAV of its rate and length.

    watch(kind, block) is shown what passes: "reconstructed_mel" chunks, "waveform" blocks; tick(seconds) is told how
    much sound has just been made. Raises InputError when path is no file that this model has made, or output_path
    cannot be written.
    """
    coder, header = LatentCoder(model.require_entropy("The model")), container.read_header(path)
    watched = watching(watch, tick, header.sr)
    mel = _first_frames(decode_stream(model, _latents(path, model, coder)), header.count_frames(model.features))
    waveform = to_waveform(watched("reconstructed_mel", mel), model.features, inversion, header.sr, header.n_samples)
    return Decoded(write_stream(output_path, watched("waveform", waveform), header.sr), header.sr)


def _latents(path, model, coder):
    """Chunks (k, latent_size) of the latent in the .sae file at path."""
    blocks = container.read_blocks(
        path,
        fingerprint=model.fingerprint,
        features=model.features,
        frames_per_latent=model.config.frames_per_latent,
        n_qualities=coder.model.n_qualities,
        most_latent_bytes=coder.most_latent_bytes,
    )
    before = None
    for quality, payload, n_latents in blocks:
        try:
            before = coder.decode(payload, n_latents, quality, before)
        except InputError as error:
            raise InputError(f"{printable(path)} cannot be decoded: {error}: encode it again.") from error
        yield entropy.to_floats(before)


def _exactly(blocks: Iterable[np.ndarray], n_samples: int) -> Iterator[np.ndarray]:
    """Blocks of n_samples in all, cut or filled with silence: a lossy file may hold not quite what its header says."""
    return resample_stream(blocks, 1, 1, n_samples)


def _rebatch(chunks: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The rows of all chunks, size at a time; the last are fewer."""
    pending = None
    for chunk in chunks:
        pending = chunk if pending is None else np.concatenate([pending, chunk])
        while len(pending) >= size:
            yield pending[:size]
            pending = pending[size:]
    if pending is not None and len(pending):
        yield pending


def _first_frames(chunks: Iterable[np.ndarray], n_frames: int) -> Iterator[np.ndarray]:
    """The chunks' first n_frames: the last latent may reach beyond the end."""
    for chunk in chunks:
        yield chunk[:, :n_frames]
        n_frames -= chunk.shape[1]
