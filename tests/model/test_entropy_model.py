"""The entropy model computes in integers, the same on every machine, and is checked before it is used."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder.errors import InputError
from speech_autoencoder.model import entropy_model as entropy
from speech_autoencoder.model import quantisation
from speech_autoencoder.model.entropy_model import (
    CLASSES,
    LOWEST,
    RADIUS,
    SPACING,
    VALUE_LIMIT,
    WEIGHT_BITS,
    EntropyModel,
)
from tests.helpers.common import make_entropy, one_line_of

N_SYMBOLS = 2 * RADIUS + 1


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
    found = quantisation.quantise(quantisation.Predictor(model, quality), values, before)
    for ours, wanted in zip(found, by_definition(model, quality, values.tolist(), before.tolist()), strict=True):
        np.testing.assert_array_equal(ours, wanted)


def test_quantise_wild_weights_reach_every_limit():
    """The comparison above covers the limits: its values reach all of them."""
    model = make_entropy(7, 3, seed=5, weights=2_000.0)
    values = np.clip(np.random.default_rng(1).normal(0, 4e7, (40, 7)), -VALUE_LIMIT, VALUE_LIMIT).astype(np.int64)
    symbols, classes, decoded = quantisation.quantise(quantisation.Predictor(model, 0), values)
    assert {symbols.min(), symbols.max()} == {-RADIUS, RADIUS}
    assert {classes.min(), classes.max()} == {0, CLASSES - 1}
    assert {decoded.min(), decoded.max()} == {-VALUE_LIMIT, VALUE_LIMIT}


def test_quantise_is_within_half_a_step():
    model = make_entropy(6, 2, seed=3)
    values = quantisation.to_fixed(np.random.default_rng(0).normal(size=(200, 6)))
    symbols, _, decoded = quantisation.quantise(quantisation.Predictor(model, 2), values)
    assert (np.abs(symbols) < RADIUS).all()
    assert (2 * np.abs(decoded - values) <= model.steps[2]).all()


def test_quantise_in_parts_is_the_whole():
    model = make_entropy(6, 2)
    predictor = quantisation.Predictor(model, 1)
    values = quantisation.to_fixed(np.random.default_rng(0).normal(size=(60, 6)))
    whole = quantisation.quantise(predictor, values)
    first = quantisation.quantise(predictor, values[:31])
    rest = quantisation.quantise(predictor, values[31:], first[2][-2:])
    for one, two, all_of_it in zip(first, rest, whole, strict=True):
        np.testing.assert_array_equal(np.concatenate([one, two]), all_of_it)


def test_predictor_group_ignores_later_channels():
    """A decoder does not know them yet."""
    model = make_entropy(6, 3)
    predictor, rng = quantisation.Predictor(model, 0), np.random.default_rng(0)
    context = rng.integers(-500, 500, 18).astype(np.float64)
    for number, (first, _) in enumerate(predictor.groups):
        other = context.copy()
        other[12 + first :] = 1e6
        for ours, theirs in zip(predictor(context, number), predictor(other, number), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    other = context.copy()
    other[12] += 200
    assert (predictor(context, 1)[0] != predictor(other, 1)[0]).any()


def test_from_floats_predicts_as_the_floats_do():
    """Rounding to fixed point changes means a little, and log-scales by less than half a class."""
    floats = make_entropy(6, 2, as_floats=True)
    model = EntropyModel.from_floats(**floats)
    rng = np.random.default_rng(4)
    context = rng.normal(size=18)
    means, classes = quantisation.Predictor(model, 1)(np.round(context * 256), 1)
    first, units = floats["groups"][1], model.n_hidden
    seen = np.concatenate([context[: 12 + first], np.zeros(6 - first)])
    hidden = np.maximum(seen @ floats["hidden_kernel"][:, units:] + floats["hidden_bias"][1, units:], 0)
    mean = seen @ floats["linear_kernel"] + hidden @ floats["mean_kernel"][units:] + floats["mean_bias"][1]
    log_scale = hidden @ floats["scale_kernel"][units:] + floats["scale_bias"][1]
    np.testing.assert_allclose(means / 256, mean[first:], atol=0.02)
    np.testing.assert_allclose(classes, ((log_scale - np.log(0.04)) / 0.125)[first:] - 0.5, atol=0.6)


def test_from_floats_rounds_steps_to_at_least_one():
    floats = make_entropy(4, 2, as_floats=True)
    floats["steps"] = np.array([[1.0, 0.5, 0.25, 1e-9]])
    for name in ("hidden_bias", "mean_bias", "scale_bias"):
        floats[name] = floats[name][:1]
    np.testing.assert_array_equal(EntropyModel.from_floats(**floats).steps, [[256, 128, 64, 1]])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
@pytest.mark.parametrize("name", ["steps", "hidden_bias", "linear_kernel", "scale_kernel"])
def test_from_floats_too_large_is_refused(name, value):
    floats = make_entropy(4, 2, as_floats=True)
    floats[name] = floats[name].copy()
    floats[name][0, 0] = value
    with pytest.raises(InputError) as error:
        EntropyModel.from_floats(**floats)
    assert name in one_line_of(error)


def test_logistic_tables_are_the_logistic_distribution():
    tables = entropy.logistic_tables()
    assert tables.dtype == np.int32
    assert tables.shape == (CLASSES, N_SYMBOLS)
    assert (tables.sum(axis=1) == 2**entropy.TABLE_BITS).all()
    # Of two equal frequencies, one gets what rounding leaves.
    np.testing.assert_allclose(tables, tables[:, ::-1], atol=N_SYMBOLS)
    scale = 0.04 * np.exp((30 + 0.5) / 8)
    wanted = 1 / (1 + np.exp(-2.5 / scale)) - 1 / (1 + np.exp(-1.5 / scale))
    assert tables[30, RADIUS + 2] / 2**entropy.TABLE_BITS == pytest.approx(wanted, abs=1e-4)
    # In the finest class 0 is almost certain, in the coarsest no symbol is.
    assert tables[0, RADIUS] > 0.9999 * 2**entropy.TABLE_BITS
    assert tables[-1, RADIUS] < 0.01 * 2**entropy.TABLE_BITS


def test_refit_tables_without_counts_are_the_logistic_distribution():
    np.testing.assert_array_equal(entropy.refit_tables(np.zeros((CLASSES, N_SYMBOLS))), entropy.logistic_tables())


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 1e4))
def test_refit_tables_are_always_tables(seed, strength):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 10 ** rng.integers(1, 9), (CLASSES, N_SYMBOLS)) * (rng.random((CLASSES, 1)) < 0.5)
    tables = entropy.refit_tables(counts, strength)
    assert (tables.sum(axis=1, dtype=np.int64) == 2**entropy.TABLE_BITS).all()
    assert tables.min() >= 1


def test_refit_tables_follow_the_counts():
    counts = np.zeros((CLASSES, N_SYMBOLS))
    counts[10, RADIUS + 5] = 1e6
    tables = entropy.refit_tables(counts, strength=10)
    assert tables[10, RADIUS + 5] > 0.999 * 2**entropy.TABLE_BITS
    np.testing.assert_array_equal(tables[11], entropy.logistic_tables()[11])


@pytest.mark.parametrize("counts", [np.zeros((3, 3)), np.full((CLASSES, N_SYMBOLS), -1.0)])
def test_refit_tables_wrong_counts_are_refused(counts):
    with pytest.raises(InputError):
        entropy.refit_tables(counts)


def test_count_symbols_counts_every_symbol():
    model = make_entropy(6, 2)
    latents = np.random.default_rng(0).normal(size=(50, 6))
    counts = quantisation.count_symbols(model, latents, 1)
    symbols, classes, _ = quantisation.quantise(quantisation.Predictor(model, 1), quantisation.to_fixed(latents))
    assert counts.sum() == 300
    assert counts[classes[7, 3], symbols[7, 3] + RADIUS] >= 1
    np.testing.assert_array_equal(counts.sum(axis=0), np.bincount(symbols.ravel() + RADIUS, minlength=N_SYMBOLS))


def test_refit_tables_need_fewer_bits():
    """On the latents that they are fitted to, the refitted tables need fewer bits than the logistic distribution."""
    model = make_entropy(6, 2)
    counts = quantisation.count_symbols(model, np.random.default_rng(0).normal(size=(400, 6)), 1)

    def bits(tables):
        return -(counts * np.log2(tables / 2**entropy.TABLE_BITS)).sum()

    assert bits(entropy.refit_tables(counts)) < 0.99 * bits(model.tables)


def test_to_fixed_to_floats_round_trip():
    latents = np.array([0.0, 1.0, -2.5, 1 / 256, 0.4 / 256, -0.6 / 256, 1e9, -1e9, np.nan], np.float32)
    values = quantisation.to_fixed(latents)
    np.testing.assert_array_equal(values, [0, 256, -640, 1, 0, -1, VALUE_LIMIT, -VALUE_LIMIT, 0])
    floats = quantisation.to_floats(values)
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(quantisation.to_fixed(floats), values)


def spoil(name, change):
    """Return a valid model with the array of this name changed."""
    model = make_entropy(6, 2)
    value = getattr(model, name).copy()
    return replace(model, **{name: change(value)})


def filled(value):
    """Return a change that fills the array's first column."""

    def change(array):
        array[..., 0] = value
        return array

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("steps", filled(0)),
        ("steps", filled(VALUE_LIMIT + 1)),
        ("steps", lambda a: a[0]),
        ("steps", lambda a: a[:0]),
        ("steps", lambda a: a.astype(np.int64)),
        ("steps", lambda a: a.tolist()),
        ("groups", lambda a: a[:1]),
        ("groups", lambda a: a[::-1].copy()),
        ("groups", lambda a: np.array([0, 0, 6], np.int32)),
        ("groups", lambda a: np.array([1, 3, 6], np.int32)),
        ("groups", lambda a: np.array([0, 3, 5], np.int32)),
        ("groups", lambda a: np.array([0, 2, 4, 6], np.int32)),
        ("hidden_kernel", lambda a: a[:, :-1]),
        ("hidden_kernel", lambda a: a[:, :0]),
        ("hidden_kernel", filled(2**31 - 1)),
        ("hidden_kernel", filled(-(2**31))),
        ("hidden_bias", lambda a: a[1:]),
        ("linear_kernel", lambda a: a.T),
        ("linear_kernel", filled(2**31 - 1)),
        ("mean_kernel", filled(-(2**31))),
        ("mean_bias", lambda a: a.astype(np.float32)),
        ("scale_kernel", filled(2**31 - 1)),
        ("scale_bias", lambda a: a[:, :-1]),
        ("tables", filled(0)),
        ("tables", lambda a: a + 1),
        ("tables", lambda a: a[:-1]),
        ("tables", lambda a: a[:, :-1]),
    ],
)
def test_model_wrong_array_is_refused(name, change):
    with pytest.raises(InputError) as error:
        spoil(name, change)
    assert "train again" in one_line_of(error)


