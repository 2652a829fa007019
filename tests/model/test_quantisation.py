"""Quantisation by the entropy model computes in integers, the same on every machine."""

import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.model.entropy_model import (
    CLASSES,
    LOWEST,
    N_SYMBOLS,
    RADIUS,
    SPACING,
    VALUE_LIMIT,
    WEIGHT_BITS,
)
from speech_autoencoder.model.quantisation import (
    Predictor,
    count_symbols,
    quantise,
    round_to_symbols,
    to_fixed,
    to_floats,
    zero_savings,
)
from tests.helpers.common import make_entropy, one_line_of


def shift(number, bits):
    """Return a Python integer divided by a power of two, rounded down, as docs/codec.md defines it."""
    return number >> bits


def by_definition(model, quality, values, before):
    """Return (symbols, classes, decoded) as docs/codec.md defines them, in Python's own integers."""
    arrays = {name: array.tolist() for name, array in model.arrays().items()}
    size, units = model.n_channels, model.n_hidden
    older, newer = before
    out = []
    for latent in values:
        now, symbols, classes = [0] * size, [0] * size, [0] * size
        for group in range(model.n_groups):
            first, end = arrays["groups"][group : group + 2]
            seen = [*newer, *older, *(now[c] if c < first else 0 for c in range(size))]
            own = range(group * units, (group + 1) * units)
            hidden = {}
            for unit in own:
                total = sum(x * row[unit] for x, row in zip(seen, arrays["hidden_kernel"], strict=True))
                total += arrays["hidden_bias"][quality][unit]
                hidden[unit] = min(max(shift(total, WEIGHT_BITS), 0), VALUE_LIMIT)
            for c in range(first, end):
                mean = sum(x * row[c] for x, row in zip(seen, arrays["linear_kernel"], strict=True))
                mean += sum(hidden[unit] * arrays["mean_kernel"][unit][c] for unit in own)
                mean = shift(mean + arrays["mean_bias"][quality][c], WEIGHT_BITS)
                scale = sum(hidden[unit] * arrays["scale_kernel"][unit][c] for unit in own)
                scale = shift(scale + arrays["scale_bias"][quality][c], WEIGHT_BITS)
                classes[c] = min(max((scale - LOWEST) // SPACING, 0), CLASSES - 1)
                step = arrays["steps"][quality][c]
                symbols[c] = min(max((2 * (latent[c] - mean) + step) // (2 * step), -RADIUS), RADIUS)
                now[c] = min(max(mean + symbols[c] * step, -VALUE_LIMIT), VALUE_LIMIT)
        older, newer = newer, now
        out.append((symbols, classes, now))
    return [np.array(part) for part in zip(*out, strict=True)]


@pytest.mark.parametrize("scale", [1.0, 30.0, 1e5], ids=["as trained", "wild", "at the limits"])
@pytest.mark.parametrize("quality", [0, 2])
def test_quantise_equals_the_definition_in_integers(scale, quality):
    model = make_entropy(7, 3, seed=5, weights=min(scale, 2_000.0))
    rng = np.random.default_rng(1)
    values = np.clip(rng.normal(0, 400 * scale, (40, 7)), -VALUE_LIMIT, VALUE_LIMIT).astype(np.int64)
    before = rng.integers(-300, 300, (2, 7))
    found = quantise(Predictor(model, quality), values, before)
    for ours, wanted in zip(found, by_definition(model, quality, values.tolist(), before.tolist()), strict=True):
        np.testing.assert_array_equal(ours, wanted)


def test_quantise_wild_weights_reach_every_limit():
    """The comparison above covers the limits: its values reach all of them."""
    model = make_entropy(7, 3, seed=5, weights=2_000.0)
    values = np.clip(np.random.default_rng(1).normal(0, 4e7, (40, 7)), -VALUE_LIMIT, VALUE_LIMIT).astype(np.int64)
    symbols, classes, decoded = quantise(Predictor(model, 0), values)
    assert {symbols.min(), symbols.max()} == {-RADIUS, RADIUS}
    assert {classes.min(), classes.max()} == {0, CLASSES - 1}
    assert {decoded.min(), decoded.max()} == {-VALUE_LIMIT, VALUE_LIMIT}


def test_quantise_is_within_half_a_step():
    model = make_entropy(6, 2, seed=3)
    values = to_fixed(np.random.default_rng(0).normal(size=(200, 6)))
    symbols, _, decoded = quantise(Predictor(model, 2), values)
    assert (np.abs(symbols) < RADIUS).all()
    assert (2 * np.abs(decoded - values) <= model.steps[2]).all()


def test_quantise_in_parts_is_the_whole():
    model = make_entropy(6, 2)
    predictor = Predictor(model, 1)
    values = to_fixed(np.random.default_rng(0).normal(size=(60, 6)))
    whole = quantise(predictor, values)
    first = quantise(predictor, values[:31])
    rest = quantise(predictor, values[31:], first[2][-2:])
    for one, two, all_of_it in zip(first, rest, whole, strict=True):
        np.testing.assert_array_equal(np.concatenate([one, two]), all_of_it)


def test_predictor_group_ignores_later_channels():
    """A decoder does not know them yet."""
    model = make_entropy(6, 3)
    predictor, rng = Predictor(model, 0), np.random.default_rng(0)
    context = rng.integers(-500, 500, 18).astype(np.float64)
    for number, (first, _) in enumerate(predictor.groups):
        other = context.copy()
        other[12 + first :] = 1e6
        for ours, theirs in zip(predictor(context, number), predictor(other, number), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    other = context.copy()
    other[12] += 200
    assert (predictor(context, 1)[0] != predictor(other, 1)[0]).any()


def test_count_symbols_counts_every_symbol():
    model = make_entropy(6, 2)
    latents = np.random.default_rng(0).normal(size=(50, 6))
    counts = count_symbols(model, latents, 1)
    symbols, classes, _ = quantise(Predictor(model, 1), to_fixed(latents))
    assert counts.sum() == 300
    assert counts[classes[7, 3], symbols[7, 3] + RADIUS] >= 1
    np.testing.assert_array_equal(counts.sum(axis=0), np.bincount(symbols.ravel() + RADIUS, minlength=N_SYMBOLS))


def test_to_fixed_to_floats_round_trip():
    latents = np.array([0.0, 1.0, -2.5, 1 / 256, 0.4 / 256, -0.6 / 256, 1e9, -1e9, np.nan], np.float32)
    values = to_fixed(latents)
    np.testing.assert_array_equal(values, [0, 256, -640, 1, 0, -1, VALUE_LIMIT, -VALUE_LIMIT, 0])
    floats = to_floats(values)
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(to_fixed(floats), values)


@pytest.mark.parametrize("quality", [-1, 3])
def test_predictor_unknown_quality_is_refused(quality):
    with pytest.raises(InputError) as error:
        Predictor(make_entropy(6, 2), quality)
    assert "0 to 2" in one_line_of(error)


def test_round_to_symbols_takes_zero_where_it_costs_less_than_one():
    model, price = make_entropy(5, 2), 0.1
    bits = -np.log2(model.tables / model.tables.sum(axis=1, keepdims=True))[:, RADIUS : RADIUS + 2]
    savings = zero_savings(model.tables)
    for value in (-0.95, -0.7, 0.55, 0.8):
        zero, one = value**2 + price * bits[:, 0], (1 - abs(value)) ** 2 + price * bits[:, 1]
        wanted = np.where(zero < one, 0, np.sign(value))
        np.testing.assert_array_equal(round_to_symbols(np.full(CLASSES, value), savings, price), wanted)


def test_round_to_symbols_without_a_price_takes_the_nearest():
    values = np.random.default_rng(0).normal(0, 40, 500)
    expected = np.clip(np.round(values), -RADIUS, RADIUS)
    np.testing.assert_array_equal(round_to_symbols(values, np.ones(500), 0.0), expected)


def test_quantise_with_prices_takes_smaller_symbols():
    model, values = make_entropy(5, 2), to_fixed(np.random.default_rng(0).normal(size=(200, 5)))
    plain, _, _ = quantise(Predictor(model, 1), values)
    smaller, _, decoded = quantise(Predictor(model, 1), values, prices=np.full(200, 0.5))
    assert np.abs(smaller).sum() < 0.95 * np.abs(plain).sum()
    assert np.abs(decoded - values).max() < 1.5 * model.steps[1].max()
