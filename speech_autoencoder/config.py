"""Every number of the project: frozen dataclasses that validate themselves and travel as JSON."""

import math
from dataclasses import asdict, dataclass, fields

from speech_autoencoder.errors import InputError

# The sample rates of recordings.
RATES_HZ = (4_000, 192_000)
# The bounds that a configuration read from a file must keep, so that no file can ask for an absurd amount of memory.
_BOUNDS = {
    "sr": RATES_HZ,
    "n_fft": (64, 8_192),
    "hop_length": (16, 4_096),
    "n_mels": (8, 512),
    "n_frames": (8, 4_096),
    "floor_db": (-200.0, -20.0),
    "ceiling_db": (-20.0, 40.0),
    "frames_per_latent": (2, 64),
    "stem_frames": (1, 64),
    "latent_size": (1, 4_096),
    "width": (8, 1_024),
    "depth": (0, 16),
    "lowest_kbits": (0.05, 100.0),
    "highest_kbits": (0.05, 1_000.0),
    "knots": (2, 32),
    "qualities": (2, 256),
    "groups": (1, 64),
    "hidden": (1, 256),
    "minutes": (0.0, 1e6),
    "seed": (0, 2**32 - 1),
}

# The characters of a wrong value that an error shows.
_MOST_SHOWN = 200


# The auto-encoder's shape, and that of the program which this one replaces, see original.py.
NETWORKS = ("residual", "original")
# The only n_mels, frames_per_latent and latent_size that the latter has.
_ORIGINAL = (128, 8, 128)


