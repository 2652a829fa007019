"""The network of the program that this one replaces, kept to be compared with: 2-D convolutions and max-pooling.

The convolutional auto-encoder that Keras' tutorials made well known: three poolings leave of a clip (128, 48, 1) eight
channels of 16 bands, 8 frames apart: 768 numbers. It has 4,385 weights.
"""

from speech_autoencoder.config import ModelConfig

_CHANNELS = (16, 8, 8)


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
