"""The project's settings: frozen dataclasses that check themselves and travel as JSON.

The bounds beside a field hold for configurations read from files too, so that no file can ask for an absurd amount of
memory.
"""

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any, NamedTuple, Self, get_args, get_type_hints

from speech_autoencoder.errors import InputError

# The sample rates of recordings.
RATES_HZ = (4_000, 192_000)
# The mel bands of features, and so of models.
_N_MELS = (8, 512)
# Characters of a wrong value that a message quotes.
_MAX_QUOTED = 200


class Bounds(NamedTuple):
    """The least and the greatest value of a field, `Annotated[int, Bounds(1, 64)]`."""

    low: float
    high: float


class _Config:
    """What the configurations share: checks of types and bounds, and JSON in and out."""

    def __post_init__(self) -> None:
        for name, (kind, bounds) in _field_types(type(self)).items():
            value = getattr(self, name)
            if not isinstance(value, kind) or isinstance(value, bool):
                received = repr(value)[:_MAX_QUOTED]
                raise InputError(f"{name} is {received}: expected a value of type {kind.__name__}.")
            if bounds and not bounds.low <= value <= bounds.high:
                received = str(value)[:_MAX_QUOTED]
                raise InputError(f"{name} is {received}: expected {bounds.low} to {bounds.high}.")

    def to_json(self) -> dict[str, Any]:
        """Return the configuration as a dict of JSON's own types."""
        return asdict(self)  # type: ignore[call-overload]  # every subclass is a dataclass

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Return the configuration that `to_json` wrote.

        Raises
        ------
        InputError
            If a name is missing or unknown, or a value is not of its type or out of bounds.
        """
        types = _field_types(cls)
        if not isinstance(data, dict) or set(data) != set(types):
            received = sorted(map(str, data)) if isinstance(data, dict) else type(data).__name__
            raise InputError(f"{cls.__name__} needs exactly {sorted(types)}, received {str(received)[:_MAX_QUOTED]}.")
        try:
            values = {
                name: float(value) if types[name][0] is float and type(value) is int else value
                for name, value in data.items()
            }
        except OverflowError as error:
            raise InputError(f"{cls.__name__} holds a number that is too large ({error}).") from error
        return cls(**values)


def _field_types(cls: type) -> dict[str, tuple[type[Any], Bounds | None]]:
    """Return the type of every field of a configuration, and its bounds."""
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for field in fields(cls):
        kind, *extras = get_args(hints[field.name]) or (hints[field.name],)
        found[field.name] = (kind, next((extra for extra in extras if isinstance(extra, Bounds)), None))
    return found


@dataclass(frozen=True)
class FeatureConfig(_Config):
    """How a waveform becomes clips of normalised log-mel, and back.

    Attributes
    ----------
    preset : str
        The preset's name.
    sr : int
        The sample rate of the analysed waveform, Hz.
    n_fft, hop_length : int
        The length of the FFT and of the Hann window, and the distance between two frames, in samples.
    n_mels, n_frames : int
        The shape of a clip.
    floor_db, ceiling_db : float
        The levels that 0 and 1 stand for, in dB relative to a full-scale sine.
    """

    preset: str
    sr: Annotated[int, Bounds(*RATES_HZ)]
    n_fft: Annotated[int, Bounds(64, 8_192)]
    hop_length: Annotated[int, Bounds(16, 4_096)]
    n_mels: Annotated[int, Bounds(*_N_MELS)]
    n_frames: Annotated[int, Bounds(8, 4_096)]
    floor_db: Annotated[float, Bounds(-200.0, -20.0)]
    ceiling_db: Annotated[float, Bounds(-20.0, 40.0)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_fft % 2:
            raise InputError(f"n_fft is {self.n_fft}: expected an even number of samples.")
        if self.n_fft % self.hop_length or self.n_fft < 2 * self.hop_length:
            raise InputError(f"n_fft {self.n_fft} is not a multiple (2 or more) of hop_length {self.hop_length}.")

    @property
    def range_db(self) -> float:
        """The dB between the normalised values 0 and 1."""
        return self.ceiling_db - self.floor_db

    @property
    def n_bins(self) -> int:
        """The count of frequencies of the linear spectrum."""
        return self.n_fft // 2 + 1

    @property
    def frame_rate(self) -> float:
        """Frames per second of sound."""
        return self.sr / self.hop_length

    @property
    def lacks_between(self) -> bool:
        """Whether the hop is half a window: sound needs the frames halfway between, see `audio.between`."""
        return self.n_fft == 2 * self.hop_length

    @property
    def finer(self) -> "FeatureConfig":
        """The features of the frames together with those halfway between them."""
        return replace(self, hop_length=self.hop_length // 2)

    def count_frames(self, n_samples: Any) -> Any:
        """Return the count of frames of a recording, or an array of those of several.

        Every sample lies between the centres of two frames.

        Examples
        --------
        >>> CLASSIC.count_frames(24_064)
        48
        """
        return 1 - -n_samples // self.hop_length


@dataclass(frozen=True)
class ModelConfig(_Config):
    """The sizes of the auto-encoder.

    Attributes
    ----------
    n_mels : int
        Mel bands of a frame.
    frames_per_latent, latent_size : int
        The frames that become one latent, and the values of a latent.
    stem_frames : int
        Frames that the encoder's stem joins; each further stage doubles them, up to frames_per_latent.
    width : int
        Channels of the convolutions.
    depth : int
        The decoder's residual blocks at each resolution.
    between : int
        Frames between each two that the network also takes and gives: 0 or 1, see `audio.between`.
    """

    n_mels: Annotated[int, Bounds(*_N_MELS)]
    frames_per_latent: Annotated[int, Bounds(2, 64)]
    latent_size: Annotated[int, Bounds(1, 4_096)]
    stem_frames: Annotated[int, Bounds(1, 64)] = 2
    width: Annotated[int, Bounds(8, 1_024)] = 256
    depth: Annotated[int, Bounds(0, 16)] = 2
    between: Annotated[int, Bounds(0, 1)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.frames_per_latent & (self.frames_per_latent - 1):
            raise InputError(f"frames_per_latent is {self.frames_per_latent}: expected a power of two.")
        if self.stem_frames & (self.stem_frames - 1) or self.stem_frames > self.frames_per_latent:
            raise InputError(
                f"stem_frames is {self.stem_frames}: expected a power of two, up to {self.frames_per_latent}."
            )
        if self.latent_size > self.n_mels * self.frames_per_latent:
            raise InputError(
                f"latent_size {self.latent_size} is more than the {self.n_mels} x {self.frames_per_latent} values "
                "that a latent stands for: choose a smaller one."
            )

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Return the configuration that `to_json` wrote; earlier versions wrote no `between`."""
        return super().from_json({"between": 0} | data if isinstance(data, dict) else data)

    @property
    def n_channels(self) -> int:
        """The values of a frame of the network: its mel bands, and those of the frame between it and the next."""
        return (1 + self.between) * self.n_mels

    @property
    def n_downsamplings(self) -> int:
        """How often the resolution is halved between the stem and the latent."""
        return (self.frames_per_latent // self.stem_frames).bit_length() - 1

    @property
    def baseline_shape(self) -> tuple[int, int]:
        """(frames_per_latent, latent_size) of the PCA baseline, which has the same latent rate.

        It uses a fixed block length: unlike the network, PCA gets worse on short blocks.
        """
        frames = max(_MOST_STEM_FRAMES * self.stem_frames, self.frames_per_latent)
        return frames, self.latent_size * frames // self.frames_per_latent

    def latent_rate(self, features: FeatureConfig) -> float:
        """Return the values per second of sound that the encoder gives."""
        return latent_rate(features, self.frames_per_latent, self.latent_size)


@dataclass(frozen=True)
class LossConfig(_Config):
    """The weights of a difference between two log-mels, see losses.LogMelDistance.

    Attributes
    ----------
    exponent : float
        Magnitudes are compared as mel ** exponent; this part has a weight of 1.
    log_weight, envelope_weight : float
        The weights of the log-mel and of the envelopes of third octaves.
    envelope_s : float
        The length of the envelopes, seconds.
    quietest : float
        The least level relative to which a recording is compared, in normalised log-mel.
    """

    exponent: Annotated[float, Bounds(0.05, 2.0)] = 0.4
    log_weight: float = 0.5
    envelope_weight: float = 0.6
    envelope_s: float = 0.384
    quietest: Annotated[float, Bounds(0.0, 1.0)] = 0.2


@dataclass(frozen=True)
class CodecConfig(_Config):
    """How the latents of a codec are quantised and coded.

    Attributes
    ----------
    lowest_kbits, highest_kbits : float
        The bitrates (kbit/s) of the coarsest and the finest quality step of latents, averaged over the training
        recordings; the enhancement layer goes beyond.
    knots : int
        Bitrates between them at which quantisation is learned; it is interpolated elsewhere.
    qualities : int
        Quality steps of latents.
    groups, hidden : int
        The groups in which a latent's channels are coded, and the hidden units that predict each group.
    """

    lowest_kbits: Annotated[float, Bounds(0.05, 100.0)] = 0.5
    highest_kbits: Annotated[float, Bounds(0.05, 1_000.0)] = 6.0
    knots: Annotated[int, Bounds(2, 32)] = 6
    qualities: Annotated[int, Bounds(2, 256)] = 32
    groups: Annotated[int, Bounds(1, 64)] = 6
    hidden: Annotated[int, Bounds(1, 256)] = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.highest_kbits <= self.lowest_kbits:
            raise InputError(f"highest_kbits {self.highest_kbits} is not above lowest_kbits {self.lowest_kbits}.")


# The batch where a GPU computes, unless another one is asked for. One step of 16 sequences leaves most of a card idle;
# what pays was not measured yet (benchmarks/speed/gpu.py).
GPU_BATCH_SIZE = 64
# The peak of the learning rate of a training that starts from a model: higher ones lose more of what it has learned
# (docs/experiments.md).
START_LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class TrainingConfig(_Config):
    """How a model is trained.

    Attributes
    ----------
    minutes : float
        The time budget.
    epochs : int
        The count of epochs; 0: as many as the time budget allows.
    batch_size : int
        Sequences in a batch, each as long as two clips.
    learning_rate : float
        The peak of a schedule that warms up and falls to zero.
    clip_norm : float
        The largest norm of the gradient.
    weight_decay : float
        How strongly weight matrices are drawn to zero.
    averaging : float
        The share of the past in the averaged weights.
    patience : int
        Epochs without a better validation loss before training stops.
    validation : float
        The share of recordings that is held out.
    seed : int
        Determines all random numbers.
    """

    minutes: Annotated[float, Bounds(0.0, 1e6)] = 5.0
    epochs: Annotated[int, Bounds(0, 10**9)] = 0
    batch_size: Annotated[int, Bounds(1, 10**9)] = 16
    learning_rate: Annotated[float, Bounds(0.0, 1e6)] = 3e-3
    clip_norm: float = 1.0
    weight_decay: float = 1.0
    averaging: float = 0.995
    patience: Annotated[int, Bounds(1, 10**9)] = 20
    validation: float = 0.1
    seed: Annotated[int, Bounds(0, 2**32 - 1)] = 0


@dataclass(frozen=True)
class LatentSearchConfig(_Config):
    """How the encoder's latent is improved by gradient descent on a loss.

    Attributes
    ----------
    steps : int
        Steps of gradient descent; 0: the encoder's latent is used.
    rate : float
        The length of a step relative to the latents' standard deviation, at first; it falls to zero.
    envelope_weight, band_weight : float
        The weights of the envelopes, as ESTOI and as STOI compare them. The other weights are those of training.
    level_weight : float
        The weight of the level over some seconds.
    """

    steps: int = 24
    rate: float = 0.1
    envelope_weight: float = 0.9
    band_weight: float = 0.9
    level_weight: float = 0.1


# Of latents that are coded, whose search weighs bits too and takes other steps than `rate` (codec/rate_distortion.py).
CODEC_SEARCH = LatentSearchConfig(steps=6, envelope_weight=0.6, band_weight=0.3)


@dataclass(frozen=True)
class InversionConfig(_Config):
    """How normalised log-mel becomes sound.

    Attributes
    ----------
    griffin_lim_rounds : int
        Iterations for the phase, and for magnitudes that agree with it and with the mel.
    momentum : float
        Of the accelerated Griffin-Lim algorithm.
    segment_s, overlap_s : float
        The lengths of segments that are inverted at once, and of their overlap, seconds.
    """

    griffin_lim_rounds: int = 20
    momentum: float = 0.99
    segment_s: float = 20.0
    overlap_s: float = 0.5


CLASSIC = FeatureConfig(
    preset="classic",
    sr=22_050,
    n_fft=1_024,
    hop_length=512,
    n_mels=128,
    n_frames=48,
    floor_db=-100.0,
    ceiling_db=10.0,
)

# Windows of 32 ms every 8 ms, by sample rate (Hz).
_FINE = {
    8_000: {"n_fft": 256, "hop_length": 64, "n_mels": 64},
    16_000: {"n_fft": 512, "hop_length": 128, "n_mels": 80},
    22_050: {"n_fft": 704, "hop_length": 176, "n_mels": 80},
}

PRESETS = ("classic", "fine")

# How recordings are held out for validation (data/splits.py).
VALIDATION_SPLITS = ("auto", "speaker", "recording")
# Where the words of recordings come from (evaluation/recognition/words.py); anything else is the path of a table.
LABEL_SOURCES = ("names", "folders", "none", "auto")
# What recognises words: a recogniser that is trained for it, or one that others have trained.
RECOGNISERS = ("trained", "pocketsphinx", "whisper")

# Values per second of the latent: the rate of the program that this one replaces, 768 values for a clip of 48 frames.
LATENT_RATE = 690.0
# Of a codec's latent. Channels that a bitrate does not use cost almost no bits, so this is sized for the highest one.
CODEC_LATENT_RATE = 1_400.0
# A latent has at least this many values, if need be by joining more frames: shorter latents scored better until they
# had too few values (docs/experiments.md).
_LEAST_LATENT_SIZE = 10
# A latent joins at most this many times the stem's frames.
_MOST_STEM_FRAMES = 4
# Frames that the stem joins where the frame rate is below, or from, _HIGH_FRAME_RATE (frames per second).
_STEM_FRAMES = 2
_STEM_FRAMES_AT_HIGH_RATE = 4
_HIGH_FRAME_RATE = 80
# The decoder's residual blocks over all resolutions, and the least at each.
_BLOCKS = 6
_LEAST_DEPTH = 2
# {size: channels of the convolutions}. More channels gained more than twice the blocks did, which would also look
# further (docs/sizes.md).
_WIDTHS = {"small": ModelConfig.width, "medium": 384, "large": 512}
SIZES = tuple(_WIDTHS)
DEFAULT_SIZE = SIZES[0]

# With less than this, results say nothing about other recordings: the learned values are those of single recordings,
# and validation holds out two of them or fewer.
LEAST_RECORDINGS = 30
LEAST_SECONDS = 30.0
# What is enough to begin with, see docs/quality.md; fewer recordings than LEAST_RECORDINGS do if they are this long.
ENOUGH = "200 recordings, or three minutes"
ENOUGH_SECONDS = 180.0

# kbit/s of an encoded recording.
DEFAULT_BITRATE = 1.6
# The sounds from one recording to another, both included: by default, and at most.
INTERPOLATION_STEPS = 5
MOST_INTERPOLATION_STEPS = 20


def preset(name: str, corpus_sr: int) -> FeatureConfig:
    """Return the features of a preset.

    Parameters
    ----------
    name : str
        ``"classic"``, which is the same for all recordings, or ``"fine"``.
    corpus_sr : int
        The most common sample rate of the recordings, Hz: `fine` takes the smallest of 8, 16 and 22.05 kHz that is at
        least that, or the largest.

    Returns
    -------
    FeatureConfig

    Raises
    ------
    InputError
        If no preset has this name.

    Examples
    --------
    >>> preset("fine", 16_000).n_mels
    80
    """
    if name == "classic":
        return CLASSIC
    if name == "fine":
        sr = min((rate for rate in _FINE if rate >= corpus_sr), default=max(_FINE))
        return FeatureConfig(preset="fine", sr=sr, n_frames=128, floor_db=-100.0, ceiling_db=10.0, **_FINE[sr])
    raise InputError(f"There is no preset {name!r}: choose one of {', '.join(PRESETS)}.")


def latent_rate(features: FeatureConfig, frames_per_latent: int, latent_size: int) -> float:
    """Return the values per second of sound of latents of latent_size values for frames_per_latent frames each."""
    return latent_size / frames_per_latent * features.frame_rate


def model_config(features: FeatureConfig, max_latent_rate: float, size: str = DEFAULT_SIZE) -> ModelConfig:
    """Return the model for these features, of one of SIZES, whose latent rate is the highest up to a given one.

    Its latents are as short as they can be with at least ten values each. A latent has at least one value, however
    low the rate (values per second of sound).
    """
    stem_frames = _STEM_FRAMES if features.frame_rate < _HIGH_FRAME_RATE else _STEM_FRAMES_AT_HIGH_RATE

    def values(frames_per_latent: int) -> int:
        return math.floor(max_latent_rate * frames_per_latent / features.frame_rate + 1e-9)

    frames_per_latent = stem_frames
    while values(frames_per_latent) < _LEAST_LATENT_SIZE and frames_per_latent < _MOST_STEM_FRAMES * stem_frames:
        frames_per_latent *= 2
    latent_size = max(1, min(values(frames_per_latent), features.n_mels * frames_per_latent))
    depth = max(_LEAST_DEPTH, _BLOCKS * stem_frames // frames_per_latent)
    return ModelConfig(features.n_mels, frames_per_latent, latent_size, stem_frames, _WIDTHS[size], depth)


def size_of(config: ModelConfig) -> str | None:
    """Return which of SIZES a model has, None if another one."""
    return next((size for size, width in _WIDTHS.items() if width == config.width), None)
