"""The rate-distortion search: latents whose bits are worth it, by the least sum of loss and bits times a price."""

import math

import numpy as np

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.model.code_length import CodeLength

# The squared quantisation steps that a bit is worth, where the sound is as loud as where most bits are. Rate and loss
# alone would ask for 0.1 and more, but PESQ falls from 0.06 on: what becomes 0 is missed (docs/experiments.md).
PRICE = 0.025
# The length of a step of descent, in units of the one that would be right if no two values changed the same frames,
# and the share of the step before that is added to it.
_RATE = 0.05
_MOMENTUM = 0.6
# A value moves by at most this much of a quantisation step at once.
_FARTHEST = 0.5
# The least sensitivity, relative to the mean: with less, quiet sound loses more than PESQ forgives.
_LEAST_SENSITIVITY = 0.6


class RateDistortionSearch:
    """Gradient descent on the loss of what will be decoded, plus a price for each bit.

    The loss is taken at the quantised latents, its gradient as if they were not (Bengio and others, 2013), and the
    gradient of the bits is that of `CodeLength`. Training has made the quantisation steps of all channels about equally
    audible, so descent takes them as its unit. How audible they are follows from the gradients at the encoder's latents
    and at the same, quantised; that also gives the price in units of the loss (docs/experiments.md).

    Parameters
    ----------
    encoder : Encoder
        Its model, and the loss and the count of steps of its search.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.code_length = CodeLength(encoder.model.require_entropy("The model"))

    def prices(self, frames: np.ndarray) -> np.ndarray:
        """Return the squared quantisation steps that a bit of each latent is worth, for `quantisation.quantise`.

        The loss grows with the error of compressed magnitudes, so that a step is the more audible the louder the sound
        is; where it is quiet, fewer bits are worth their price.
        """
        return PRICE / self._sensitivities(frames)

    def _sensitivities(self, frames: np.ndarray) -> np.ndarray:
        """Return how audible a step is at each latent of normalised log-mel (n_mels, n_frames), (n_latents,)."""
        model = self._encoder.model
        per_latent = model.config.frames_per_latent
        padded = np.pad(frames, ((0, 0), (0, -frames.shape[1] % per_latent)))
        rate = model.loss.exponent * model.features.range_db * math.log(10) / 20
        loudness = np.exp(rate * (padded - 1)).mean(axis=0).reshape(-1, per_latent).mean(axis=1)
        # Relative to the mean weighted by loudness, which silence does not change.
        return np.maximum(loudness * loudness.sum() / np.square(loudness).sum(), _LEAST_SENSITIVITY)

    @np.errstate(all="ignore")
    def __call__(
        self, frames: np.ndarray, start: np.ndarray, wanted: slice, before: np.ndarray, quality: int
    ) -> np.ndarray:
        """Return better latents (k, C) to be coded at a quality step.

        Parameters
        ----------
        frames : np.ndarray
            Normalised log-mel (n_mels, n_frames).
        start : np.ndarray
            (n, C), the encoder's latents of these frames.
        wanted : slice
            Those that are to be coded; the others are context.
        before : np.ndarray
            (max(2, wanted.start), C), those before, as decoded; zeros where there are none.
        """
        loss_of_latent, after = self._encoder.loss_of(frames), start[wanted.stop :]
        sensitivities = self._sensitivities(frames)[wanted]
        prices, step = PRICE / sensitivities, self.code_length.steps[quality]
        last_two, context = before[-2:], before[len(before) - wanted.start :]

        def loss_at(latents: np.ndarray) -> tuple[float, np.ndarray]:
            loss, gradient = loss_of_latent(np.concatenate([context, latents, after]))
            return loss, gradient[wanted]

        latents = best = start[wanted]
        quantised, bits = self.code_length.quantise(latents, quality, last_two, prices=prices, rounds=2)
        (_, first_gradient), (loss, gradient) = loss_at(latents), loss_at(quantised)
        error = (quantised - latents) / step
        scale = np.vdot(error * step, gradient - first_gradient) / (sensitivities[:, None] * np.square(error)).sum()
        if not 0 < scale < math.inf:
            return latents
        price, pace = PRICE / 2 * scale, _RATE / scale * step / sensitivities[:, None]
        move, least = np.zeros_like(latents), math.inf
        for number in range(self._encoder.config.steps):
            if number:
                quantised, bits = self.code_length.quantise(
                    latents, quality, last_two, prices=prices, context=quantised
                )
                loss, gradient = loss_at(quantised)
            is_best = loss + price * bits < least
            if is_best:
                best, least = latents, loss + price * bits
            _, bits_gradient = self.code_length(latents, quality, last_two)
            change = np.clip(np.nan_to_num(-pace * (gradient + price * bits_gradient)), -_FARTHEST, _FARTHEST)
            change *= 1 - number / self._encoder.config.steps
            # Nesterov's momentum.
            move = _MOMENTUM * move + change
            latents = latents + step * (_MOMENTUM * move + change)
        return latents if is_best else best
