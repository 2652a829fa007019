"""A recording -> a .sae file -> a recording, block by block, in bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_autoencoder.audio.log_mel import mel_spectrogram_stream, normalise
from speech_autoencoder.audio.reading import describe, read_stream
from speech_autoencoder.audio.resampling import resample_recording, resample_stream, resampled_length
from speech_autoencoder.audio.writing import write_stream
from speech_autoencoder.codec import container
from speech_autoencoder.codec.block_encoder import BlockEncoder
from speech_autoencoder.codec.container import BLOCK_LATENTS, Block, Header
from speech_autoencoder.codec.enhancement_coder import Addition, EnhancementCoder, most_bytes
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.range_coder import LatentCoder
from speech_autoencoder.codec.reconstruction import Tick, Watch, ignore_block, ignore_seconds, to_waveform, watching
from speech_autoencoder.codec.streaming import decode_stream, parts_in_context
from speech_autoencoder.codec.waveforms import first_frames
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model.architecture import context_latents
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.quantisation import to_floats
from speech_autoencoder.system.files import printable

# What messages call a model whose file is not known here.
_MODEL_NAME = "The model"


@dataclass(frozen=True)
class Encoded:
    """A recording that was encoded.

    Attributes
    ----------
    n_bytes : int
        The size of the file.
    seconds : float
        The length of the sound.
    qualities : tuple[int, ...]
        The quality step of every block.
    is_within : bool
        Whether the file keeps the bitrate that was asked for; even the coarsest step may exceed it.
    is_finest : bool
        Whether every block has the finest quality step: no bitrate would give more.
    """

    n_bytes: int
    seconds: float
    qualities: tuple[int, ...]
    is_within: bool
    is_finest: bool = False

    @property
    def bitrate(self) -> float:
        """The bits of the whole file per second of sound, in kbit/s."""
        return 8 * self.n_bytes / self.seconds / 1_000


@dataclass(frozen=True)
class Decoded:
    """A .sae file that was decoded: the count of samples of the sound, and their rate in Hz."""

    n_samples: int
    sr: int


def encode_recording(
    path: Path,
    encoder: Encoder,
    output_path: Path,
    *,
    bitrate: float | None = None,
    quality: int | None = None,
    salvage: bool = False,
    watch: Watch = ignore_block,
    tick: Tick = ignore_seconds,
) -> Encoded:
    """Write a recording as a .sae file.

    Parameters
    ----------
    encoder : Encoder
        Its model needs an entropy model.
    bitrate : float or None
        kbit/s: every block gets the finest quality step with which the file so far stays within it.
    quality : int or None
        The quality step of all blocks, instead of a bitrate.
    salvage : bool
        Use what can be decoded of a recording that is not whole.
    watch : Watch
        Is called with "mel" chunks.
    tick : Tick
        Is called with the seconds of sound that were just encoded.

    Raises
    ------
    InputError
        If path is not a usable recording, output_path cannot be written, or the model has no entropy model, or no such
        quality step.
    """
    model, recording = encoder.model, describe(path, salvage=salvage)
    try:
        coding = _Coding(encoder, recording.sr, recording.n_samples, bitrate=bitrate, quality=quality)
    except _NoHeader as error:
        raise InputError(f"{printable(path)} cannot be encoded: {error}") from error
    waveform = read_stream(path, model.features.sr, salvage=salvage)
    n_bytes = container.write(output_path, coding.header, coding.blocks(waveform, watch, tick))
    return coding.result(n_bytes)


def encode_to_bytes(
    blocks: Iterable[np.ndarray],
    encoder: Encoder,
    sr: int,
    n_samples: int,
    *,
    bitrate: float | None = None,
    quality: int | None = None,
) -> bytes:
    """Return the bytes of the .sae file of a mono waveform, n_samples at sr Hz in blocks; see `encode_recording`."""
    coding = _Coding(encoder, sr, n_samples, bitrate=bitrate, quality=quality)
    waveform = resample_recording(blocks, sr, encoder.model.features.sr)
    return container.to_bytes(coding.header, coding.blocks(waveform, ignore_block, ignore_seconds))


class _NoHeader(InputError):
    """A recording has no header: its rate or length cannot be stored."""


class _Coding:
    """A recording that is being encoded."""

    def __init__(
        self, encoder: Encoder, sr: int, n_samples: int, *, bitrate: float | None, quality: int | None
    ) -> None:
        if (bitrate is None) == (quality is None):
            raise ValueError("expected either a bitrate or a quality step")
        self._model = model = encoder.model
        self._encoder = BlockEncoder(encoder)
        self._n_qualities = model.n_qualities
        try:
            self.header = Header(model.fingerprint[: container.FINGERPRINT_BYTES], sr, n_samples)
        except InputError as error:
            raise _NoHeader(str(error)) from error
        if quality is not None and not 0 <= quality < self._n_qualities:
            raise InputError(f"There is no quality step {quality}: this model has 0 to {self._n_qualities - 1}.")
        self._quality = quality
        self._max_bytes = None if bitrate is None else bitrate * 1_000 * self.header.seconds / 8
        self._qualities: list[int] = []

    def blocks(self, waveform: Iterable[np.ndarray], watch: Watch, tick: Tick) -> Iterator[Block]:
        """Yield the blocks of the file of a waveform that arrives in blocks at the rate of the model."""
        model, header = self._model, self.header
        n_samples = resampled_length(header.n_samples, header.sr, model.features.sr)
        n_latents = header.count_latents(model.features, model.config.frames_per_latent)
        n_bytes = container.overhead_bytes(header)

        def mel() -> Iterator[np.ndarray]:
            # The recording may change while it is read.
            for chunk in mel_spectrogram_stream(resample_stream(waveform, 1, 1, n_samples), model.features):
                chunk = normalise(chunk, model.features)
                watch("mel", chunk)
                yield chunk

        context, n_done = context_latents(model.config), 0
        before = np.zeros((2, model.config.latent_size), np.int64)
        for frames, wanted in parts_in_context(model, mel(), BLOCK_LATENTS * model.config.frames_per_latent):
            n_done = min(n_done + BLOCK_LATENTS, n_latents)
            if self._max_bytes is not None:
                # What one block leaves of its share, the next may use.
                share = self._max_bytes * n_done / n_latents - n_bytes
                last = self._qualities[-1] if self._qualities else None
                block, decoded = self._encoder.within(frames, wanted, before, share, last)
            elif self._quality is not None:
                block, decoded = self._encoder.at_quality(frames, wanted, before, self._quality)
            before = np.concatenate([before, decoded])[-context:]
            self._qualities.append(block.quality)
            n_bytes += len(block.to_bytes())
            yield block
            tick(header.seconds * block.n_latents / n_latents)

    def result(self, n_bytes: int) -> Encoded:
        """Return what was encoded, as a file of n_bytes."""
        return Encoded(
            n_bytes,
            self.header.seconds,
            tuple(self._qualities),
            is_within=self._max_bytes is None or n_bytes <= self._max_bytes,
            is_finest=min(self._qualities) == self._n_qualities - 1,
        )


def decode_recording(
    path: Path,
    model: TrainedModel,
    output_path: Path,
    inversion: InversionConfig,
    *,
    watch: Watch = ignore_block,
    tick: Tick = ignore_seconds,
) -> Decoded:
    """Write the sound of a .sae file as a WAV file of its rate and length.

    Parameters
    ----------
    model : TrainedModel
        The model that it was encoded with.
    watch : Watch
        Is called with what passes: "reconstructed_mel" chunks, "waveform" blocks.
    tick : Tick
        Is called with the seconds of sound that were just written.

    Raises
    ------
    InputError
        If path is not a file that this model has made, or output_path cannot be written.
    """
    header, waveform = open_encoded(path, model, inversion, watch=watch, tick=tick)
    return Decoded(write_stream(output_path, waveform, header.sr), header.sr)


def open_encoded(
    source: container.Source,
    model: TrainedModel,
    inversion: InversionConfig,
    *,
    watch: Watch = ignore_block,
    tick: Tick = ignore_seconds,
) -> tuple[Header, Iterator[np.ndarray]]:
    """Return the header of a .sae file, or of its bytes, and its waveform in blocks; see `decode_recording`."""
    coder, header = LatentCoder(model.require_entropy(_MODEL_NAME)), container.read_header(source)
    watched = watching(watch, tick, header.sr, model.features.n_mels)
    frames = first_frames(_frames(source, model, coder), header.count_frames(model.features))
    waveform = to_waveform(watched("reconstructed_mel", frames), model.features, inversion, header.sr, header.n_samples)
    return header, watched("waveform", waveform)


def _frames(source: container.Source, model: TrainedModel, coder: LatentCoder) -> Iterator[np.ndarray]:
    """Yield chunks (n_mels, k) of the normalised log-mel in a .sae file."""
    layer = model.enhancement
    if not layer:
        yield from decode_stream(model, latents_of(source, model, coder))
        return
    enhancer, additions = EnhancementCoder(model, layer), deque[Addition]()

    def take(block: Block, latents: np.ndarray) -> None:
        if block.enhancement is None:
            additions.append(enhancer.nothing(block.n_latents))
        else:
            additions.append(enhancer.decode(block.enhancement, latents, block.quality - layer.n_base))

    yield from enhancer.add(decode_stream(model, latents_of(source, model, coder, take)), additions)


def latents_of(
    source: container.Source,
    model: TrainedModel,
    coder: LatentCoder,
    take: Callable[[Block, np.ndarray], object] = lambda block, latents: None,
) -> Iterator[np.ndarray]:
    """Yield chunks (k, latent_size) of the latent in a .sae file; `take` gets each block and its decoded latents."""
    before = None
    for block in blocks_of(source, model, coder):
        try:
            before = coder.decode(block.payload, block.n_latents, min(block.quality, model.n_base - 1), before)
            take(block, before)
        except InputError as error:
            name = "The content" if isinstance(source, bytes) else printable(source)
            raise InputError(f"{name} cannot be decoded: {error}: encode it again.") from error
        yield to_floats(before)


def blocks_of(source: container.Source, model: TrainedModel, coder: LatentCoder) -> Iterator[Block]:
    """Yield the blocks of a .sae file that this model has made; see `container.read_blocks`."""
    return container.read_blocks(
        source,
        fingerprint=model.fingerprint,
        features=model.features,
        frames_per_latent=model.config.frames_per_latent,
        n_qualities=model.n_qualities,
        n_base=model.n_base,
        max_latent_bytes=max(coder.max_latent_bytes, most_bytes(model)),
    )
