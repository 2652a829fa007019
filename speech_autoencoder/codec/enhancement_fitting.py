"""Fit the enhancement layer of a codec to training recordings, once the network and its entropy model are trained."""

import math
from collections.abc import Callable

import numpy as np

from speech_autoencoder.codec.block_encoder import BlockEncoder
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.range_coder import LatentCoder
from speech_autoencoder.config import CODEC_SEARCH
from speech_autoencoder.model.enhancement import (
    FARTHEST_LOG_STEP,
    KERNEL_BITS,
    LOG_BITS,
    MOST_QUALITIES,
    Enhancement,
    Weighting,
)
from speech_autoencoder.model.entropy_model import (
    CLASSES,
    FRACTION_BITS,
    N_SYMBOLS,
    RADIUS,
    logistic_tables,
    refit_tables,
    symbol_bits,
)
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.network import Network
from speech_autoencoder.model.quantisation import count_by_class, to_fixed, to_floats

# The bitrate of the latents beneath, of the highest one that they are trained for. Beyond, they gained less than the
# enhancement layer does (docs/experiments.md).
_BASE_SHARE = 0.5
# The bitrates of the coarsest and of the finest step of the layer, of the same highest one; and how many steps.
_SHARES = (0.05, 1.4)
_N_STEPS = 96
# The tables are fitted on each of so many steps.
_FITTED_EVERY = 12
# The bitrate at a step is measured on one of so many latents.
_MEASURED_EVERY = 4
# The mean magnitude of a logistic distribution of scale 1.
_LOGISTIC_MAGNITUDE = 2 * math.log(2)
# Rounds of the regression of magnitudes, and the share of the mean variance that is added to each input's.
_ROUNDS = 12
_RIDGE = 1e-2
# Scales are not fitted to less than this share of the largest one.
_LEAST_SCALE = 1e-4


def fit_enhancement(
    model: TrainedModel, recordings: list[np.ndarray], highest_kbits: float
) -> tuple[Enhancement, dict[str, list[float]]]:
    """Return the layer for a codec, and bitrates of the recordings (kbit/s), for the description of the model.

    They are those of the coarsest and the finest step: "kbits" with the layer, "latent_kbits" of latents alone.

    Parameters
    ----------
    model : TrainedModel
        Without such a layer.
    recordings : list[np.ndarray]
        Normalised log-mels (n_mels, n_frames).
    highest_kbits : float
        The highest bitrate that the latents are trained for.
    """
    seconds = sum(frames.shape[1] for frames in recordings) / model.features.frame_rate
    entropy, encoder = model.require_entropy("The model"), BlockEncoder(Encoder(model, CODEC_SEARCH))
    coder, fixed = LatentCoder(entropy), [to_fixed(model.network.encode(frames)) for frames in recordings]

    def kbits(quality: int) -> float:
        return sum(len(coder.encode(values, quality)[0]) for values in fixed) * 8 / 1_000 / seconds

    most = min(entropy.n_qualities, MOST_QUALITIES - _N_STEPS)
    base_quality = _last(most, lambda quality: kbits(quality) <= _BASE_SHARE * highest_kbits)
    before = np.zeros((2, entropy.n_channels), np.int64)
    latents = [
        encoder.at_quality(frames, slice(0, len(values)), before, base_quality)[1]
        for frames, values in zip(recordings, fixed, strict=True)
    ]
    weighting = Weighting(model.features, model.loss, model.config.frames_per_latent)
    values = np.concatenate(
        [_values(model.network, weighting, frames, latent) for frames, latent in zip(recordings, latents, strict=True)]
    )
    basis = np.linalg.eigh(values.T @ values)[1].T[::-1]
    components, known = values @ basis.T, np.concatenate(latents)
    kernel, bias = _fit_scales(np.abs(components), known / 2**FRACTION_BITS)
    kernel = np.round(kernel * 2**KERNEL_BITS).astype(np.int32)
    bias = np.round(bias * 2**LOG_BITS).astype(np.int32)

    def layer(log_steps: np.ndarray, tables: np.ndarray) -> Enhancement:
        steps = np.round(log_steps * 2**LOG_BITS).astype(np.int32)
        quality = np.array([base_quality], np.int32)
        return Enhancement(np.ascontiguousarray(basis, np.float32), kernel, bias, steps, tables, quality)

    def layer_kbits(log_step: float) -> float:
        one = layer(np.array([log_step]), logistic_tables())
        some = slice(None, None, _MEASURED_EVERY)
        symbols, classes = _symbols(components[some], one, known[some], 0)
        bits = symbol_bits(one.tables)[classes, symbols + RADIUS]
        return float(bits.sum(axis=1).mean()) * len(known) / 1_000 / seconds

    ends = [_log_step(layer_kbits, share * highest_kbits, np.abs(components).max()) for share in _SHARES]
    log_steps = np.linspace(ends[0], ends[1], _N_STEPS)
    first, counts = layer(log_steps, logistic_tables()), np.zeros((CLASSES, N_SYMBOLS))
    for number in range(0, _N_STEPS, _FITTED_EVERY):
        counts += count_by_class(*_symbols(components, first, known, number))
    found = layer(log_steps, refit_tables(counts))
    low, high = kbits(0), kbits(base_quality) + layer_kbits(log_steps[-1])
    return found, {"kbits": [low, high], "latent_kbits": [low, kbits(entropy.n_qualities - 1)]}


