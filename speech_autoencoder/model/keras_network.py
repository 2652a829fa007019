"""The auto-encoder as Keras trains it, built from `architecture`."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from speech_autoencoder.config import ModelConfig
from speech_autoencoder.model.architecture import (
    ENCODER_STEM,
    INPUT_SCALE,
    LINEAR_DECODER,
    LINEAR_ENCODER,
    Layer,
    Part,
    Path,
    Residual,
    parts,
    shapes,
)
from speech_autoencoder.model.network import Network, without_between
from speech_autoencoder.model.pca import PCA

Tensor = Any


def build(config: ModelConfig) -> keras.Model:
    """Return the untrained auto-encoder.

    Only Keras' own layers are used, so that Keras can open a model's file without this package.

    Returns
    -------
    keras.Model
        From clips (n, n_mels, n_frames, 1) to clips of the same shape, where n_frames is any multiple of
        frames_per_latent. Its layers `encoder` and `decoder` are models too; the latent between them is
        (n, n_frames / frames_per_latent, latent_size). Their clips are (n, n_channels, n_frames, 1): where that is
        more, what the encoder is not given is 0, and the rest of what the decoder gives is cut off.
    """
    encoder_part, decoder_part = parts(config)
    inputs = keras.Input((config.n_channels, None, 1), name="frames")
    x = layers.Permute((2, 1, 3), name="frames_first")(inputs)
    x = layers.Reshape((-1, config.n_channels), name="bands_as_channels")(x)
    x = layers.Rescaling(INPUT_SCALE, name="scale")(x)
    encoder = keras.Model(inputs, _apply_part(encoder_part, x), name="encoder")

    latent = keras.Input((None, config.latent_size), name="latent")
    x = _apply_part(decoder_part, latent)
    x = layers.Rescaling(1 / INPUT_SCALE, name="unscale")(x)
    x = layers.Reshape((-1, config.n_channels, 1), name="bands_as_rows")(x)
    decoder = keras.Model(latent, layers.Permute((2, 1, 3), name="bands_first")(x), name="decoder")

    x = clips = keras.Input((config.n_mels, None, 1), name="clips")
    others = ((0, config.n_channels - config.n_mels), (0, 0))
    if config.between:
        x = layers.ZeroPadding2D(others, name="nothing_between")(x)
    x = decoder(encoder(x))
    if config.between:
        x = layers.Cropping2D(others, name="without_between")(x)
    return keras.Model(clips, x, name="autoencoder")


def _apply_part(part: Part, x: Tensor) -> Tensor:
    return layers.Add(name=f"add_{part.name}s")([_apply_path(path, x) for path in part.paths])


def _apply_path(path: Path, x: Tensor) -> Tensor:
    for step in path:
        if isinstance(step, Residual):
            x = layers.Add(name=step.name)([x, _apply_path(step.layers, x)])
        else:
            x = KERAS_LAYERS[step.kind](step)(x)
    return x


def _dense(layer: Layer) -> layers.Layer:
    _, n_out = layer.weights["kernel"]
    return layers.Dense(n_out, **_common(layer))


def _convolution(layer: Layer) -> layers.Layer:
    n_frames, _, n_out = layer.weights["kernel"]
    return layers.Conv1D(n_out, n_frames, padding="same", **_common(layer))


def _downsampling_convolution(layer: Layer) -> layers.Layer:
    n_frames, _, n_out = layer.weights["kernel"]
    return layers.Conv1D(n_out, n_frames, strides=n_frames, **_common(layer))


def _rms_normalization(layer: Layer) -> layers.Layer:
    return layers.RMSNormalization(name=layer.name)


def _reshape(layer: Layer) -> layers.Layer:
    return layers.Reshape((-1, layer.options["n_channels"]), name=layer.name)


def _common(layer: Layer) -> dict[str, str | None]:
    """Return the arguments that all layers with a kernel take."""
    kernel_initializer = "zeros" if layer.starts_at_zero else "glorot_uniform"
    return {"activation": layer.activation, "kernel_initializer": kernel_initializer, "name": layer.name}


# By `architecture.Layer.kind`.
KERAS_LAYERS: dict[str, Callable[[Layer], layers.Layer]] = {
    "dense": _dense,
    "convolution": _convolution,
    "downsampling_convolution": _downsampling_convolution,
    "rms_normalization": _rms_normalization,
    "reshape": _reshape,
}


def start_at_pca(model: keras.Model, config: ModelConfig, pca: PCA) -> None:
    """Set the weights of a new model so that its output is that of PCA until it is trained.

    The linear path keeps these weights: trained too, it was no better, and at first much worse (docs/experiments.md).
    The PCA has config.latent_size components of blocks of config.frames_per_latent frames. Frames between are halfway
    between those of their block, and the last one is as the frame before it.
    """
    encoder = model.get_layer("encoder")
    others = config.n_channels - config.n_mels
    kernel = pca.encode.reshape(config.frames_per_latent, config.n_mels, config.latent_size)
    kernel = np.pad(kernel, ((0, 0), (0, others), (0, 0)))
    linear_encoder, linear_decoder = freeze_linear_path(model)
    linear_encoder.set_weights([kernel / INPUT_SCALE, -pca.offset @ pca.encode])
    linear_decoder.set_weights([_with_between(block, config) * INPUT_SCALE for block in (pca.decode, pca.offset)])
    # The learned path should see deviations from the mean: its stem's bias subtracts what the mean contributes.
    stem = encoder.get_layer(ENCODER_STEM)
    kernel, bias = stem.get_weights()
    mean = np.pad(pca.offset.reshape(config.frames_per_latent, config.n_mels).mean(axis=0), (0, others))
    stem.set_weights([kernel, bias - np.einsum("kmc,m->c", kernel, mean) * INPUT_SCALE])


def freeze_linear_path(model: keras.Model) -> tuple[layers.Layer, layers.Layer]:
    """Keep the linear path out of training, and return its layers in the encoder and in the decoder."""
    path = model.get_layer("encoder").get_layer(LINEAR_ENCODER), model.get_layer("decoder").get_layer(LINEAR_DECODER)
    for layer in path:
        layer.trainable = False
    return path


def pca_of(network: Network) -> PCA:
    """Return the PCA that a network started at, which its linear path keeps: the inverse of `start_at_pca`."""
    network = without_between(network)
    config = network.config
    kernel = network.weights[f"encoder/{LINEAR_ENCODER}/kernel"]
    return PCA(
        config.frames_per_latent,
        kernel.reshape(-1, config.latent_size) * INPUT_SCALE,
        network.weights[f"decoder/{LINEAR_DECODER}/kernel"] / INPUT_SCALE,
        network.weights[f"decoder/{LINEAR_DECODER}/bias"] / INPUT_SCALE,
    )


def _with_between(blocks: np.ndarray, config: ModelConfig) -> np.ndarray:
    """Return blocks (..., frames_per_latent * n_mels) with the frames between, if the network gives them."""
    if not config.between:
        return blocks
    frames = blocks.reshape(*blocks.shape[:-1], config.frames_per_latent, config.n_mels)
    following = np.concatenate([frames[..., 1:, :], frames[..., -1:, :]], axis=-2)
    return np.concatenate([frames, (frames + following) / 2], axis=-1).reshape(*blocks.shape[:-1], -1)


def to_network(model: keras.Model, config: ModelConfig) -> Network:
    """Return the network that numpy runs, with a copy of the weights of a model that `build` made from the config."""
    variables = _variables(model)
    return Network(config, {name: variables[name].numpy() for name in shapes(config)})


def to_keras(network: Network) -> keras.Model:
    """Return the model that `build` builds, with the network's weights."""
    model = build(network.config)
    for name, variable in _variables(model).items():
        variable.assign(network.weights[name])
    return model


def _variables(model: keras.Model) -> dict[str, Any]:
    """Return the model's variables by their names in `architecture.shapes`."""
    model_parts = (model.get_layer(part) for part in ("encoder", "decoder"))
    return {f"{part.name}/{variable.path}": variable for part in model_parts for variable in part.weights}
