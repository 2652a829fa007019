"""Intelligibility, measured on envelopes: STOI and ESTOI."""

import warnings
from collections.abc import Callable

import numpy as np

from speech_autoencoder.evaluation.metrics.metric import (
    Measurement,
    Metric,
    SoundPair,
    mean_of_parts,
    require_same_shape,
    split,
    unweighted,
)

LEAST_S = 0.4  # STOI needs 30 frames that are not silent
_TOO_SHORT = 1e-5  # pystoi's answer when too little is left after it drops silence
_PART_S = 60  # pystoi takes 2 MB for each second
_QUIET = 0.01  # pystoi drops frames more than 40 dB below the loudest one
_DECIMALS = 9  # pystoi's ESTOI adds noise of 1e-16, which would make two runs differ


def stoi(reference: np.ndarray, estimate: np.ndarray, sr: int, *, extended: bool = False) -> float:
    """Return the short-time objective intelligibility (STOI), or the extended one (ESTOI).

    STOI correlates the envelopes of third-octave bands over 0.4 s (Taal, Hendriks, Heusdens and Jensen, 2011). ESTOI
    correlates spectrograms of 0.4 s, which makes it stricter about modulations (Jensen and Taal, 2016). Neither
    measures pitch, the voice or how pleasant it sounds, and both say little about sounds other than speech. Sound of
    more than 60 s is measured in equal parts, whose mean is returned, without parts more than 40 dB below the loudest.

    Parameters
    ----------
    reference, estimate
        Waveforms (n_samples,) of the same length that begin together.
    sr
        Their sample rate in Hz.
    extended
        Return ESTOI.

    Returns
    -------
    float
        At most 1; NaN where less than 0.4 s of the reference is not silent.

    Raises
    ------
    InputError
        If the lengths differ.
    """
    require_same_shape(reference, estimate)
    if not np.any(reference) or len(reference) < LEAST_S * sr:
        return float("nan")
    parts = [split(waveform, _PART_S * sr) for waveform in (reference, estimate)]
    if len(parts[0]) > 1:
        least = _QUIET * np.abs(reference).max()
        loud = [(ours, theirs) for ours, theirs in zip(*parts, strict=True) if np.abs(ours).max() >= least]
        return mean_of_parts([stoi(ours, theirs, sr, extended=extended) for ours, theirs in loud])
    value = float(_pystoi()(reference, estimate, sr, extended=extended))
    return float("nan") if value == _TOO_SHORT else round(value, _DECIMALS)


def _pystoi() -> Callable[..., float]:
    """Return pystoi's function, with its warnings turned off.

    This is done once in a run: the warning filters are shared by all threads, and changing them around each call would
    need a lock. A notebook has its own filters back after a run.
    """
    from pystoi import stoi as measure  # loads scipy.signal: only where something is scored

    if not any("pystoi" in str(module) for *_, module, _ in warnings.filters):
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="pystoi")
    return measure


def _measure_stoi(pair: SoundPair) -> Measurement:
    return unweighted(stoi(pair.reference.waveform, pair.levelled, pair.sr))


def _measure_estoi(pair: SoundPair) -> Measurement:
    return unweighted(stoi(pair.reference.waveform, pair.levelled, pair.sr, extended=True))


STOI = Metric(
    key="stoi",
    heading="STOI",
    higher_is_better=True,
    has_bars=True,
    in_figure=True,
    pair=SoundPair,
    measured_on="segments",
    measure=_measure_stoi,
    averaged_over="segments",
    missing="less than 0.4 s of sound",
    measures="Short-time objective intelligibility (Taal and others, 2011; pystoi), at most 1: how similar the "
    "envelopes of third-octave bands are. It needs 0.4 s that are not silent; more than 60 s in equal parts.",
    cannot_tell="Pitch, the voice, how pleasant it sounds; sounds other than speech.",
)
ESTOI = Metric(
    key="estoi",
    heading="ESTOI",
    higher_is_better=True,
    has_bars=True,
    in_figure=True,
    pair=SoundPair,
    measured_on="segments",
    measure=_measure_estoi,
    of_each_recording=False,
    averaged_over="segments",
    missing="less than 0.4 s of sound",
    measures="Extended STOI (Jensen and Taal, 2016; pystoi), at most 1: stricter about envelopes that change.",
    cannot_tell="The same as STOI.",
)
