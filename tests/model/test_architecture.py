"""The names, shapes and order of the weights are part of model files and fingerprints, and are those of Keras."""

from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.config import ModelConfig
from speech_autoencoder.model.architecture import Residual, context_latents, encoder_depth, parts, shapes
from speech_autoencoder.model.keras_network import KERAS_LAYERS, build, to_network
from speech_autoencoder.model.layers import ACTIVATIONS, LAYERS
from tests.helpers.common import shake

CONFIG = ModelConfig(n_mels=16, frames_per_latent=4, latent_size=5, stem_frames=2, width=8, depth=1)


def test_shapes_of_one_config_are_these():
    assert list(shapes(CONFIG).items()) == [
        ("encoder/encoder_stem/kernel", (2, 16, 8)),
        ("encoder/encoder_stem/bias", (8,)),
        ("encoder/encoder_0_0_norm/scale", (8,)),
        ("encoder/encoder_0_0_conv/kernel", (3, 8, 8)),
        ("encoder/encoder_0_0_conv/bias", (8,)),
        ("encoder/encoder_0_0_mix/kernel", (8, 8)),
        ("encoder/encoder_0_0_mix/bias", (8,)),
        ("encoder/encoder_0_down/kernel", (2, 8, 8)),
        ("encoder/encoder_0_down/bias", (8,)),
        ("encoder/encoder_last_0_norm/scale", (8,)),
        ("encoder/encoder_last_0_conv/kernel", (3, 8, 8)),
        ("encoder/encoder_last_0_conv/bias", (8,)),
        ("encoder/encoder_last_0_mix/kernel", (8, 8)),
        ("encoder/encoder_last_0_mix/bias", (8,)),
        ("encoder/linear_encoder/kernel", (4, 16, 5)),
        ("encoder/linear_encoder/bias", (5,)),
        ("encoder/learned_encoder/kernel", (8, 5)),
        ("encoder/learned_encoder/bias", (5,)),
        ("decoder/decoder_stem/kernel", (3, 5, 8)),
        ("decoder/decoder_stem/bias", (8,)),
        ("decoder/decoder_0_0_norm/scale", (8,)),
        ("decoder/decoder_0_0_conv/kernel", (3, 8, 8)),
        ("decoder/decoder_0_0_conv/bias", (8,)),
        ("decoder/decoder_0_0_mix/kernel", (8, 8)),
        ("decoder/decoder_0_0_mix/bias", (8,)),
        ("decoder/decoder_0_up/kernel", (8, 16)),
        ("decoder/decoder_0_up/bias", (16,)),
        ("decoder/decoder_last_0_norm/scale", (8,)),
        ("decoder/decoder_last_0_conv/kernel", (3, 8, 8)),
        ("decoder/decoder_last_0_conv/bias", (8,)),
        ("decoder/decoder_last_0_mix/kernel", (8, 8)),
        ("decoder/decoder_last_0_mix/bias", (8,)),
        ("decoder/decoder_norm/scale", (8,)),
        ("decoder/linear_decoder/kernel", (5, 64)),
        ("decoder/linear_decoder/bias", (64,)),
        ("decoder/learned_decoder/kernel", (8, 32)),
        ("decoder/learned_decoder/bias", (32,)),
    ]


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        ModelConfig(16, 2, latent_size=5, width=8, depth=3),
        ModelConfig(16, 16, latent_size=5, stem_frames=1, width=8, depth=4),
        ModelConfig(16, 4, latent_size=5, width=8, depth=0),
    ],
)
def test_shapes_any_config_are_keras_weights_in_their_order(config):
    model = build(config)
    expected = {
        f"{part}/{variable.path}": tuple(variable.shape)
        for part in ("encoder", "decoder")
        for variable in model.get_layer(part).weights
    }
    assert list(shapes(config).items()) == list(expected.items())


def test_parts_every_kind_of_layer_has_a_function_in_both_tables():
    steps = [step for part in parts(CONFIG) for path in part.paths for step in path]
    layers = [layer for step in steps for layer in (step.layers if isinstance(step, Residual) else [step])]
    assert {layer.kind for layer in layers} == set(LAYERS) == set(KERAS_LAYERS)
    assert {layer.activation for layer in layers} - {None} == set(ACTIVATIONS)
    names = [layer.name for layer in layers]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("depth", "expected"), [(0, 0), (1, 1), (3, 1), (4, 2)])
def test_encoder_depth_is_a_third_rounded_up(depth, expected):
    assert encoder_depth(replace(CONFIG, depth=depth)) == expected


@pytest.mark.parametrize("depth", [0, 1, 4])
@pytest.mark.parametrize(("frames_per_latent", "stem_frames"), [(2, 2), (8, 2), (4, 1)])
def test_context_latents_is_as_far_as_a_change_reaches(depth, frames_per_latent, stem_frames):
    config = ModelConfig(16, frames_per_latent, latent_size=5, stem_frames=stem_frames, width=8, depth=depth)
    model = build(config)
    shake(model)
    network, context = to_network(model, config), context_latents(config)
    at = context + 2
    frames = np.random.default_rng(0).random((16, frames_per_latent * (2 * at + 1)), np.float32)
    other = frames.copy()
    other[:, frames_per_latent * at : frames_per_latent * (at + 1)] = 0
    latent, changed = network.encode(frames), network.encode(other)
    touched = np.flatnonzero((latent != changed).any(axis=1))
    assert at - context <= touched.min() <= at <= touched.max() <= at + context
    changed = latent.copy()
    changed[at] = 0
    touched = np.flatnonzero((network.decode(latent) != network.decode(changed)).any(axis=0)) // frames_per_latent
    assert at - context <= touched.min() <= at <= touched.max() <= at + context
