"""The configurations: JSON round trips, bounds, and derived values."""

import itertools
import json
import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder.config import (
    CLASSIC,
    CODEC_LATENT_RATE,
    LATENT_RATE,
    PRESETS,
    SIZES,
    CodecConfig,
    FeatureConfig,
    InversionConfig,
    LatentSearchConfig,
    LossConfig,
    ModelConfig,
    TrainingConfig,
    latent_rate,
    model_config,
    preset,
    size_of,
)
from speech_autoencoder.errors import InputError
from speech_autoencoder.model.architecture import shapes
from tests.helpers.common import one_line_of

FEATURES = [CLASSIC, *(preset("fine", sr) for sr in (8_000, 16_000, 22_050))]
MODEL = ModelConfig(n_mels=128, frames_per_latent=8, latent_size=128)


@pytest.mark.parametrize(
    "config", [*FEATURES, MODEL, LossConfig(), CodecConfig(), TrainingConfig(), LatentSearchConfig(), InversionConfig()]
)
def test_to_json_from_json_round_trip(config):
    assert type(config).from_json(json.loads(json.dumps(config.to_json()))) == config


def test_from_json_whole_number_becomes_float():
    config = FeatureConfig.from_json(CLASSIC.to_json() | {"floor_db": -100, "ceiling_db": 10})
    assert config == CLASSIC
    assert isinstance(config.floor_db, float)


def test_feature_config_is_frozen():
    with pytest.raises(FrozenInstanceError):
        CLASSIC.sr = 8_000


def test_derived_values_classic_closed_form():
    assert CLASSIC.range_db == 110
    assert CLASSIC.n_bins == 513
    assert CLASSIC.frame_rate == 22_050 / 512


def test_count_frames_classic_clip_is_24064_samples():
    assert CLASSIC.count_frames(24_064) == 48
    assert CLASSIC.count_frames(24_065) == 49
    assert CLASSIC.count_frames(1) == 2
    assert list(CLASSIC.count_frames(np.array([24_064, 24_065, 1]))) == [48, 49, 2]


@given(st.sampled_from(FEATURES), st.integers(1, 10**9))
def test_count_frames_any_length_every_sample_lies_between_two_centres(config, n_samples):
    n_frames = config.count_frames(n_samples)
    assert (n_frames - 2) * config.hop_length < n_samples <= (n_frames - 1) * config.hop_length


@given(st.sampled_from(FEATURES), st.floats(1, 20_000))
def test_model_config_any_rate_is_reached_but_not_exceeded(features, max_latent_rate):
    config = model_config(features, max_latent_rate)
    per_second = features.frame_rate / config.frames_per_latent
    assert config.latent_size * per_second <= max(max_latent_rate, per_second) * (1 + 1e-9)
    most = features.n_mels * config.frames_per_latent
    assert (config.latent_size + 1) * per_second > max_latent_rate or config.latent_size == most
    # The PCA baseline has at most the same rate, and hardly less.
    frames, size = config.baseline_shape
    assert 0 <= config.latent_size / config.frames_per_latent - size / frames < 1 / frames


def test_model_config_default_rate_is_768_values_for_a_classic_clip():
    config = model_config(CLASSIC, LATENT_RATE)
    assert config.latent_size / config.frames_per_latent * CLASSIC.n_frames == 768
    assert config.baseline_shape == (8, 128)


def test_model_config_without_a_size_is_the_small_one():
    small = model_config(CLASSIC, LATENT_RATE)
    assert (small.width, small.depth) == (256, 6)
    assert model_config(CLASSIC, LATENT_RATE, "small") == small


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("max_latent_rate", [1, 176, LATENT_RATE, CODEC_LATENT_RATE, 20_000])
def test_model_config_each_size_has_more_weights_and_the_same_latent(features, max_latent_rate):
    configs = [model_config(features, max_latent_rate, size) for size in SIZES]
    weights = [sum(map(math.prod, shapes(config).values())) for config in configs]
    assert all(less < more for less, more in itertools.pairwise(weights))
    assert len({(config.frames_per_latent, config.latent_size, config.baseline_shape) for config in configs}) == 1


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("size", SIZES)
def test_size_of_any_rate_is_the_size_that_was_asked_for(features, size):
    for max_latent_rate in (1, 50, 176, LATENT_RATE, CODEC_LATENT_RATE, 20_000):
        assert size_of(model_config(features, max_latent_rate, size)) == size


def test_size_of_another_network_is_none():
    assert size_of(ModelConfig(128, 2, 32, width=32)) is None


def test_latent_rate_closed_form():
    assert latent_rate(CLASSIC, 8, 128) == 16 * 22_050 / 512
    assert MODEL.latent_rate(CLASSIC) == latent_rate(CLASSIC, 8, 128)


@pytest.mark.parametrize("stem_frames", [3, 16])
def test_model_config_stem_frames_not_a_power_of_two_up_to_a_latent_is_refused(stem_frames):
    with pytest.raises(InputError, match=f"stem_frames is {stem_frames}"):
        replace(MODEL, stem_frames=stem_frames)


