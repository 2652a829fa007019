"""The auto-encoder as Keras trains it: a linear path, which is PCA, and convolutions that learn what PCA cannot say.

Once trained it is run by numpy: what is changed here is changed in `network` too.
"""

import numpy as np

from speech_autoencoder.config import ModelConfig
from speech_autoencoder.model import original
from speech_autoencoder.model.network import INPUT_SCALE, Network, shapes
from speech_autoencoder.model.pca import PCA


def build(config: ModelConfig):
    """The untrained auto-encoder, a keras.Model from clips (n, n_mels, n_frames, 1) to clips of the same shape.

    Its layers `encoder` and `decoder` are models too; the latent between them is (n, n_frames /
    frames_per_latent, latent_size). n_frames is free, in multiples of frames_per_latent. Only Keras' own layers
    are used, so that Keras can open the file without us.
    """
    import keras

    to_latent, to_clips = (original.encode, original.decode) if config.network == "original" else (_encode, _decode)
    clips = keras.Input((config.n_mels, None, 1), name="clips")
    encoder = keras.Model(clips, to_latent(clips, config), name="encoder")
    latent = keras.Input((None, config.latent_size), name="latent")
    decoder = keras.Model(latent, to_clips(latent, config), name="decoder")
    return keras.Model(clips, decoder(encoder(clips)), name="autoencoder")


def _encode(clips, config):
    """clips (n, n_mels, n_frames, 1) -> latent (n, n_latents, latent_size)."""
    from keras import layers

    x = layers.Permute((2, 1, 3), name="frames_first")(clips)
    x = layers.Reshape((-1, config.n_mels), name="bands_as_channels")(x)
    x = layers.Rescaling(INPUT_SCALE, name="scale")(x)
    step = config.frames_per_latent
    linear = layers.Conv1D(config.latent_size, step, strides=step, name="linear_encoder")(x)
    x = layers.Conv1D(config.width, config.stem_frames, strides=config.stem_frames, name="encoder_stem")(x)
    for stage in range(config.n_downsamplings):
        x = _blocks(x, config, f"encoder_{stage}", config.encoder_depth)
        x = layers.Conv1D(config.width, 2, strides=2, name=f"encoder_{stage}_down")(x)
    x = _blocks(x, config, "encoder_last", config.encoder_depth)
    # Zeros: training starts at PCA, and can only leave it for something better.
    learned = layers.Dense(config.latent_size, kernel_initializer="zeros", name="learned_encoder")(x)
    return layers.Add(name="add_encoders")([linear, learned])


def _decode(latent, config):
    """latent (n, n_latents, latent_size) -> clips (n, n_mels, n_frames, 1)."""
    from keras import layers

    linear = layers.Dense(config.n_mels * config.frames_per_latent, name="linear_decoder")(latent)
    linear = layers.Reshape((-1, config.n_mels), name="linear_frames")(linear)
    x = layers.Conv1D(config.width, 3, padding="same", name="decoder_stem")(latent)
    for stage in reversed(range(config.n_downsamplings)):
        x = _blocks(x, config, f"decoder_{stage}", config.depth)
        x = layers.Dense(2 * config.width, name=f"decoder_{stage}_up")(x)
        x = layers.Reshape((-1, config.width), name=f"decoder_{stage}_frames")(x)
    x = _blocks(x, config, "decoder_last", config.depth)
    x = layers.RMSNormalization(name="decoder_norm")(x)
    learned = layers.Dense(config.stem_frames * config.n_mels, kernel_initializer="zeros", name="learned_decoder")(x)
    learned = layers.Reshape((-1, config.n_mels), name="learned_frames")(learned)
    x = layers.Add(name="add_decoders")([linear, learned])
    x = layers.Rescaling(1 / INPUT_SCALE, name="unscale")(x)
    x = layers.Reshape((-1, config.n_mels, 1), name="bands_as_rows")(x)
    return layers.Permute((2, 1, 3), name="bands_first")(x)


def _blocks(x, config, name, depth):
    """So many residual blocks: a convolution over three frames, SiLU, a pointwise map back."""
    from keras import layers

    for index in range(depth):
        y = layers.RMSNormalization(name=f"{name}_{index}_norm")(x)
        y = layers.Conv1D(config.width, 3, padding="same", activation="silu", name=f"{name}_{index}_conv")(y)
        y = layers.Dense(config.width, name=f"{name}_{index}_mix")(y)
        x = layers.Add(name=f"{name}_{index}_add")([x, y])
    return x


def start_at_pca(model, config: ModelConfig, pca: PCA) -> None:
    """Nothing; the output of a `residual` model is PCA's until it is trained.

    The linear path keeps these weights: trained along, it was no better, and at first much worse (docs/decisions.md).
    """
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    kernel = pca.encode.reshape(config.frames_per_latent, config.n_mels, config.latent_size)
    for part, layer in ((encoder, "linear_encoder"), (decoder, "linear_decoder")):
        part.get_layer(layer).trainable = False
    encoder.get_layer("linear_encoder").set_weights([kernel / INPUT_SCALE, -pca.offset @ pca.encode])
    decoder.get_layer("linear_decoder").set_weights([pca.decode * INPUT_SCALE, pca.offset * INPUT_SCALE])
    # The convolutions see deviations from the mean: its share of their first layer goes into the bias.
    stem = encoder.get_layer("encoder_stem")
    kernel, bias = stem.get_weights()
    mean = pca.offset.reshape(config.frames_per_latent, config.n_mels).mean(axis=0)
    stem.set_weights([kernel, bias - np.einsum("kmc,m->c", kernel, mean) * INPUT_SCALE])


def to_network(model, config: ModelConfig) -> Network:
    """The network that numpy runs, of a keras.Model that `build` has built of config: with a copy of its weights."""
    variables = _variables(model)
    return Network(config, {name: variables[name].numpy() for name in shapes(config)})


def to_keras(network: Network):
    """The keras.Model of a network, as `build` builds it, with the network's weights."""
    model = build(network.config)
    for name, variable in _variables(model).items():
        variable.assign(network.weights[name])
    return model


def _variables(model):
    """{name, as in `network.shapes`: variable} of a keras.Model."""
    parts = (model.get_layer(part) for part in ("encoder", "decoder"))
    return {f"{part.name}/{variable.path}": variable for part in parts for variable in part.weights}