class _Config:
    """Validation by `_BOUNDS`, and JSON in and out, shared by the configurations."""

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, field.type) or isinstance(value, bool):
                received = repr(value)[:_MOST_SHOWN]
                raise InputError(f"{field.name} is {received}: expected a value of type {field.type.__name__}.")
            low, high = _BOUNDS.get(field.name, (None, None))
            if low is not None and not low <= value <= high:
                raise InputError(f"{field.name} is {str(value)[:_MOST_SHOWN]}: expected {low} to {high}.")

    def to_json(self) -> dict:
        """The configuration as a dict of JSON's own types."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: object) -> "_Config":
        """The configuration that `to_json` wrote.

        Raises InputError when a name is missing or unknown, or a value is not of its type or out of bounds.
        """
        names = {field.name: field.type for field in fields(cls)}
        if not isinstance(data, dict) or set(data) != set(names):
            received = sorted(map(str, data)) if isinstance(data, dict) else type(data).__name__
            raise InputError(f"{cls.__name__} needs exactly {sorted(names)}, received {str(received)[:_MOST_SHOWN]}.")
        try:
            whole_to_float = {
                name: float(value) if names[name] is float and type(value) is int else value
                for name, value in data.items()
            }
        except OverflowError as error:
            raise InputError(f"{cls.__name__} holds a number that is too large ({error}).") from error
        return cls(**whole_to_float)


@dataclass(frozen=True)
class FeatureConfig(_Config):
    """How a waveform becomes a clip of normalised log-mel, and back.

    sr in Hz; n_fft (also the length of the Hann window) and hop_length in samples; n_mels and n_frames are the
    shape of a clip; floor_db and ceiling_db, relative to a full-scale sine, are what 0 and 1 stand for.
    """

    preset: str
    sr: int
    n_fft: int
    hop_length: int
    n_mels: int
    n_frames: int
    floor_db: float
    ceiling_db: float

    def __post_init__(self):
        super().__post_init__()
        if self.n_fft % 2:
            raise InputError(f"n_fft is {self.n_fft}: expected an even count of samples.")
        if self.n_fft % self.hop_length or self.n_fft < 2 * self.hop_length:
            raise InputError(f"n_fft {self.n_fft} is not a multiple (2 or more) of hop_length {self.hop_length}.")

    @property
    def range_db(self) -> float:
        """The dB from 0 to 1 of a normalised value."""
        return self.ceiling_db - self.floor_db

    @property
    def n_bins(self) -> int:
        """The count of frequencies of the linear spectrum."""
        return self.n_fft // 2 + 1

    @property
    def frame_rate(self) -> float:
        """Frames per second of sound."""
        return self.sr / self.hop_length

    def count_frames(self, n_samples: int) -> int:
        """The frames of a recording (or of each of an array): every sample lies between the centres of two frames.

        One clip of the `classic` preset, 48 frames, is 24,064 samples.
        """
        return 1 - -n_samples // self.hop_length


@dataclass(frozen=True)
class ModelConfig(_Config):
    """The auto-encoder's size: `latent_size` numbers for every `frames_per_latent` frames.

    The convolutions see `finest` frames as one at first, and twice as many from stage to stage, up to the latent's;
    `width` is the count of their channels, `depth` of the decoder's residual blocks at each resolution. The `original`
    network has none of these, and one size alone.
    """

    n_mels: int
    frames_per_latent: int
    latent_size: int
    stem_frames: int = 2
    width: int = 256
    depth: int = 2
    network: str = "residual"

    def __post_init__(self):
        super().__post_init__()
        if self.network not in NETWORKS:
            raise InputError(f"There is no network {self.network[:80]!r}: choose one of {', '.join(NETWORKS)}.")
        size = (self.n_mels, self.frames_per_latent, self.latent_size)
        if self.network == "original" and size != _ORIGINAL:
            raise InputError(
                "The original network turns {} mel bands x {} frames into {} numbers, not {} x {} into {}: make the "
                "array with --preset classic, and leave --latent-per-second as it is.".format(*_ORIGINAL, *size)
            )
        if self.frames_per_latent & (self.frames_per_latent - 1):
            raise InputError(f"frames_per_latent is {self.frames_per_latent}: expected a power of two.")
        if self.stem_frames & (self.stem_frames - 1) or self.stem_frames > self.frames_per_latent:
            raise InputError(
                f"stem_frames is {self.stem_frames}: expected a power of two, up to {self.frames_per_latent}."
            )
        if self.latent_size > self.n_mels * self.frames_per_latent:
            raise InputError(
                f"latent_size {self.latent_size} is more than the {self.n_mels} x {self.frames_per_latent} values "
                "that it stands for: choose a smaller one."
            )

    @property
    def n_downsamplings(self) -> int:
        """How often the convolutions halve the resolution, from the finest to the latent's."""
        return (self.frames_per_latent // self.stem_frames).bit_length() - 1

    @property
    def encoder_depth(self) -> int:
        """The encoder's residual blocks at each resolution: a third of the decoder's, as the search mends its guess."""
        return -(-self.depth // 3)

    @property
    def baseline_shape(self) -> tuple[int, int]:
        """(frames_per_latent, latent_size) of the PCA that a model is compared with: as many numbers a second.

        In blocks of a fixed length, as PCA is the worse the shorter they are, where the network is the better.
        """
        frames = max(_MOST_STEM_FRAMES * self.stem_frames, self.frames_per_latent)
        return frames, self.latent_size * frames // self.frames_per_latent

    @property
    def context_latents(self) -> int:
        """How far, at most, a frame is felt by the encoder, or a latent by the decoder, in latents."""
        return 2 * self.depth + 2


@dataclass(frozen=True)
class LossConfig(_Config):
    """What a difference of two log-mels counts; see losses.LogMelDistance.

    Magnitudes are compared as mel ** exponent, at a weight of 1; log_weight and envelope_weight are those of the
    log-mel and of the third octaves' envelopes over envelope_s seconds. quietest is the least level, in normalised
    log-mel, to which a recording is raised before it is compared.
    """

    exponent: float = 0.4
    log_weight: float = 0.5
    envelope_weight: float = 0.6
    envelope_s: float = 0.384
    quietest: float = 0.2


@dataclass(frozen=True)
class CodecConfig(_Config):
    """How latents are quantised and coded by a model that is trained to be a codec.

    It has `qualities` steps from lowest_kbits to highest_kbits (kbit/s, on average over what it was trained on),
    learned at `knots` of them. A latent's channels are coded in `groups`, each of which `hidden` units predict.
    """

    lowest_kbits: float = 0.5
    highest_kbits: float = 6.0
    knots: int = 6
    qualities: int = 32
    groups: int = 6
    hidden: int = 32

    def __post_init__(self):
        super().__post_init__()
        if self.highest_kbits <= self.lowest_kbits:
            raise InputError(f"highest_kbits {self.highest_kbits} is not above lowest_kbits {self.lowest_kbits}.")


@dataclass(frozen=True)
class TrainingConfig(_Config):
    """How a model is trained; what the command line of the trainer can change.

    minutes is the budget, epochs the count (0: as many as the budget allows); batch_size counts sequences of two
    clips' length; learning_rate is the peak of a schedule that warms up and falls to zero; clip_norm bounds the
    gradient's norm; weight_decay draws matrices to zero; averaging is the share of the past in the averaged weights;
    validation is the part of the recordings that is held out.
    """

    minutes: float = 5.0
    epochs: int = 0
    batch_size: int = 16
    learning_rate: float = 3e-3
    clip_norm: float = 1.0
    weight_decay: float = 1.0
    averaging: float = 0.995
    patience: int = 20
    validation: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class LatentSearchConfig(_Config):
    """How a latent is found: the encoder's, made better by `rounds` of gradient descent on a loss.

    The step, relative to the latents' standard deviation, starts at `rate` and falls to zero. The loss is the
    training's, but for the weight of the envelopes, as ESTOI compares them and, by band_weight, as STOI does.
    """

    steps: int = 60
    rate: float = 0.03
    envelope_weight: float = 0.9
    band_weight: float = 0.9


@dataclass(frozen=True)
class InversionConfig(_Config):
    """How normalised log-mel becomes sound.

    griffin_lim_rounds with `momentum` for the phase, and for magnitudes that fit it and the mel, on
    `time_oversampling` interpolated frames for each frame; segments of segment_s overlap by overlap_s seconds.
    """

    griffin_lim_rounds: int = 20
    momentum: float = 0.99
    time_oversampling: int = 2
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

# Windows of 32 ms every 8 ms at the rate nearest to the corpus' own.
_FINE = {
    8_000: {"n_fft": 256, "hop_length": 64, "n_mels": 64},
    16_000: {"n_fft": 512, "hop_length": 128, "n_mels": 80},
    22_050: {"n_fft": 704, "hop_length": 176, "n_mels": 80},
}

# The latent of the program that this one replaces: 768 numbers for a clip of 48 frames.
LATENT_RATE = 690.0
# Of a codec's latent, what a bitrate does not pay for costs nothing: it has room for the highest one.
CODEC_LATENT_RATE = 1_400.0
# The numbers that a latent has at least, and how often the convolutions' finest resolution it is long at most: shorter
# latents scored better until they had too few (docs/decisions.md).
_LEAST_LATENT, _MOST_STEM_FRAMES = 10, 4
# The decoder's residual blocks over all resolutions, but two at each at least.
_BLOCKS = 6

PRESETS = ("classic", "fine")

# kbit/s of an encoded recording.
DEFAULT_BITRATE = 1.6


def preset(name: str, corpus_sr: int) -> FeatureConfig:
    """The features that a preset's name stands for.

    corpus_sr is the most common sample rate (Hz) of the recordings; `fine` takes the smallest of 8, 16 and
    22.05 kHz that holds it, `classic` is the same for all.
    """
    if name == "classic":
        return CLASSIC
    if name == "fine":
        sr = min((rate for rate in _FINE if rate >= corpus_sr), default=max(_FINE))
        return FeatureConfig(preset="fine", sr=sr, n_frames=128, floor_db=-100.0, ceiling_db=10.0, **_FINE[sr])
    raise InputError(f"There is no preset {name!r}: choose one of {', '.join(PRESETS)}.")


def model_config(features: FeatureConfig, numbers_per_second: float, network: str = "residual") -> ModelConfig:
    """The model that spends at most this many latent numbers per second of sound.

    Its latents are as short as they can be with _LEAST_LATENT numbers each.
    """
    finest = 2 if features.frame_rate < 80 else 4

    def size(frames_per_latent):
        return math.floor(numbers_per_second * frames_per_latent / features.frame_rate + 1e-9)

    frames_per_latent = _ORIGINAL[1] if network == "original" else finest
    while (
        size(frames_per_latent) < _LEAST_LATENT
        and frames_per_latent < _MOST_STEM_FRAMES * finest
        and network != "original"
    ):
        frames_per_latent *= 2
    latent_size = max(1, min(size(frames_per_latent), features.n_mels * frames_per_latent))
    depth = max(2, _BLOCKS * finest // frames_per_latent)
    return ModelConfig(features.n_mels, frames_per_latent, latent_size, finest, depth=depth, network=network)
