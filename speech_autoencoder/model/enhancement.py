"""The enhancement layer of a codec: what is left out by the finest latents that are worth their bits.

A latent has room for what the network found worth learning; coded ever finer, it adds bits and no sound. As in scalable
audio coders, the rest is coded by a transform on top (`Enhancement`): the difference of the log-mel and of what the
latents decode to, the base layer, is weighted by how loud the base layer is, as errors are the more audible there, and
goes into its principal components. How large these will be is predicted from the latents, in integers, as in
`entropy_model`.
"""

from dataclasses import dataclass

import numpy as np

from speech_autoencoder.config import FeatureConfig, LossConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model.entropy_model import CLASSES, FRACTION_BITS, LOWEST, N_SYMBOLS, SPACING, are_frequencies
from speech_autoencoder.model.losses import LogMelDistance
from speech_autoencoder.model.pca import to_blocks

# Fixed point: the fraction bits of the kernel, and of biases and steps.
KERNEL_BITS = 12
LOG_BITS = FRACTION_BITS + KERNEL_BITS
# A quality step is a byte in a file.
MOST_QUALITIES = 256
# Logarithms of steps lie within these.
FARTHEST_LOG_STEP = 16
# How much longer than 1 an entry of an orthonormal basis may seem.
_ROUNDING = 1e-3
# The least weight, that of sound at the recording's level being 1: with less, the error of a step becomes noise where a
# band is silent beside loud ones, which wideband PESQ hears (docs/experiments.md).
LEAST_WEIGHT = 0.1


@dataclass(frozen=True, eq=False)
class Enhancement:
    """The components of an enhancement layer, and what their sizes are predicted from.

    Attributes
    ----------
    basis : np.ndarray
        (K, n_values) float32, orthonormal rows; n_values are the n_mels of each frame of a latent, frame after frame.
    scale_kernel, scale_bias : np.ndarray
        (C, K) and (K,) int32: the natural logarithm of the scale of each component's logistic distribution, linear in
        the latent of C values in fixed point.
    log_steps : np.ndarray
        (n_steps,) int32, the natural logarithms of the quantisation steps, the coarsest first, in fixed point.
    tables : np.ndarray
        (CLASSES, N_SYMBOLS) int32, the frequencies of symbols, as in an `EntropyModel`.
    base_quality : np.ndarray
        (1,) int32, the quality step of the latents beneath.
    """

    basis: np.ndarray
    scale_kernel: np.ndarray
    scale_bias: np.ndarray
    log_steps: np.ndarray
    tables: np.ndarray
    base_quality: np.ndarray

    def __post_init__(self) -> None:
        if not are_frequencies(self.tables):
            raise InputError("The enhancement layer's tables are not frequencies that sum to one: train again.")
        if not self.n_steps:
            raise InputError("The enhancement layer has no quality steps: train again.")
        is_bounded = np.abs(self.basis).max() <= 1 + _ROUNDING and (
            np.abs(self.log_steps.astype(np.int64)).max() <= FARTHEST_LOG_STEP << LOG_BITS
        )
        if not is_bounded:  # also with values that are not finite
            raise InputError("The enhancement layer's basis or steps are out of bounds: train again.")
        for array in self.arrays().values():
            array.flags.writeable = False

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by their names, in the order of their declaration."""
        return dict(vars(self))

    @property
    def n_base(self) -> int:
        """The count of the model's quality steps without this layer, the coarsest ones; its own follow."""
        return int(self.base_quality[0]) + 1

    @property
    def n_steps(self) -> int:
        """The count of quality steps."""
        return len(self.log_steps)

    def step(self, number: int) -> float:
        """Return the quantisation step of a quality step, 0 the coarsest."""
        return float(np.exp(self.log_steps[number] / 2**LOG_BITS))

    def scales(self, latents: np.ndarray) -> np.ndarray:
        """Return the logarithms (n, K) of the scales of decoded latents' components; all in fixed point, int64."""
        return latents.astype(np.int64) @ self.scale_kernel.astype(np.int64) + self.scale_bias

    def classes(self, scales: np.ndarray, number: int) -> np.ndarray:
        """Return the classes (n, K) of components, of which `scales` has returned the scales, at a quality step."""
        in_steps = scales - self.log_steps[number] - (LOWEST << KERNEL_BITS)
        return np.clip(in_steps // (SPACING << KERNEL_BITS), 0, CLASSES - 1)


def expected_shapes(n_components: int, n_values: int, n_channels: int, n_steps: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array of an Enhancement, by its name."""
    return {
        "basis": (n_components, n_values),
        "scale_kernel": (n_channels, n_components),
        "scale_bias": (n_components,),
        "log_steps": (n_steps,),
        "tables": (CLASSES, N_SYMBOLS),
        "base_quality": (1,),
    }


class Weighting:
    """Weights a difference of log-mels by how audible it is where a decoded log-mel is as loud as it is.

    Part of the format: what files decode to depends on it, and so does the model's fingerprint.

    Parameters
    ----------
    features, loss : FeatureConfig, LossConfig
        Those of the model; what is audible is told by the loss.
    frames_per_latent : int
        The frames of a block.
    """

    def __init__(self, features: FeatureConfig, loss: LossConfig, frames_per_latent: int) -> None:
        self._distance = LogMelDistance(features, loss)
        self._rate = loss.exponent * self._distance.to_log_magnitude
        self._per_latent = frames_per_latent

    def level(self, base: np.ndarray) -> float:
        """Return the level of decoded frames (n_mels, n_frames), see `LogMelDistance.level`."""
        return self._distance.level(base)

    def to_values(self, frames: np.ndarray, base: np.ndarray, level: float) -> np.ndarray:
        """Return what frames (n_mels, n_frames) have beyond the base, weighted, in blocks (n, n_values)."""
        return to_blocks((frames - base) * self._weights(base, level), self._per_latent)

    def to_frames(self, values: np.ndarray, base: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Return the base (n_mels, n_frames) with weighted values (n, n_values) on top, within [0, 1].

        The level of each frame is given.
        """
        added = values.reshape(-1, len(base))[: base.shape[1]].T
        return np.clip(base + added / self._weights(base, level), 0, 1).astype(np.float32)

    def _weights(self, base: np.ndarray, level: float | np.ndarray) -> np.ndarray:
        return np.maximum(np.exp(self._rate * (base - level)), LEAST_WEIGHT)