def test_model_column_at_the_limit_is_exact():
    """With the largest accepted weights and latents, the sums of products are still exact integers."""
    model = make_entropy(1, 1)
    rows = model.hidden_kernel.shape[0]
    weights = np.array([2**31 - 1, 2**31 - 1, 1], np.int32)[:rows, None]
    model = replace(model, linear_kernel=weights, mean_kernel=np.zeros_like(model.mean_kernel))
    context = np.array([VALUE_LIMIT, VALUE_LIMIT - 1, 0.0])
    mean, _ = quantisation.Predictor(model, 0)(context, 0)
    wanted = (VALUE_LIMIT * (2**31 - 1) + (VALUE_LIMIT - 1) * (2**31 - 1) + int(model.mean_bias[0, 0])) >> WEIGHT_BITS
    assert int(mean[0]) == wanted


def test_model_arrays_are_read_only():
    model = make_entropy(6, 2)
    with pytest.raises(ValueError, match="read-only"):
        model.tables[0, 0] = 1


@pytest.mark.parametrize("quality", [-1, 3])
def test_predictor_unknown_quality_is_refused(quality):
    with pytest.raises(InputError) as error:
        quantisation.Predictor(make_entropy(6, 2), quality)
    assert "0 to 2" in one_line_of(error)


@pytest.mark.parametrize(
    "sizes", [(0, 6, 2, 8), (257, 6, 2, 8), (3, 5_000, 2, 8), (3, 6, 7, 7), (3, 6, 2, 7), (3, 6, 2, 0)]
)
def test_expected_shapes_impossible_sizes_are_refused(sizes):
    with pytest.raises(InputError):
        entropy.expected_shapes(*sizes)
