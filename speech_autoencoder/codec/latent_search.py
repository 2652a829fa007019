"""The latent search: the encoder's latent, improved by comparing what the decoder makes of it with the recording."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from speech_autoencoder.audio.between import (
    beyond_interpolation,
    in_time_order,
    interpolate,
    log_mel_stream,
    with_between,
)
from speech_autoencoder.config import FeatureConfig, LatentSearchConfig
from speech_autoencoder.model.layers import Output
from speech_autoencoder.model.losses import ENVELOPE_STEP, FINER_ENVELOPE_STEP, HIGHEST, LogMelDistance, SearchLoss
from speech_autoencoder.model.model_file import TrainedModel

# Averages of the gradient and of its square: short memories, as there are few steps (docs/experiments.md).
_MOMENTUM = 0.8
_SECOND_MOMENTUM = 0.8
# Levels are compared over some seconds. Speech keeps its own within the tolerance (natural logarithm of power, 1.3 dB).
_LEVEL_S = 2.0
_LEVEL_TOLERANCE = 0.3
# Of the mean power, below which a level hardly counts.
_QUIET = 0.01
# Added to the root of the average square before dividing by it.
_EPSILON = 1e-12


class Encoder:
    """Analysis by synthesis: starts at the encoder's latent, and searches for one whose decoded frames are closer.

    Speech codecs have chosen their codes by comparing what the decoder makes of them since CELP (Schroeder and Atal,
    1985). Here the search is gradient descent (Adam with Nesterov's momentum; Dozat, 2016) on a loss like that of
    training. It corrects what an encoder cannot learn in a few minutes, most of all for unknown voices. With 0 steps,
    the latent is the encoder's.

    Where the features lack the frames between (`audio.between`), those of the recording are compared too, if they are
    there; a network that takes them is given them.
    """

    def __init__(self, model: TrainedModel, config: LatentSearchConfig) -> None:
        self.model = model
        self.config = config
        loss = replace(model.loss, envelope_weight=config.envelope_weight)
        lacks_between = model.features.lacks_between
        self._features = model.features.finer if lacks_between else model.features
        step = FINER_ENVELOPE_STEP if lacks_between else ENVELOPE_STEP
        self._distance = LogMelDistance(self._features, loss, band_weight=config.band_weight, envelope_step=step)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Return the latent (n_latents, latent_size), float32, of normalised log-mel.

        It is (n_mels, n_frames), or (2 * n_mels, n_frames) with the frames between.
        """
        start = self.model.network.encode(self._input(frames))
        if not self.config.steps or not frames.any():
            return start
        return self._search(frames, start)

    def log_mel_stream(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the log-mel, for `__call__`, of a waveform that arrives in blocks at the rate of the features.

        It has the frames between if they are of use.
        """
        features = self.model.features
        is_used = self.model.config.between > 0 or self.config.steps > 0
        return log_mel_stream(blocks, features, between=features.lacks_between and is_used)

    def loss_of(self, frames: np.ndarray) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        """Return the search's loss for normalised log-mel, as `__call__` takes it: a function of a latent.

        It takes the latent of all frames (n_latents, latent_size), and returns the loss and its gradient.
        """
        missing = -frames.shape[1] % self.model.config.frames_per_latent
        if self.model.features.lacks_between:
            frames, missing = in_time_order(with_between(frames, self.model.features), self.model.features), 2 * missing
        # Silence around the recording, so that the envelope segments that contain only a part of it count too.
        margin = self._distance.envelope_frames // 2
        around = (margin, margin + missing)
        mask = np.pad(np.ones(frames.shape[1], np.float32), around)
        padded = np.pad(frames.T.astype(np.float32), (around, (0, 0)))
        search_loss = SearchLoss(self._distance, padded, mask, self._distance.level(frames))
        level_loss = _LevelLoss(frames.T, self._features, self.config.level_weight)

        def loss_of_latent(latent: np.ndarray) -> tuple[float, np.ndarray]:
            estimate, vjp = self._decode(latent)
            loss, gradient = search_loss(np.pad(estimate, ((margin, margin), (0, 0))))
            level_part, level_gradient = level_loss(estimate)
            return loss + level_part, vjp(gradient[margin:-margin] + level_gradient)

        return loss_of_latent

    def _input(self, frames: np.ndarray) -> np.ndarray:
        """Return what the network's encoder takes: of frames between, how they differ from interpolated ones."""
        n_mels = self.model.config.n_mels
        if not self.model.config.between or len(frames) == n_mels:
            return frames[:n_mels]
        return beyond_interpolation(frames, self.model.features)

    def _decode(self, latent: np.ndarray) -> Output:
        """Return the frames (n, n_mels) of a latent in time order, those between included, and the VJP."""
        frames, vjp = self.model.network.decode_with_vjp(latent)
        if not self.model.features.lacks_between:
            return frames, vjp
        n_mels = self.model.config.n_mels
        if self.model.config.between:
            return frames.reshape(-1, n_mels), lambda gradient: vjp(gradient.reshape(frames.shape))
        between, between_vjp = interpolate(frames, self.model.features)

        def finer_vjp(gradient: np.ndarray) -> np.ndarray:
            gradient = gradient.reshape(-1, 2, n_mels)
            return vjp(gradient[:, 0] + between_vjp(gradient[:, 1]))

        return np.stack([frames, between], axis=1).reshape(-1, n_mels), finer_vjp

    @np.errstate(all="ignore")
    def _search(self, frames: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Return the best latent that gradient descent meets."""
        loss_of_latent = self.loss_of(frames)
        scale = start.std() + 1e-6
        move, mean, square = np.zeros((3, *start.shape), np.float32)
        best, least = move, math.inf
        for step in range(self.config.steps):
            loss, gradient = loss_of_latent(start + scale * move)
            gradient = scale * gradient
            # Adam's steps are as long where there is nothing to gain, so the start may be the best.
            if loss < least:
                best, least = move, loss
            mean += (1 - _MOMENTUM) * (gradient - mean)
            square += (1 - _SECOND_MOMENTUM) * (np.square(gradient) - square)
            # Both averages began at zero.
            ahead = (_MOMENTUM * mean + (1 - _MOMENTUM) * gradient) / (1 - _MOMENTUM ** (step + 1))
            spread = np.sqrt(square / (1 - _SECOND_MOMENTUM ** (step + 1)))
            move = move - self.config.rate * (1 - step / self.config.steps) * ahead / (spread + _EPSILON)
        return start + scale * best


class _LevelLoss:
    """How far the power of an estimate is from that of the log-mel (n_frames, n_mels), with the gradient.

    What a latent cannot hold, such as a high tone for a model of speech, would otherwise lose most of its level: the
    closest log-mel that can be decoded is a quiet one.
    """

    def __init__(self, frames: np.ndarray, features: FeatureConfig, weight: float) -> None:
        self._rate = features.range_db * math.log(10) / 10
        self._block = round(_LEVEL_S * features.frame_rate)
        wanted = self._sum(np.exp(self._rate * (frames.astype(np.float32) - 1)))
        self._quiet = _QUIET * wanted.mean()
        self._wanted, self._weight = wanted + self._quiet, weight / len(wanted)
        self._n_frames = len(frames)

    def __call__(self, estimate: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss of an estimate, which may be longer, and its gradient of the same shape."""
        power = np.exp(self._rate * (np.minimum(estimate, HIGHEST) - 1))
        power[self._n_frames :] = 0
        total = self._sum(power[: self._n_frames]) + self._quiet
        difference = np.log(total / self._wanted)
        excess = difference - np.clip(difference, -_LEVEL_TOLERANCE, _LEVEL_TOLERANCE)
        slope = np.repeat(2 * self._weight * self._rate * excess / total, self._block)[: len(estimate), None]
        gradient = power * (estimate <= HIGHEST)
        gradient[: len(slope)] *= slope
        return float(self._weight * np.square(excess).sum()), gradient

    def _sum(self, power: np.ndarray) -> np.ndarray:
        """Return the power of each block of frames (n_frames, n_mels)."""
        return np.add.reduceat(power.sum(axis=1), np.arange(0, len(power), self._block))
