"""The entropy model, in integers: made from floats, its tables, and how it is checked before it is used."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder.errors import InputError
from speech_autoencoder.model.entropy_model import (
    CLASSES,
    N_SYMBOLS,
    RADIUS,
    TABLE_BITS,
    VALUE_LIMIT,
    WEIGHT_BITS,
    EntropyModel,
    expected_shapes,
    logistic_tables,
    refit_tables,
)
from speech_autoencoder.model.quantisation import Predictor, count_symbols
from tests.helpers.common import make_entropy, one_line_of


def test_from_floats_predicts_as_the_floats_do():
    """Rounding to fixed point changes means a little, and log-scales by less than half a class."""
    floats = make_entropy(6, 2, as_floats=True)
    model = EntropyModel.from_floats(**floats)
    rng = np.random.default_rng(4)
    context = rng.normal(size=18)
    means, classes = Predictor(model, 1)(np.round(context * 256), 1)
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
    tables = logistic_tables()
    assert tables.dtype == np.int32
    assert tables.shape == (CLASSES, N_SYMBOLS)
    assert (tables.sum(axis=1) == 2**TABLE_BITS).all()
    # Of two equal frequencies, one gets what rounding leaves.
    np.testing.assert_allclose(tables, tables[:, ::-1], atol=N_SYMBOLS)
    scale = 0.04 * np.exp((30 + 0.5) / 8)
    wanted = 1 / (1 + np.exp(-2.5 / scale)) - 1 / (1 + np.exp(-1.5 / scale))
    assert tables[30, RADIUS + 2] / 2**TABLE_BITS == pytest.approx(wanted, abs=1e-4)
    # In the finest class 0 is almost certain, in the coarsest no symbol is.
    assert tables[0, RADIUS] > 0.9999 * 2**TABLE_BITS
    assert tables[-1, RADIUS] < 0.01 * 2**TABLE_BITS


def test_refit_tables_without_counts_are_the_logistic_distribution():
    np.testing.assert_array_equal(refit_tables(np.zeros((CLASSES, N_SYMBOLS))), logistic_tables())


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 1e4))
def test_refit_tables_are_always_tables(seed, strength):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 10 ** rng.integers(1, 9), (CLASSES, N_SYMBOLS)) * (rng.random((CLASSES, 1)) < 0.5)
    tables = refit_tables(counts, strength)
    assert (tables.sum(axis=1, dtype=np.int64) == 2**TABLE_BITS).all()
    assert tables.min() >= 1


def test_refit_tables_follow_the_counts():
    counts = np.zeros((CLASSES, N_SYMBOLS))
    counts[10, RADIUS + 5] = 1e6
    tables = refit_tables(counts, strength=10)
    assert tables[10, RADIUS + 5] > 0.999 * 2**TABLE_BITS
    np.testing.assert_array_equal(tables[11], logistic_tables()[11])


@pytest.mark.parametrize("counts", [np.zeros((3, 3)), np.full((CLASSES, N_SYMBOLS), -1.0)])
def test_refit_tables_wrong_counts_are_refused(counts):
    with pytest.raises(InputError):
        refit_tables(counts)


def test_refit_tables_need_fewer_bits():
    """On the latents that they are fitted to, the refitted tables need fewer bits than the logistic distribution."""
    model = make_entropy(6, 2)
    counts = count_symbols(model, np.random.default_rng(0).normal(size=(400, 6)), 1)

    def bits(tables):
        return -(counts * np.log2(tables / 2**TABLE_BITS)).sum()

    assert bits(refit_tables(counts)) < 0.99 * bits(model.tables)


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
    mean, _ = Predictor(model, 0)(context, 0)
    wanted = (VALUE_LIMIT * (2**31 - 1) + (VALUE_LIMIT - 1) * (2**31 - 1) + int(model.mean_bias[0, 0])) >> WEIGHT_BITS
    assert int(mean[0]) == wanted


def test_model_arrays_are_read_only():
    model = make_entropy(6, 2)
    with pytest.raises(ValueError, match="read-only"):
        model.tables[0, 0] = 1


@pytest.mark.parametrize(
    "sizes", [(0, 6, 2, 8), (257, 6, 2, 8), (3, 5_000, 2, 8), (3, 6, 7, 7), (3, 6, 2, 7), (3, 6, 2, 0)]
)
def test_expected_shapes_impossible_sizes_are_refused(sizes):
    with pytest.raises(InputError):
        expected_shapes(*sizes)
