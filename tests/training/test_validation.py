"""Scores on held-out batches: PCA's at the start, blind to padding, and without a trace in the weights."""

import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.training.validation import Score
from tests.helpers.batches import batches_of
from tests.helpers.common import TINY, make_dataset


def test_score_averages_at_start_is_the_error_of_pca(nine, nine_pca, validation):
    total = count = 0
    for clips, mask, _ in batches_of(nine).epoch():
        for clip, row in zip(clips[..., 0], mask[:, 0, :, 0], strict=True):
            total += np.square((nine_pca.reconstruct(clip) - clip)[:, row == 1], dtype=np.float64).sum()
            count += row.sum() * len(clip)
    expected = TINY.range_db * np.sqrt(total / count)
    assert expected > 1
    assert validation.score_averages().error_db == pytest.approx(expected, rel=1e-3)


def test_score_function_of_pca_is_the_score_at_start(nine_pca, validation):
    expected = tuple(validation.score_averages())
    assert tuple(validation.score_function(nine_pca.reconstruct)) == pytest.approx(expected, rel=1e-3)


def test_score_function_of_the_identity_has_no_error(validation):
    assert validation.score_function(lambda frames: frames).error_db == 0


def test_score_averages_padding_counts_for_nothing(validation, monkeypatch):
    data = make_dataset([f"{i}.wav" for i in range(6)], [8, 16, 24, 24, 16, 32])

    def score() -> Score:
        monkeypatch.setattr(validation, "batches", batches_of(data, batch_size=6))
        return validation.score_averages()

    before = score()
    for clip, n_valid in zip(data.clips, data.valid_frames(), strict=True):
        clip[:, n_valid:] = 1
    assert tuple(score()) == pytest.approx(tuple(before), rel=1e-5)


def test_score_averages_leaves_the_weights_as_they_were(nine, validation):
    train_step = validation.train_step
    train_step.take_steps(batches_of(nine).epoch(np.random.default_rng(0)), [1e-2] * 3)
    before = train_step.state()
    validation.score_averages()
    for name, value in train_step.state().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_score_averages_weights_that_are_not_finite_raise(validation, value):
    average = validation.train_step.average[-1]
    average.assign(np.full(average.shape, value))
    with pytest.raises(InputError, match=r"a weight is NaN or infinite\): use a lower --learning-rate"):
        validation.score_averages()
