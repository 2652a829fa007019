"""Scores on held-out batches, which decide which epoch is the best."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from keras import ops

from speech_autoencoder.audio.between import with_between
from speech_autoencoder.training.backends.choice import backend
from speech_autoencoder.training.batches import Batches
from speech_autoencoder.training.history import Score
from speech_autoencoder.training.quantiser import Quantiser
from speech_autoencoder.training.train_step import TrainStep

Tensor = Any


class Validation:
    """The held-out batches, and the scores on them of a network in training."""

    def __init__(self, train_step: TrainStep, batches: Batches) -> None:
        self.train_step = train_step
        self.batches = batches
        quantiser = train_step.quantiser
        score = partial(self._quantised_score, quantiser) if quantiser else self._plain_score
        self._score_batch = backend().compile_score(score, train_step.variables, train_step.config.batch_size)

    def score_averages(self) -> Score:
        """Return the score of the averaged weights; the weights in training stay as they are.

        Raises
        ------
        InputError
            If an averaged weight is not finite, which the loss of the last step need not have shown.
        """
        with self.train_step.averaged():
            return self._score(self._score_batch)

    def score_function(self, reconstruct: Callable[[np.ndarray], np.ndarray]) -> Score:
        """Return the score of a function from what the encoder is given, (n_channels, n_frames), to such frames.

        Frames between that it does not return are interpolated.
        """
        step = self.train_step

        def score_batch(clips: np.ndarray, mask: np.ndarray, level: np.ndarray) -> tuple[Tensor, Tensor]:
            made = [reconstruct(frames) for frames in np.asarray(step.given(clips))[..., 0]]
            if clips.shape[1] > step.n_mels:
                made = [with_between(frames, self.batches.features) for frames in made]
            return step.compare(clips, np.stack(made)[..., None], mask, level)

        return self._score(score_batch)

    def _score(self, score_batch: Callable[..., Any]) -> Score:
        """Return the mean of the scores of all batches, in which every frame weighs the same."""
        totals = np.zeros(2)
        count = 0.0
        for clips, mask, level in self.batches.epoch():
            totals += mask.sum() * np.array([float(value) for value in score_batch(clips, mask, level)])
            count += float(mask.sum())
        loss, squares = totals / max(count, 1)
        return Score(float(loss), self.train_step.range_db * math.sqrt(squares))

    def _plain_score(self, x: Tensor, mask: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and the mean square error of sequences."""
        output = self.train_step.reconstruct(x, training=False)
        return self.train_step.compare(x, ops.clip(output, 0, 1), mask, level)

    def _quantised_score(self, quantiser: Quantiser, x: Tensor, mask: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and the mean square error of sequences, each a mean over some bitrates.

        The loss is what it would be at exactly these bitrates: a loss is about inversely proportional to the square
        root of the bitrate (docs/experiments.md).
        """
        step, results = self.train_step, []
        for latent, bits, position in quantiser.at_validation_positions(step.encode(x, training=False)):
            output = ops.clip(step.decode(latent, training=False), 0, 1)
            loss, squares = step.compare(x, output, mask, level)
            excess = ops.mean(quantiser.bitrate_of(bits, mask) / quantiser.bitrate(position))
            results.append(ops.stack([loss * ops.sqrt(excess), squares]))
        loss, squares = ops.unstack(ops.mean(ops.stack(results), axis=0))
        return loss, squares
