"""A trained model in a program: waveform -> latent -> waveform, and a waveform as a few bytes."""

from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np

from speech_autoencoder.api.arguments import Floats, floats, number, sample_rate, waveform_blocks
from speech_autoencoder.cli.process import blas_threads
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.recording_codec import encode_to_bytes, open_encoded
from speech_autoencoder.codec.waveforms import count_latents, decode_waveform, encode_waveform
from speech_autoencoder.config import CODEC_SEARCH, DEFAULT_BITRATE, FeatureConfig, InversionConfig, LatentSearchConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file, pretrained
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.storage.remote_path import expanded
from speech_autoencoder.system.processors import available_cpus
from speech_autoencoder.system.wording import counted

# Parts of a long waveform that are searched at the same time, which take some 100 MB each.
_MOST_WORKERS = 4


def load(path: str | PathLike | None = None) -> "Model":
    """Load a trained model. This needs no TensorFlow.

    Parameters
    ----------
    path : str or Path, optional
        The file that training has written, an ``.h5``. By default, the model that comes with the package is used,
        which was trained on ten minutes of single words in five languages: good enough to try things out.

    Returns
    -------
    Model

    Raises
    ------
    InputError
        If the file is missing, damaged, or not a model.

    Examples
    --------
    >>> import speech_autoencoder as sa
    >>> sa.load("model.h5").features.preset
    'classic'
    """
    where = pretrained.PATH if path is None else expanded(path)
    return Model(model_file.load(where), pretrained.NAME if path is None else str(where))


