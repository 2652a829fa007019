"""The network of the program that this one replaces, kept to be compared with: 2-D convolutions and max-pooling.

The convolutional auto-encoder that Keras' tutorials made well known: three poolings leave of a clip (128, 48, 1) eight
channels of 16 bands, 8 frames apart: 768 numbers. It has 4,385 weights.
"""

import numpy as np

from speech_autoencoder.config import ModelConfig
from speech_autoencoder.model.layers import (
    Back,
    Chain,
    convolution,
    max_pooling,
    permute,
    relu,
    reshape,
    sigmoid,
    up_sampling,
)

_CHANNELS = (16, 8, 8)
# The shape of each layer's kernel, by its name in `network.shapes`.
KERNELS = {
    "encoder/encoder_0": (3, 3, 1, 16),
    "encoder/encoder_1": (3, 3, 16, 8),
    "encoder/encoder_2": (3, 3, 8, 8),
    "decoder/decoder_2": (3, 3, 8, 8),
    "decoder/decoder_1": (3, 3, 8, 8),
    "decoder/decoder_0": (3, 3, 8, 16),
    "decoder/decoder_last": (3, 3, 16, 1),
}


def encode(clips, config: ModelConfig):
    """Clips (n, n_mels, n_frames, 1) -> latent (n, n_latents, latent_size), tensors of Keras."""
    from keras import layers

    x = clips
    for stage, n_channels in enumerate(_CHANNELS):
        x = _convolution(n_channels, f"encoder_{stage}")(x)
        x = layers.MaxPooling2D(2, name=f"encoder_{stage}_pool")(x)
    x = layers.Permute((2, 1, 3), name="frames_first")(x)
    return layers.Reshape((-1, config.latent_size), name="bands_as_numbers")(x)


def decode(latent, config: ModelConfig):
    """Latent (n, n_latents, latent_size) -> clips (n, n_mels, n_frames, 1), tensors of Keras."""
    from keras import layers

    x = layers.Reshape((-1, config.n_mels // config.frames_per_latent, _CHANNELS[-1]), name="numbers_as_bands")(latent)
    x = layers.Permute((2, 1, 3), name="bands_first")(x)
    for stage, n_channels in reversed(list(enumerate(_CHANNELS))):
        x = _convolution(n_channels, f"decoder_{stage}")(x)
        x = layers.UpSampling2D(2, name=f"decoder_{stage}_up")(x)
    return _convolution(1, "decoder_last", "sigmoid")(x)


def _convolution(n_channels, name, activation="relu"):
    """A layer of 3 x 3 convolutions."""
    from keras import layers

    return layers.Conv2D(n_channels, 3, padding="same", activation=activation, name=name)


def encode_frames(frames: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    """Frames (n_mels, n_frames), a multiple of 8, -> the latent (n_frames / 8, latent_size): `encode` in numpy."""
    x = frames[..., None]
    for stage in range(len(_CHANNELS)):
        x = max_pooling(Chain(x, weights).weighted(convolution, f"encoder/encoder_{stage}").through(relu).output)
    return x.swapaxes(0, 1).reshape(x.shape[1], -1)


def decode_latent(latent: np.ndarray, weights: dict[str, np.ndarray]) -> tuple[np.ndarray, Back]:
    """(frames, back) of a latent, as `network.Network.decode_with_gradient` gives them: `decode` in numpy."""
    chain = Chain(latent, weights).through(reshape, len(latent), -1, _CHANNELS[-1]).through(permute)
    for stage in reversed(range(len(_CHANNELS))):
        chain.weighted(convolution, f"decoder/decoder_{stage}").through(relu).through(up_sampling)
    chain.weighted(convolution, "decoder/decoder_last").through(sigmoid)
    chain.through(permute).through(reshape, len(latent) << len(_CHANNELS), -1)
    return chain.output, chain.back
