"""The loss of training: `losses.LogMelDistance` of batches, computed by TensorFlow."""

from typing import Any

import tensorflow as tf

from speech_autoencoder.model.losses import (
    ENVELOPE_STEP,
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
        count = (tf.reduce_sum(mask) + 1e-6) * tf.cast(tf.shape(reference)[1], tf.float32)
        squares = tf.reduce_sum(tf.square(reference - estimate) * mask) / count
        estimate = tf.minimum(estimate, HIGHEST)
        rate = self.config.exponent * self.to_log_magnitude
        compressed = tf.square(tf.exp(rate * (reference - level)) - tf.exp(rate * (estimate - level)))
        loss = tf.reduce_sum(compressed * mask) / count + self.config.log_weight * LOG_SCALE * squares
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
        length = tf.minimum(self.envelope_frames, tf.shape(reference)[2])

        def segments(frames: Tensor) -> list[Tensor]:
            magnitude = tf.exp(self.to_log_magnitude * (frames - level))[..., 0]
            bands = tf.sqrt(tf.einsum("nmt,bm->ntb", tf.square(magnitude), self.third_octaves) + POWER_EPSILON)
            parts = tf.signal.frame(bands * mask[:, 0], length, ENVELOPE_STEP, axis=1)
            normalised = []
            for axis, least in ((2, LEAST_NORM_OVER_TIME), (3, LEAST_NORM_OVER_BANDS)):
                parts -= tf.reduce_mean(parts, axis, keepdims=True)
                parts /= tf.sqrt(tf.reduce_sum(tf.square(parts), axis, keepdims=True) + least**2)
                normalised.append(parts)
            return normalised

        counts = tf.reduce_mean(tf.signal.frame(mask[:, 0, :, 0], length, ENVELOPE_STEP, axis=1), axis=2)

        def mean(one: Tensor, other: Tensor, size: Tensor) -> Tensor:
            correlation = tf.reduce_sum(one * other, [2, 3]) / tf.cast(size, tf.float32)
            return tf.reduce_sum(correlation * counts) / (tf.reduce_sum(counts) + 1e-6)

        sizes = len(self.third_octaves), length
        over_time, over_bands = map(mean, segments(reference), segments(estimate), sizes)
        return over_time, over_bands
