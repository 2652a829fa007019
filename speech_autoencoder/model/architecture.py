"""The auto-encoder's layers as plain data: what its encoder and its decoder consist of.

Everything else about the network is derived from here: `keras_network` builds it for training, `network` runs it by
numpy, with its gradient, and `shapes` names its weights. To change a block or the network, edit this file. A new kind
of layer also needs one function in `layers.LAYERS` (numpy), one in `keras_network.KERAS_LAYERS`, and one in
`export/templates/network.js` (the page to speak to).

Encoder and decoder each are a sum of paths: a linear one, which PCA initialises, and one that learns what PCA cannot
represent.

    encoder: frames (n_frames, n_channels)   -> latent (n_frames / frames_per_latent, latent_size)
    decoder: latent (n_latents, latent_size) -> frames (n_latents * frames_per_latent, n_channels)

A frame's channels are its mel bands. Where `ModelConfig.between` is 1, further channels are those of the frame between
it and the next: for the decoder, as they are; for the encoder, how they differ from interpolation, 0 if not known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from speech_autoencoder.config import ModelConfig
from speech_autoencoder.system.integers import ceil_div

# Normalised log-mel varies by about 0.15; this brings it to about unit scale, before the encoder.
INPUT_SCALE = 8.0
# Frames that a convolution in a residual block, or in the decoder's stem, sees.
_KERNEL_FRAMES = 3
# Layers whose weights PCA determines before training, see keras_network.start_at_pca.
LINEAR_ENCODER = "linear_encoder"
LINEAR_DECODER = "linear_decoder"
ENCODER_STEM = "encoder_stem"

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """One layer of a path.

    Attributes
    ----------
    kind : str
        Its function in `layers.LAYERS` and `keras_network.KERAS_LAYERS`.
    name : str
        Its name in Keras and in model files.
    weights : Mapping[str, Shape]
        The shape of each array of weights, in the order in which the functions take them.
    options : Mapping[str, int]
        What the functions need to know beyond the weights.
    activation : str or None
        The function in `layers.ACTIVATIONS` that follows.
    starts_at_zero : bool
        Whether the kernel is zero before training, rather than random.
    """

    kind: str
    name: str
    weights: Mapping[str, Shape] = field(default_factory=dict)
    options: Mapping[str, int] = field(default_factory=dict)
    activation: str | None = None
    starts_at_zero: bool = False


@dataclass(frozen=True)
class Residual:
    """A block of layers whose output is added to its input; name is that of the addition."""

    name: str
    layers: tuple[Layer, ...]


Path = tuple[Layer | Residual, ...]


@dataclass(frozen=True)
class Part:
    """The encoder or the decoder: the sum of some paths from the same input."""

    name: str
    paths: tuple[Path, ...]


@lru_cache
def parts(config: ModelConfig) -> tuple[Part, Part]:
    """Return the encoder and the decoder of a configuration."""
    return _encoder(config), _decoder(config)


def _encoder(config: ModelConfig) -> Part:
    n_channels, width, latent_size = config.n_channels, config.width, config.latent_size
    depth = encoder_depth(config)
    linear = (_downsampling_convolution(LINEAR_ENCODER, config.frames_per_latent, n_channels, latent_size),)
    learned: list[Layer | Residual] = [
        _downsampling_convolution(ENCODER_STEM, config.stem_frames, n_channels, width),
    ]
    for stage in range(config.n_downsamplings):
        learned += _residual_blocks(f"encoder_{stage}", depth, width)
        learned.append(_downsampling_convolution(f"encoder_{stage}_down", 2, width, width))
    learned += _residual_blocks("encoder_last", depth, width)
    # Zeros: training starts at PCA, and leaves it only for something better.
    learned.append(_dense("learned_encoder", width, latent_size, starts_at_zero=True))
    return Part("encoder", (linear, tuple(learned)))


def _decoder(config: ModelConfig) -> Part:
    n_channels, width, latent_size = config.n_channels, config.width, config.latent_size
    linear = (
        _dense(LINEAR_DECODER, latent_size, config.frames_per_latent * n_channels),
        _reshape("linear_frames", n_channels),
    )
    learned: list[Layer | Residual] = [_convolution("decoder_stem", latent_size, width)]
    for stage in reversed(range(config.n_downsamplings)):
        learned += _residual_blocks(f"decoder_{stage}", config.depth, width)
        learned += [_dense(f"decoder_{stage}_up", width, 2 * width), _reshape(f"decoder_{stage}_frames", width)]
    learned += [
        *_residual_blocks("decoder_last", config.depth, width),
        _rms_normalization("decoder_norm", width),
        _dense("learned_decoder", width, config.stem_frames * n_channels, starts_at_zero=True),
        _reshape("learned_frames", n_channels),
    ]
    return Part("decoder", (linear, tuple(learned)))


def _residual_blocks(name: str, depth: int, width: int) -> list[Residual]:
    """Return blocks of a normalisation, a convolution over three frames, SiLU and a pointwise map."""
    return [
        Residual(
            f"{name}_{index}_add",
            (
                _rms_normalization(f"{name}_{index}_norm", width),
                _convolution(f"{name}_{index}_conv", width, width, activation="silu"),
                _dense(f"{name}_{index}_mix", width, width),
            ),
        )
        for index in range(depth)
    ]


def _dense(name: str, n_in: int, n_out: int, *, starts_at_zero: bool = False) -> Layer:
    """Return a matrix at each frame."""
    return Layer("dense", name, _kernel_and_bias(n_in, n_out), starts_at_zero=starts_at_zero)


def _convolution(name: str, n_in: int, n_out: int, *, activation: str | None = None) -> Layer:
    """Return a convolution over three frames, which keeps their count."""
    return Layer("convolution", name, _kernel_and_bias(_KERNEL_FRAMES, n_in, n_out), activation=activation)


def _downsampling_convolution(name: str, n_frames: int, n_in: int, n_out: int) -> Layer:
    """Return a convolution with a stride of its own length: n_frames become one."""
    return Layer("downsampling_convolution", name, _kernel_and_bias(n_frames, n_in, n_out))


def _rms_normalization(name: str, n_channels: int) -> Layer:
    """Return a division of each frame by its root mean square."""
    return Layer("rms_normalization", name, {"scale": (n_channels,)})


def _reshape(name: str, n_channels: int) -> Layer:
    """Return a split of frames into more frames of n_channels each."""
    return Layer("reshape", name, options={"n_channels": n_channels})


def _kernel_and_bias(*shape: int) -> dict[str, Shape]:
    return {"kernel": shape, "bias": shape[-1:]}


def shapes(config: ModelConfig) -> dict[str, Shape]:
    """Return the shape of every array of weights, by its name, such as `encoder/encoder_stem/kernel`.

    They are in Keras' order, which is part of a model's fingerprint: by distance from the output, and at the same
    distance path by path.
    """
    found: dict[str, Shape] = {}
    for part in parts(config):
        ranked = [(len(path) - index, step) for path in part.paths for index, step in enumerate(path)]
        for _, step in sorted(ranked, key=lambda item: -item[0]):
            for layer in step.layers if isinstance(step, Residual) else (step,):
                found |= {weight_name(part, layer, weight): shape for weight, shape in layer.weights.items()}
    return found


def weight_name(part: Part, layer: Layer, weight: str) -> str:
    """Return the name of an array of a layer's weights in model files and in `shapes`."""
    return f"{part.name}/{layer.name}/{weight}"


def encoder_depth(config: ModelConfig) -> int:
    """Return the count of the encoder's residual blocks at each resolution.

    A third of the decoder's is enough, as the latent search improves on the encoder.
    """
    return ceil_div(config.depth, 3)


def context_latents(config: ModelConfig) -> int:
    """Return how far, in latents, the encoder looks from a latent, or the decoder from a frame, at most."""
    # One latent for the decoder's stem, less than 2 * depth for the blocks at all resolutions, one for rounding up.
    return 2 * config.depth + 2
