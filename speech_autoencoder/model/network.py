"""A trained network, run by numpy: to use a model takes no TensorFlow, whose start alone takes seconds.

What `model.build` builds for Keras, by which it is trained, is computed here once more, with the gradient of what is
decoded; tests hold the two together. On one core it is as fast (docs/speed.md): nearly all is in products of matrices.
"""

import numpy as np

from speech_autoencoder.config import ModelConfig
from speech_autoencoder.model import original
from speech_autoencoder.model.layers import (
    Back,
    Chain,
    convolution,
    dense,
    downsampling_convolution,
    reshape,
    rms_normalization,
    silu,
)

# Normalised log-mel varies by some 0.15; the convolutions see it at about unit scale.
INPUT_SCALE = 8.0


class Network:
    """The network of a configuration, with its weights: {name: float32 array}, of the names and shapes of `shapes`.

    Weights such as no training gives may overflow: what comes of them is no number, and no warning.
    """

    def __init__(self, config: ModelConfig, weights: dict[str, np.ndarray]):
        self.config, self.weights = config, weights

    @property
    def n_weights(self) -> int:
        """The count of its numbers."""
        return sum(array.size for array in self.weights.values())

    @np.errstate(all="ignore")
    def encode(self, frames: np.ndarray) -> np.ndarray:
        """Normalised log-mel (n_mels, n_frames) of any length -> the encoder's latent (n_latents, latent_size)."""
        config = self.config
        padded = np.pad(frames, ((0, 0), (0, -frames.shape[1] % config.frames_per_latent))).astype(np.float32)
        if config.network == "original":
            return original.encode_frames(padded, self.weights)
        x = INPUT_SCALE * padded.T
        linear = self._chain(x).weighted(downsampling_convolution, "encoder/linear_encoder")
        chain = self._chain(x).weighted(downsampling_convolution, "encoder/encoder_stem")
        for stage in range(config.n_downsamplings):
            chain.through(self._blocks, f"encoder/encoder_{stage}", config.encoder_depth)
            chain.weighted(downsampling_convolution, f"encoder/encoder_{stage}_down")
        chain.through(self._blocks, "encoder/encoder_last", config.encoder_depth)
        return linear.output + chain.weighted(dense, "encoder/learned_encoder").output

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Latent (n_latents, latent_size) -> normalised log-mel (n_mels, n_latents * frames_per_latent) in [0, 1]."""
        return np.clip(self.decode_with_gradient(latent)[0].T, 0, 1)

    @np.errstate(all="ignore")
    def decode_with_gradient(self, latent: np.ndarray) -> tuple[np.ndarray, Back]:
        """(frames, back) of a latent (n_latents, latent_size): frames (n_latents * frames_per_latent, n_mels), float32.

        They are not held to [0, 1]. back takes the gradient of some number with respect to them to that with respect
        to the latent.
        """
        config = self.config
        if config.network == "original":
            return original.decode_latent(latent, self.weights)
        linear = self._chain(latent).weighted(dense, "decoder/linear_decoder").through(reshape, -1, config.n_mels)
        chain = self._chain(latent).weighted(convolution, "decoder/decoder_stem")
        for stage in reversed(range(config.n_downsamplings)):
            chain.through(self._blocks, f"decoder/decoder_{stage}", config.depth)
            chain.weighted(dense, f"decoder/decoder_{stage}_up").through(reshape, -1, config.width)
        chain.through(self._blocks, "decoder/decoder_last", config.depth)
        chain.through(rms_normalization, self.weights["decoder/decoder_norm/scale"])
        chain.weighted(dense, "decoder/learned_decoder").through(reshape, -1, config.n_mels)

        def back(gradient):
            gradient = gradient / INPUT_SCALE
            return linear.back(gradient) + chain.back(gradient)

        return (linear.output + chain.output) / INPUT_SCALE, back

    def _blocks(self, x, name, depth):
        """(output, back) of so many residual blocks."""
        chain = self._chain(x)
        for index in range(depth):
            chain.through(self._block, f"{name}_{index}")
        return chain.output, chain.back

    def _block(self, x, name):
        """(output, back) of a residual block: a convolution over three frames, SiLU, a pointwise map back."""
        chain = self._chain(x).through(rms_normalization, self.weights[f"{name}_norm/scale"])
        chain.weighted(convolution, f"{name}_conv").through(silu).weighted(dense, f"{name}_mix")
        return x + chain.output, lambda gradient: gradient + chain.back(gradient)

    def _chain(self, x):
        """A chain from x, with this network's weights."""
        return Chain(x, self.weights)


def shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """{name: shape} of a network's weights, in Keras' order: encoder or decoder, the layer, and which of its arrays."""
    found = {}
    for name, shape in (original.KERNELS if config.network == "original" else _kernels(config)).items():
        if len(shape) == 1:
            found[f"{name}/scale"] = shape
        else:
            found |= {f"{name}/kernel": shape, f"{name}/bias": shape[-1:]}
    return found


def _kernels(config):
    """{layer: the shape of its kernel, or of its scale} of a residual network."""
    n_mels, width, size = config.n_mels, config.width, config.latent_size

    def blocks(name, depth):
        layers = {"norm": (width,), "conv": (3, width, width), "mix": (width, width)}
        return {f"{name}_{index}_{layer}": shape for index in range(depth) for layer, shape in layers.items()}

    found = {"encoder/encoder_stem": (config.stem_frames, n_mels, width)}
    for stage in range(config.n_downsamplings):
        found |= blocks(f"encoder/encoder_{stage}", config.encoder_depth)
        found[f"encoder/encoder_{stage}_down"] = (2, width, width)
    found |= blocks("encoder/encoder_last", config.encoder_depth)
    found["encoder/linear_encoder"] = (config.frames_per_latent, n_mels, size)
    found |= {"encoder/learned_encoder": (width, size), "decoder/decoder_stem": (3, size, width)}
    for stage in reversed(range(config.n_downsamplings)):
        found |= blocks(f"decoder/decoder_{stage}", config.depth)
        found[f"decoder/decoder_{stage}_up"] = (width, 2 * width)
    found |= blocks("decoder/decoder_last", config.depth)
    found["decoder/decoder_norm"] = (width,)
    found["decoder/linear_decoder"] = (size, config.frames_per_latent * n_mels)
    found["decoder/learned_decoder"] = (width, config.stem_frames * n_mels)
    return found