def _values(network: Network, weighting: Weighting, frames: np.ndarray, latent: np.ndarray) -> np.ndarray:
    """Return the weighted values of a recording, in float64."""
    base = network.decode(to_floats(latent))[:, : frames.shape[1]]
    return weighting.to_values(frames, base, weighting.level(base)).astype(np.float64)


def _fit_scales(magnitudes: np.ndarray, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel (C, K) and the bias (K,) of the logarithms of the scales that magnitudes (n, K) come from.

    A generalised linear model with a logarithmic link (Nelder and Wedderburn, 1972), of a gamma distribution: the
    weights of its least squares are all 1, so that one matrix serves all rounds.
    """
    means = magnitudes.mean(axis=0) / _LOGISTIC_MAGNITUDE
    bias = np.log(np.maximum(means, _LEAST_SCALE * means.max() + 1e-9))
    offset = latents.mean(axis=0)
    centred = latents - offset
    products = centred.T @ centred
    products += (_RIDGE * np.trace(products) / len(products) + 1e-9) * np.eye(len(products))
    kernel = np.zeros((latents.shape[1], magnitudes.shape[1]))
    least = np.exp(bias) * 1e-3
    for _ in range(_ROUNDS):
        excess = (magnitudes / _LOGISTIC_MAGNITUDE + least) / np.exp(bias + centred @ kernel) - 1
        excess = np.clip(excess, -1, 3)
        bias = bias + excess.mean(axis=0)
        kernel += np.linalg.solve(products, centred.T @ (excess - excess.mean(axis=0)))
    return kernel, bias - offset @ kernel


def _symbols(
    components: np.ndarray, layer: Enhancement, known: np.ndarray, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the symbols (n, K) of components, and their classes, at a quality step."""
    symbols = np.clip(np.round(components / layer.step(number)), -RADIUS, RADIUS).astype(np.intp)
    return symbols, layer.classes(layer.scales(known), number)


def _log_step(kbits: Callable[[float], float], target: float, largest: float) -> float:
    """Return the logarithm of the step at which the layer takes the target, by bisection."""
    high = math.log(largest + 1e-9) + 1
    low = high - 14
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if kbits(middle) > target else (low, middle)
    return max(high, -FARTHEST_LOG_STEP)


def _last(count: int, is_true: Callable[[int], bool]) -> int:
    """Return the last of 0 ... count - 1 for which something is true that is true of the first ones, or 0; bisect."""
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_true(middle) else (low, middle)
    return low
