"""Perceived quality: PESQ, which compares with the reference, and DNSMOS, which does not.

Both are optional packages of native code, which runs in child processes: if it crashes, a score is missing.
"""

from importlib.util import find_spec

import numpy as np
import soxr

from speech_autoencoder.evaluation.metrics.metric import (
    Measurement,
    Metric,
    SoundPair,
    attempt,
    mean_of_parts,
    require_same_shape,
    split,
)
from speech_autoencoder.system import isolation
from speech_autoencoder.system.extras import install_command

_PESQ_SR = {"nb": 8_000, "wb": 16_000}  # of narrowband and wideband PESQ
_WORST_PESQ = 1.0
# PESQ writes past the end of its arrays above 50 utterances, which take 0.4 s each at least.
_PESQ_PART_S = 15
_DNSMOS_SR = 16_000
_DNSMOS_PART_S = 60
_DNSMOS_MOST = 2  # at the same time: each takes 500 MB, and uses all processors
# Time limits of one part; it takes a few seconds at most, the first one longer, as the package is loaded.
_PESQ_LIMIT_S = 60
_DNSMOS_LIMIT_S = 300


def pesq(reference: np.ndarray, estimate: np.ndarray, sr: int, mode: str) -> float:
    """Return the perceptual evaluation of speech quality (PESQ, ITU-T P.862), as MOS-LQO.

    It was made for telephone codecs. Where the phases are made anew, as in this project, it ranks systems but does not
    predict listeners' ratings. It needs the extra `metrics`. Sound of more than 15 s is measured in equal parts, whose
    mean is returned: the package fails on long sound.

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
    CallFailed
        If the package fails.
    """
    require_same_shape(reference, estimate)
    if not np.any(reference):
        return float("nan")
    if not np.any(estimate):
        return _WORST_PESQ
    rate = _PESQ_SR[mode]
    parts = zip(*(split(soxr.resample(x, sr, rate), _PESQ_PART_S * rate) for x in (reference, estimate)), strict=True)
    return mean_of_parts([_pesq_of_part(one, other, rate, mode) for one, other in parts])


def _pesq_of_part(reference: np.ndarray, estimate: np.ndarray, sr: int, mode: str) -> float:
    """Return the PESQ of a short part."""
    if not np.any(reference):
        return float("nan")
    if not np.any(estimate):
        return _WORST_PESQ
    return isolation.call(_run_pesq, reference, estimate, sr, mode, name="pesq", limit_s=_PESQ_LIMIT_S)


def _run_pesq(reference: np.ndarray, estimate: np.ndarray, sr: int, mode: str) -> float:
    """Return what the package says; in a child process."""
    from pesq import PesqError  # optional: it compiles when it is installed
    from pesq import pesq as measure

    try:
        return float(measure(sr, reference, estimate, mode))
    except PesqError:
        return float("nan")


def has_pesq() -> bool:
    """Return whether the package of the extra `metrics` is installed."""
    return find_spec("pesq") is not None


def dnsmos(estimate: np.ndarray, sr: int) -> float:
    """Return the overall quality that a network predicts: DNSMOS P.835 (Reddy, Gopal and Cutler, 2022).

    It has no reference, so it cannot tell whether the words or the voice are still the same. It was trained on noise
    suppression in English at 16 kHz, not on codecs, and repeats sound that is shorter than 9 s. It needs the extra
    `dnsmos`. Sound of more than 60 s is measured in equal parts, whose mean is returned.

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

    Raises
    ------
    CallFailed
        If the package fails.
    """
    if not np.any(estimate):
        return float("nan")
    sound = soxr.resample(estimate.astype(np.float32), sr, _DNSMOS_SR)
    parts = split(sound / max(1.0, float(np.abs(sound).max(initial=0))), _DNSMOS_PART_S * _DNSMOS_SR)
    return mean_of_parts([_dnsmos_of_part(part) for part in parts])


def _dnsmos_of_part(sound: np.ndarray) -> float:
    """Return the DNSMOS of a short part at _DNSMOS_SR."""
    if not np.any(sound):
        return float("nan")
    return isolation.call(_run_dnsmos, sound, name="speechmos", limit_s=_DNSMOS_LIMIT_S, most=_DNSMOS_MOST)


def _run_dnsmos(sound: np.ndarray) -> float:
    """Return what the package says; in a child process."""
    from speechmos import dnsmos as measure  # optional, and loads onnxruntime

    return float(measure.run(sound, _DNSMOS_SR)["ovrl_mos"])


def has_dnsmos() -> bool:
    """Return whether the packages of the extra `dnsmos` are installed."""
    return all(find_spec(name) is not None for name in ("speechmos", "onnxruntime", "requests"))


def _measure_pesq_nb(pair: SoundPair) -> Measurement:
    return attempt(pesq, pair.reference.waveform, pair.levelled, pair.sr, "nb")


def _measure_pesq_wb(pair: SoundPair) -> Measurement:
    return attempt(pesq, pair.reference.waveform, pair.levelled, pair.sr, "wb")


def _measure_dnsmos(pair: SoundPair) -> Measurement:
    return attempt(dnsmos, pair.levelled, pair.sr)


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
    install_note=f"PESQ is not installed: {install_command('pesq')} adds it (it needs a compiler; note its licence).",
    measures="Narrowband PESQ (ITU-T P.862) at 8 kHz, at most 4.55; more than 15 s in equal parts.",
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
    measures="The overall quality that a network predicts, DNSMOS P.835, 1 to 5; more than 60 s in equal parts.",
    cannot_tell="It has no reference, so it cannot notice another word or another voice; it was trained on noise "
    "suppression in English.",
)
