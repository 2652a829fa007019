"""Finding the latent of a sound: the encoder's guess, made better by looking at what the decoder makes of it."""

import math
from dataclasses import replace

import numpy as np

from speech_autoencoder.config import LatentSearchConfig
from speech_autoencoder.model.losses import LogMelDistance, SearchLoss
from speech_autoencoder.model.model_file import TrainedModel

# Of Adam's averages: short memories, as there are few rounds.
_MOMENTUM, _SECOND_MOMENTUM = 0.9, 0.99


class Encoder:
    """Analysis by synthesis: of all latents near the encoder's, one whose sound is nearer to what is encoded.

    Speech codecs have chosen their codes by listening to the decoder since CELP (Schroeder and Atal, 1985); here the
    search is gradient descent (Adam; Kingma and Ba, 2015) on a loss like that of training. It mends what an encoder
    cannot have learned in some minutes, most of all for voices that it has never heard.
    """

    def __init__(self, model: TrainedModel, config: LatentSearchConfig):
        self.model, self.config = model, config
        loss = replace(model.loss, envelope_weight=config.envelope_weight)
        self._loss = LogMelDistance(model.features, loss, band_weight=config.band_weight)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Normalised log-mel (n_mels, n_frames) of any length -> its latent (n_latents, latent_size), float32."""
        guess = self.model.network.encode(frames)
        if not self.config.steps or not frames.any():
            return guess
        return self._search(frames, guess)

    @np.errstate(all="ignore")
    def _search(self, frames, guess):
        """The best of the latents that gradient descent meets, from the guess on."""
        # Silence around a recording, in which envelopes begin and end: segments that hold a part of it count too.
        margin, missing = self._loss.envelope_frames // 2, -frames.shape[1] % self.model.config.frames_per_latent
        around = (margin, margin + missing)
        mask = np.pad(np.ones(frames.shape[1], np.float32), around)
        padded = np.pad(frames.T.astype(np.float32), (around, (0, 0)))
        target = SearchLoss(self._loss, padded, mask, self._loss.level(frames))

        scale = guess.std() + 1e-6
        move, mean, square = np.zeros((3, *guess.shape), np.float32)
        best, least = move, math.inf
        for number in range(self.config.steps):
            made, vjp = self.model.network.decode_with_vjp(guess + scale * move)
            loss, gradient = target(np.pad(made, ((margin, margin), (0, 0))))
            gradient = scale * vjp(gradient[margin:-margin])
            # Adam's steps are as long where there is nothing to gain: the guess itself may be the best.
            if loss < least:
                best, least = move, loss
            mean += (1 - _MOMENTUM) * (gradient - mean)
            square += (1 - _SECOND_MOMENTUM) * (np.square(gradient) - square)
            rate = self.config.rate * 0.5 * (1 + math.cos(math.pi * number / self.config.steps))
            spread = np.sqrt(square / (1 - _SECOND_MOMENTUM ** (number + 1)))
            move = move - rate / (1 - _MOMENTUM ** (number + 1)) * mean / (spread + 1e-12)
        return guess + scale * best