def test_preset_classic_is_the_known_geometry():
    assert preset("classic", 8_000) == preset("classic", 48_000) == CLASSIC
    assert (CLASSIC.sr, CLASSIC.n_fft, CLASSIC.hop_length) == (22_050, 1_024, 512)
    assert (CLASSIC.n_mels, CLASSIC.n_frames) == (128, 48)


@pytest.mark.parametrize(
    ("corpus_sr", "sr", "n_mels"),
    [
        (4_000, 8_000, 64),
        (8_000, 8_000, 64),
        (8_001, 16_000, 80),
        (16_000, 16_000, 80),
        (22_050, 22_050, 80),
        (48_000, 22_050, 80),
    ],
)
def test_preset_fine_takes_the_smallest_rate_that_is_at_least_the_corpus(corpus_sr, sr, n_mels):
    config = preset("fine", corpus_sr)
    assert (config.sr, config.n_mels) == (sr, n_mels)
    assert config.n_fft / sr == pytest.approx(0.032, rel=0.01)
    assert config.hop_length / sr == pytest.approx(0.008, rel=0.01)


def test_preset_unknown_names_the_choices():
    with pytest.raises(InputError, match="no preset 'coarse': choose one of classic, fine"):
        preset("coarse", 8_000)
    assert PRESETS == ("classic", "fine")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sr", 3_999),
        ("sr", 192_001),
        ("n_fft", 2**31),
        ("hop_length", 0),
        ("n_mels", 7),
        ("n_frames", 10**9),
        ("floor_db", math.nan),
        ("floor_db", -math.inf),
        ("ceiling_db", 41.0),
    ],
)
def test_feature_config_out_of_bounds_is_refused(name, value):
    with pytest.raises(InputError, match=rf"{name} is .*: expected .* to "):
        replace(CLASSIC, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"), [("sr", 22_050.0), ("sr", "22050"), ("sr", True), ("sr", None), ("preset", 1), ("floor_db", [])]
)
def test_feature_config_of_another_type_is_refused(name, value):
    with pytest.raises(InputError, match=f"{name} is .*: expected a value of type"):
        FeatureConfig.from_json(CLASSIC.to_json() | {name: value})


@pytest.mark.parametrize(("n_fft", "hop_length"), [(1_024, 1_024), (1_000, 512), (512, 1_024)])
def test_feature_config_windows_that_do_not_overlap_evenly_are_refused(n_fft, hop_length):
    with pytest.raises(InputError, match=f"n_fft {n_fft} is not a multiple .* of hop_length {hop_length}"):
        replace(CLASSIC, n_fft=n_fft, hop_length=hop_length)


@pytest.mark.parametrize("frames_per_latent", [3, 12, 63])
def test_model_config_frames_per_latent_not_a_power_of_two_is_refused(frames_per_latent):
    with pytest.raises(InputError, match=f"{frames_per_latent}: expected a power of two"):
        replace(MODEL, frames_per_latent=frames_per_latent)


def test_model_config_latent_larger_than_its_input_is_refused():
    assert replace(MODEL, n_mels=16, latent_size=128).latent_size == 128
    with pytest.raises(InputError, match="latent_size 129 is more than the 16 x 8 values"):
        replace(MODEL, n_mels=16, latent_size=129)


@pytest.mark.parametrize(("name", "value"), [("width", 10**8), ("depth", 17), ("latent_size", 0)])
def test_model_config_absurd_size_is_refused(name, value):
    with pytest.raises(InputError, match=f"{name} is {value}: expected"):
        ModelConfig.from_json(MODEL.to_json() | {name: value})


@pytest.mark.parametrize("data", [None, [], "classic", 1, {}, {"sr": 8_000}, CLASSIC.to_json() | {"extra": 1}])
def test_from_json_other_names_are_refused(data):
    with pytest.raises(InputError, match="FeatureConfig needs exactly") as error:
        FeatureConfig.from_json(data)
    one_line_of(error)


@pytest.mark.parametrize(
    "data", [CLASSIC.to_json() | {"sr": "x" * 9_999}, CLASSIC.to_json() | {"sr": 10**4_000}, ["x" * 9_999]]
)
def test_from_json_endless_value_is_refused_in_a_short_line(data):
    with pytest.raises(InputError, match=r"sr is|needs exactly") as error:
        FeatureConfig.from_json(data)
    one_line_of(error)


@pytest.mark.parametrize("name", ["x" * 9_999, "\n" * 99])
def test_from_json_endless_name_is_refused_in_a_short_line(name):
    with pytest.raises(InputError, match="needs exactly") as error:
        FeatureConfig.from_json(CLASSIC.to_json() | {name: 1})
    one_line_of(error)


def test_from_json_number_too_large_for_a_float_is_refused():
    with pytest.raises(InputError, match="too large"):
        FeatureConfig.from_json(CLASSIC.to_json() | {"floor_db": -(10**400)})
