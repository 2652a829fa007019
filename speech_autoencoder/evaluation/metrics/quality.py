"""Perceived quality: PESQ and ViSQOL, which compare with the reference, and DNSMOS, which does not.

They are optional packages of native code, which runs in child processes: if it crashes, a score is missing.
"""

from functools import cache
from importlib.util import find_spec
from typing import Any

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
_VISQOL_SR = 16_000
_VISQOL_PART_S = 15
_WORST_VISQOL = 1.0
_DNSMOS_SR = 16_000
_DNSMOS_PART_S = 60
_DNSMOS_MOST = 2  # at the same time: each takes 500 MB, and uses all processors
# Time limits of one part; it takes a few seconds at most, the first one longer, as the package is loaded.
_PESQ_LIMIT_S = 60
_VISQOL_LIMIT_S = 300
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


def visqol(reference: np.ndarray, estimate: np.ndarray, sr: int) -> float:
    """Return the quality of speech by ViSQOL v3 (Chinen and others, 2020), as MOS-LQO.

    It compares spectrograms of 21 bands up to 8 kHz, patch by patch, so that it forgives new phases and small delays;
    a lattice network maps their similarity to a listener's rating. It needs the extra `visqol`. Sound of more than 15 s
    is measured in equal parts, whose mean is returned.

    Parameters
    ----------
    reference, estimate
        Waveforms (n_samples,) of the same length that begin together.
    sr
        Their sample rate in Hz.

    Returns
    -------
    float
        1 to 5; 1 for a silent estimate; NaN for a silent reference.

    Raises
    ------
    InputError
        If the lengths differ.
    CallFailed
        If the package fails.
    """
    require_same_shape(reference, estimate)
    sounds = (soxr.resample(x, sr, _VISQOL_SR) for x in (reference, estimate))
    parts = zip(*(split(x, _VISQOL_PART_S * _VISQOL_SR) for x in sounds), strict=True)
    return mean_of_parts([_visqol_of_part(one, other) for one, other in parts])


def _visqol_of_part(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Return the ViSQOL of a short part at _VISQOL_SR."""
    if not np.any(reference):
        return float("nan")
    if not np.any(estimate):
        return _WORST_VISQOL
    return isolation.call(_run_visqol, reference, estimate, name="visqol", limit_s=_VISQOL_LIMIT_S)


def _run_visqol(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Return what the package says; in a child process."""
    both = (np.asarray(waveform, np.float64) for waveform in (reference, estimate))
    return float(_open_visqol().measure_from_arrays(*both, _VISQOL_SR).moslqo)


@cache
def _open_visqol() -> Any:
    """Return what the package measures speech with; in a child process."""
    from visqol import VisqolApi  # optional

    api = VisqolApi()
    api.create(mode="speech", use_lattice_model=True)
    return api


def has_visqol() -> bool:
    """Return whether the packages of the extra `visqol` are installed."""
    return all(find_spec(name) is not None for name in ("visqol", "ai_edge_litert"))


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


def _measure_visqol(pair: SoundPair) -> Measurement:
    return attempt(visqol, pair.reference.waveform, pair.levelled, pair.sr)


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
VISQOL = Metric(
    key="visqol",
    heading="ViSQOL",
    format_spec=".2f",
    higher_is_better=True,
    pair=SoundPair,
    measured_on="segments",
    measure=_measure_visqol,
    of_each_recording=False,
    averaged_over="segments",
    missing="silent",
    is_installed=has_visqol,
    extra="visqol",
    install_note=f"ViSQOL is not installed: {install_command('visqol')} adds it (it needs a compiler).",
    measures="ViSQOL v3 in its speech mode at 16 kHz, with its lattice network, 1 to 5; more than 15 s in equal parts.",
    cannot_tell="Pitch, and whatever changes no band by much; it was fitted to telephone and Internet calls.",
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
    of_originals=True,
    averaged_over="segments",
    missing="silent",
    is_installed=has_dnsmos,
    extra="dnsmos",
    install_note=f"DNSMOS is not installed: {install_command('speechmos')} adds it.",
    measures="The overall quality that a network predicts, DNSMOS P.835, 1 to 5; more than 60 s in equal parts.",
    cannot_tell="It has no reference, so it cannot notice another word or another voice; it was trained on noise "
    "suppression in English.",
)
