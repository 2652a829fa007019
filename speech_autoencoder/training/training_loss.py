"""The loss of training: `losses.LogMelDistance` of batches, computed by Keras' backend."""

from typing import Any

import numpy as np
from keras import ops

from speech_autoencoder.model.losses import (
    HIGHEST,
    LEAST_NORM_OVER_BANDS,
    LEAST_NORM_OVER_TIME,
    LOG_SCALE,
    POWER_EPSILON,
    LogMelDistance,
)

Tensor = Any


class TrainingLoss(LogMelDistance):
    """The distance of batches of normalised log-mel, as tensors with gradients."""

    def __call__(self, reference: Tensor, estimate: Tensor, mask: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and the mean square error of a batch.

        Parameters
        ----------
        reference, estimate : Tensor
            Normalised log-mel (n, n_mels, n_frames, 1).
        mask : Tensor
            (n, 1, n_frames, 1), 1 where a frame counts, 0 elsewhere.
        level : Tensor
            (n, 1, n_frames, 1), the `level` of each frame's recording.

        Returns
        -------
        tuple[Tensor, Tensor]
            Two scalars: means over the frames that count.
        """
        count = (ops.sum(mask) + 1e-6) * reference.shape[1]
        squares = ops.sum(ops.square(reference - estimate) * mask) / count
        estimate = ops.minimum(estimate, HIGHEST)
        rate = self.config.exponent * self.to_log_magnitude
        compressed = ops.square(ops.exp(rate * (reference - level)) - ops.exp(rate * (estimate - level)))
        loss = ops.sum(compressed * mask) / count + self.config.log_weight * LOG_SCALE * squares
        over_time, over_bands = self._envelope_correlations(reference, estimate, mask, level)
        loss += self.config.envelope_weight * (1 - over_bands)
        if self.band_weight:
            loss += self.band_weight * (1 - over_time)
        return loss, squares

    def _envelope_correlations(
        self, reference: Tensor, estimate: Tensor, mask: Tensor, level: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the mean correlations of third-octave envelopes: normalised over time, and also over bands.

        A segment counts by the share of its frames that count: padding is not sound that the estimate missed.
        """
        length = min(self.envelope_frames, reference.shape[2])

        def normalised(frames: Tensor) -> list[Tensor]:
            magnitude = ops.exp(self.to_log_magnitude * (frames - level))[..., 0]
            bands = ops.sqrt(ops.einsum("nmt,bm->ntb", ops.square(magnitude), self.third_octaves) + POWER_EPSILON)
            parts = _segments(bands * mask[:, 0], length, self.envelope_step)
            results = []
            for axis, least in ((2, LEAST_NORM_OVER_TIME), (3, LEAST_NORM_OVER_BANDS)):
                parts -= ops.mean(parts, axis, keepdims=True)
                parts /= ops.sqrt(ops.sum(ops.square(parts), axis, keepdims=True) + least**2)
                results.append(parts)
            return results

        counts = ops.mean(_segments(mask[:, 0, :, 0], length, self.envelope_step), axis=2)

        def mean(one: Tensor, other: Tensor, size: int) -> Tensor:
            correlation = ops.sum(one * other, (2, 3)) / size
            return ops.sum(correlation * counts) / (ops.sum(counts) + 1e-6)

        sizes = len(self.third_octaves), length
        over_time, over_bands = map(mean, normalised(reference), normalised(estimate), sizes)
        return over_time, over_bands


def _segments(values: Tensor, length: int, step: int) -> Tensor:
    """Return overlapping segments (n, n_segments, length, ...) of values (n, n_frames, ...)."""
    starts = np.arange(0, values.shape[1] - length + 1, step)
    return ops.take(values, starts[:, None] + np.arange(length), axis=1)