class Model:
    """A trained model.

    `load` returns it. Methods may be called from several threads at once.

    Parameters
    ----------
    trained : TrainedModel
        The network with its features, such as the ``model`` of what `train` returns.
    name : str
        What messages call it.

    Examples
    --------
    >>> import speech_autoencoder as sa
    >>> model = sa.load("model.h5")
    >>> waveform, sr = sa.read("recordings/a.wav")
    >>> latent = model.encode(waveform, sr)
    >>> latent.shape == (model.count_latents(len(waveform), sr), model.latent_size)
    True
    >>> again = model.decode(latent, sr, len(waveform))
    >>> again.shape == waveform.shape
    True
    """

    def __init__(self, trained: TrainedModel, name: str = "The model") -> None:
        self._trained, self._name = trained, name

    def __repr__(self) -> str:
        features, config = self.features, self._trained.config
        kind = "codec" if self.is_codec else "model"
        values = f"{counted(self.latent_size, 'value')} for {config.frames_per_latent} frames"
        return (
            f"<{kind} {self._name}: preset {features.preset}, {features.sr:,} Hz, latent rate {self.latent_rate:,.0f} "
            f"values per second ({values})>"
        )

    @property
    def features(self) -> FeatureConfig:
        """The features that the model was trained on; `log_mel` and `invert` take them."""
        return self._trained.features

    @property
    def latent_size(self) -> int:
        """The count of values of a latent."""
        return self._trained.config.latent_size

    @property
    def latent_rate(self) -> float:
        """The count of latent values per second of sound."""
        return self._trained.latent_rate

    @property
    def is_codec(self) -> bool:
        """Whether the model was trained as a codec, so that `compress` works."""
        return self._trained.entropy is not None

    @property
    def description(self) -> dict[str, Any]:
        """How the model was trained: its configuration, data, history, validation and the versions used."""
        return self._trained.description

    def count_latents(self, n_samples: int, sr: int) -> int:
        """Return how many latents a waveform becomes.

        Parameters
        ----------
        n_samples : int
            The length of the waveform.
        sr : int
            Its sample rate in Hz.

        Returns
        -------
        int

        Raises
        ------
        InputError
            If one of them is not a whole number above zero.
        """
        trained = self._trained
        return count_latents(number("n_samples", n_samples, int), sample_rate(sr), trained.features, trained.config)

    def encode(self, waveform: Floats, sr: int, *, search: bool = True) -> np.ndarray:
        """Return the latent of a waveform of any length: what the command ``latents`` writes, to the last bit.

        Parameters
        ----------
        waveform : np.ndarray, (n_samples,) of floats
            Mono; full scale is 1. `read` returns it of a recording.
        sr : int
            Its sample rate in Hz.
        search : bool
            Improve the encoder's latent by comparing what the decoder makes of it with the waveform, as predictions
            do; False is the encoder alone, some forty times faster.

        Returns
        -------
        np.ndarray, (n_latents, latent_size) float32
            One latent for every ``frames_per_latent`` frames, in order.

        Raises
        ------
        InputError
            If the waveform is not mono, of floats, finite and within full scale, or has no samples.
        """
        sr = sample_rate(sr)
        blocks = waveform_blocks(waveform, sr)
        encoder, workers = self._search_encoder if search else self._plain_encoder, min(_MOST_WORKERS, available_cpus())
        with blas_threads(1):  # how a sum is split among threads changes its last bits
            return np.concatenate(list(encode_waveform(encoder, blocks, sr, workers=workers)))

    def decode(self, latent: np.ndarray, sr: int, n_samples: int) -> np.ndarray:
        """Return the waveform of a latent.

        Parameters
        ----------
        latent : np.ndarray, (n_latents, latent_size) of floats
            As `encode` returns it, or whatever was made of it.
        sr : int
            The sample rate of the waveform in Hz.
        n_samples : int
            Its length: at most as many samples as `count_latents` gives n_latents for.

        Returns
        -------
        np.ndarray, (n_samples,) float32

        Raises
        ------
        InputError
            If the latent does not fit the model, or is too short for n_samples.
        """
        sr = sample_rate(sr)
        values = floats("latent", latent)
        if values.ndim != 2 or values.shape[1] != self.latent_size:
            raise InputError(f"latent has the shape {values.shape}, expected (n_latents, {self.latent_size}).")
        needed = self.count_latents(n_samples, sr)
        if len(values) < needed:
            raise InputError(
                f"latent has {counted(len(values), 'row')}, but n_samples {n_samples} at {sr:,} Hz needs {needed:,}: "
                "give a smaller n_samples."
            )
        with blas_threads(1):
            blocks = decode_waveform(self._trained, [values], sr, n_samples, InversionConfig())
            return np.concatenate(list(blocks))

    def reconstruct(self, waveform: Floats, sr: int) -> np.ndarray:
        """Return what the model makes of a waveform: the sound that a prediction writes of it, before 16 bits.

        Parameters
        ----------
        waveform, sr
            As for `encode`.

        Returns
        -------
        np.ndarray, (n_samples,) float32
            As long as the waveform.

        Raises
        ------
        InputError
            As `encode`.
        """
        latent = self.encode(waveform, sr)
        return self.decode(latent, sr, len(waveform))

    def compress(self, waveform: Floats, sr: int, bitrate: float = DEFAULT_BITRATE, *, search: bool = True) -> bytes:
        """Return a waveform as a few bytes: the ``.sae`` file that the command ``encode`` writes.

        Parameters
        ----------
        waveform, sr
            As for `encode`.
        bitrate : float
            kbit/s, counting all bytes; the finest quality step that stays within it is taken.
        search : bool
            Search for latents that are worth their bits, which sounds better and takes more than twice as long.

        Returns
        -------
        bytes

        Raises
        ------
        InputError
            As `encode`, and if the model is not a codec.

        Examples
        --------
        >>> import speech_autoencoder as sa
        >>> model, (waveform, sr) = sa.load("codec.h5"), sa.read("recordings/a.wav")
        >>> content = model.compress(waveform, sr, bitrate=2.4)
        >>> decoded, decoded_sr = model.decompress(content)
        >>> decoded.shape == waveform.shape, decoded_sr == sr
        (True, True)
        """
        self._trained.require_entropy(self._name)
        sr, kbits = sample_rate(sr), number("bitrate", bitrate, float)
        blocks = waveform_blocks(waveform, sr)
        with blas_threads(1):
            encoder = self._codec_encoder if search else self._plain_encoder
            return encode_to_bytes(blocks, encoder, sr, len(waveform), bitrate=kbits)

    def decompress(self, content: bytes) -> tuple[np.ndarray, int]:
        """Return the sound in the bytes of a ``.sae`` file.

        Parameters
        ----------
        content : bytes
            What `compress` of this very model has returned, or its command ``encode`` has written.

        Returns
        -------
        waveform : np.ndarray, (n_samples,) float32
            As long as what was compressed.
        sr : int
            Its sample rate in Hz.

        Raises
        ------
        InputError
            If the bytes are damaged, or were made with another model, or the model is not a codec.
        """
        self._trained.require_entropy(self._name)
        if not isinstance(content, bytes | bytearray | memoryview):
            received = type(content).__name__
            raise InputError(
                f"content is of type {received}, expected bytes, as Path('x.sae').read_bytes() gives them."
            )
        with blas_threads(1):
            header, blocks = open_encoded(bytes(content), self._trained, InversionConfig())
            return np.concatenate(list(blocks)), header.sr

    @cached_property
    def _search_encoder(self) -> Encoder:
        """The encoder with the latent search."""
        return Encoder(self._trained, LatentSearchConfig())

    @cached_property
    def _codec_encoder(self) -> Encoder:
        """The encoder with the search of latents that are coded."""
        return Encoder(self._trained, CODEC_SEARCH)

    @cached_property
    def _plain_encoder(self) -> Encoder:
        """The encoder alone."""
        return Encoder(self._trained, LatentSearchConfig(steps=0))
