"""A trained network, run by numpy, so that using a model does not need TensorFlow, which takes seconds to start.

It interprets `architecture`, as `keras_network` does for training; tests hold the two together. On one core it is as
fast as TensorFlow (docs/speed.md): nearly all of the time goes into matrix products.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from speech_autoencoder.config import ModelConfig
from speech_autoencoder.model.architecture import INPUT_SCALE, Layer, Part, Path, Residual, parts, shapes, weight_name
from speech_autoencoder.model.layers import ACTIVATIONS, LAYERS, VJP, Output


class Network:
    """A network with its weights: float32 arrays of the names and shapes of `architecture.shapes`.

    Weights that no training yields may overflow: the output is then not finite, without a warning.
    """

    def __init__(self, config: ModelConfig, weights: Mapping[str, np.ndarray]) -> None:
        self.config = config
        self.weights = weights

    @property
    def n_weights(self) -> int:
        """The count of trainable values, those of the linear path included."""
        return sum(array.size for array in self.weights.values())

    @np.errstate(all="ignore")
    def encode(self, frames: np.ndarray) -> np.ndarray:
        """Return the latent (n_latents, latent_size), float32, of normalised log-mel of any length.

        It is (n_mels, n_frames), or (n_channels, n_frames). The last latent is padded with silence.
        """
        encoder, _ = parts(self.config)
        missing = -frames.shape[1] % self.config.frames_per_latent
        padded = np.pad(frames, ((0, self.config.n_channels - len(frames)), (0, missing))).astype(np.float32)
        latent, _ = self._run_part(encoder, INPUT_SCALE * padded.T)
        return latent

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Return the normalised log-mel (n_channels, n_latents * frames_per_latent) of a latent, clipped to [0, 1]."""
        return np.clip(self.decode_with_vjp(latent)[0].T, 0, 1)

    @np.errstate(all="ignore")
    def decode_with_vjp(self, latent: np.ndarray) -> tuple[np.ndarray, VJP]:
        """Return the frames of a latent, not clipped, and the decoder's VJP.

        Returns
        -------
        frames : np.ndarray
            Normalised log-mel (n_latents * frames_per_latent, n_channels), float32.
        vjp : VJP
            Takes the gradient of a scalar with respect to the frames to that with respect to the latent.
        """
        _, decoder = parts(self.config)
        output, decoder_vjp = self._run_part(decoder, latent)
        return output / INPUT_SCALE, lambda gradient: decoder_vjp(gradient / INPUT_SCALE)

    def _run_part(self, part: Part, x: np.ndarray) -> Output:
        """Return the sum of a part's paths."""
        outputs, vjps = zip(*(self._run_path(part, path, x) for path in part.paths), strict=True)

        def part_vjp(gradient: np.ndarray) -> np.ndarray:
            return sum((vjp(gradient) for vjp in vjps[1:]), vjps[0](gradient))

        return sum(outputs[1:], outputs[0]), part_vjp

    def _run_path(self, part: Part, path: Path, x: np.ndarray) -> Output:
        """Return what one layer or block after another makes of x."""
        vjps = []
        for step in path:
            x, vjp = self._run_block(part, step, x) if isinstance(step, Residual) else self._run_layer(part, step, x)
            vjps.append(vjp)

        def path_vjp(gradient: np.ndarray) -> np.ndarray:
            for vjp in reversed(vjps):
                gradient = vjp(gradient)
            return gradient

        return x, path_vjp

    def _run_block(self, part: Part, block: Residual, x: np.ndarray) -> Output:
        output, vjp = self._run_path(part, block.layers, x)
        return x + output, lambda gradient: gradient + vjp(gradient)

    def _run_layer(self, part: Part, layer: Layer, x: np.ndarray) -> Output:
        weights = (self.weights[weight_name(part, layer, weight)] for weight in layer.weights)
        output, vjp = LAYERS[layer.kind](x, *weights, **layer.options)
        if layer.activation is None:
            return output, vjp
        output, activation_vjp = ACTIVATIONS[layer.activation](output)
        return output, lambda gradient: vjp(activation_vjp(gradient))


def without_between(network: Network) -> Network:
    """Return the network that does the same with clips, without the frames between (`architecture`)."""
    config = replace(network.config, between=0)
    if config == network.config:
        return network
    weights = {}
    for name, shape in shapes(config).items():
        array = network.weights[name]
        if array.shape != shape:
            if array.ndim == 3:  # a convolution of frames
                array = array[:, : config.n_mels]
            else:  # a dense layer that gives frames, one after another
                frames = array.reshape(*array.shape[:-1], -1, network.config.n_channels)
                array = frames[..., : config.n_mels].reshape(shape)
        weights[name] = array
    return Network(config, weights)
