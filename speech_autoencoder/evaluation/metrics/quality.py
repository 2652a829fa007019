"""Perceived quality: PESQ, which compares with the reference, and DNSMOS, which does not."""

from functools import cache
from importlib.util import find_spec

import numpy as np
import soxr

from speech_autoencoder.evaluation.metrics.metric import Measurement, Metric, SoundPair, require_same_shape, unweighted

_PESQ_SR = {"nb": 8_000, "wb": 16_000}  # of narrowband and wideband PESQ
_WORST_PESQ = 1.0
_DNSMOS_SR = 16_000


def pesq(reference: np.ndarray, estimate: np.ndarray, sr: int, mode: str) -> float:
    """Return the perceptual evaluation of speech quality (PESQ, ITU-T P.862), as MOS-LQO.

    It was made for telephone codecs. Where the phases are made anew, as in this project, it ranks systems but does not
    predict listeners' ratings. It needs the extra `metrics`.

    Parameters
    ----------
    reference, estimate
        Waveforms (n_samples,) of the same length that begin together.
    sr
        Their sample rate in Hz; both are resampled to that of the mode.
    mode
        "nb" (narrowband, 8 kHz) or "wb" (wideband, 16 kHz).

    Returns
    -------
    float
        1 to 4.55 (narrowband) or 4.64 (wideband); 1 for a silent estimate; NaN where no utterance is found in the
        reference.

    Raises
    ------
    InputError
        If the lengths differ.
    """
    from pesq import PesqError  # optional: it compiles when it is installed
    from pesq import pesq as measure

    require_same_shape(reference, estimate)
    if not np.any(reference):
        return float("nan")
    if not np.any(estimate):
        return _WORST_PESQ
    rate = _PESQ_SR[mode]
    try:
        return float(measure(rate, *(soxr.resample(x, sr, rate) for x in (reference, estimate)), mode))
    except PesqError:
        return float("nan")


@cache
def has_pesq() -> bool:
    """Return whether the package of the extra `metrics` is installed."""
    return find_spec("pesq") is not None


def dnsmos(estimate: np.ndarray, sr: int) -> float:
    """Return the overall quality that a network predicts: DNSMOS P.835 (Reddy, Gopal and Cutler, 2022).

    It has no reference, so it cannot tell whether the words or the voice are still the same. It was trained on noise
    suppression in English at 16 kHz, not on codecs, and repeats sound that is shorter than 9 s. It needs the extra
    `dnsmos`.

    Parameters
    ----------
    estimate
        The waveform (n_samples,).
    sr
        Its sample rate in Hz.

    Returns
    -------
    float
        1 to 5; NaN for silence.
    """
    from speechmos import dnsmos as measure  # optional, and loads onnxruntime

    if not np.any(estimate):
        return float("nan")
    sound = soxr.resample(estimate.astype(np.float32), sr, _DNSMOS_SR)
    return float(measure.run(sound / max(1.0, float(np.abs(sound).max())), _DNSMOS_SR)["ovrl_mos"])


@cache
def has_dnsmos() -> bool:
    """Return whether the packages of the extra `dnsmos` are installed and can be imported."""
    try:
        from speechmos import dnsmos  # noqa: F401 (optional, as above)
    except ImportError:
        return False
    return True


def _measure_pesq_nb(pair: SoundPair) -> Measurement:
    return unweighted(pesq(pair.reference.waveform, pair.levelled, pair.sr, "nb"))


def _measure_pesq_wb(pair: SoundPair) -> Measurement:
    return unweighted(pesq(pair.reference.waveform, pair.levelled, pair.sr, "wb"))


def _measure_dnsmos(pair: SoundPair) -> Measurement:
    return unweighted(dnsmos(pair.levelled, pair.sr))


PESQ_NB = Metric(
    key="pesq_nb",
    heading="PESQ-NB",
    format_spec=".2f",
    higher_is_better=True,
    in_figure=True,
    pair=SoundPair,
    measured_on="segments",
    measure=_measure_pesq_nb,
    of_each_recording=False,
    averaged_over="segments",
    missing="no utterance found",
    is_installed=has_pesq,
    extra="metrics",
    install_note="PESQ is not installed: pip install '.[metrics]' adds it (it needs a compiler; note its licence).",
    measures="Narrowband PESQ (ITU-T P.862) at 8 kHz, at most 4.55.",
    cannot_tell="It was made for telephone codecs. Where phases are made anew it ranks systems, but does not predict "
    "listeners' ratings.",
)
PESQ_WB = Metric(
    key="pesq_wb",
    heading="PESQ-WB",
    format_spec=".2f",
    higher_is_better=True,
    in_figure=True,
    pair=SoundPair,
    measured_on="segments",
    measure=_measure_pesq_wb,
    of_each_recording=False,
    averaged_over="segments",
    missing="no utterance found, or below 16 kHz",
    is_installed=has_pesq,
    extra="metrics",
    least_sr=_PESQ_SR["wb"],
    measures="Wideband PESQ at 16 kHz, at most 4.64; of sound of at least 16 kHz.",
    cannot_tell="The same as narrowband PESQ.",
)
DNSMOS = Metric(
    key="dnsmos",
    heading="DNSMOS",
    format_spec=".2f",
    higher_is_better=True,
    pair=SoundPair,
    measured_on="segments",
    measure=_measure_dnsmos,
    of_each_recording=False,
    averaged_over="segments",
    missing="silent",
    is_installed=has_dnsmos,
    extra="dnsmos",
    measures="The overall quality that a network predicts, DNSMOS P.835, 1 to 5.",
    cannot_tell="It has no reference, so it cannot notice another word or another voice; it was trained on noise "
    "suppression in English.",
)
