"""The differences of two pitch tracks: the F0 error, gross pitch errors, voicing errors, and the last two together."""

from dataclasses import dataclass

import numpy as np

from speech_autoencoder.evaluation.metrics.metric import Measurement, Metric, SoundPair, require_same_shape
from speech_autoencoder.evaluation.metrics.pitch_tracker import track

_GROSS = 0.2  # an error above this share of F0 is gross (Chu and Alwan, 2009)


@dataclass(frozen=True)
class PitchErrors:
    """How two tracks differ.

    `median_cents` is the median absolute difference over the `n_both` frames that are voiced in both, NaN where there
    are none; `n_gross` of these are gross errors; `n_voicing` frames are voiced in one track alone.
    """

    median_cents: float
    n_both: int
    n_gross: int
    n_voicing: int
    n_frames: int


def compare_tracks(reference: np.ndarray, estimate: np.ndarray) -> PitchErrors:
    """Return how two tracks (n_frames,) in Hz differ, 0 where there is no voice."""
    both = (reference > 0) & (estimate > 0)
    ratios = estimate[both] / reference[both]
    return PitchErrors(
        median_cents=float(np.median(np.abs(1_200 * np.log2(ratios)))) if len(ratios) else float("nan"),
        n_both=len(ratios),
        n_gross=int((np.abs(ratios - 1) > _GROSS).sum()),
        n_voicing=int(((reference > 0) != (estimate > 0)).sum()),
        n_frames=len(both),
    )


def f0_error_cents(reference: np.ndarray, estimate: np.ndarray, sr: int) -> float:
    """Return the median absolute difference of F0 in cents (100 are a semitone) over frames that are voiced in both.

    It hardly depends on frames that are an octave off (`gross_pitch_error`) and ignores those whose voice was lost
    (`voicing_error`). It means little for whispers, choirs and noise.

    Parameters
    ----------
    reference, estimate
        Waveforms (n_samples,) of the same length that begin together.
    sr
        Their sample rate in Hz.

    Returns
    -------
    float
        NaN where no frame is voiced in both.

    Raises
    ------
    InputError
        If the lengths differ.
    """
    return _compare(reference, estimate, sr).median_cents


def gross_pitch_error(reference: np.ndarray, estimate: np.ndarray, sr: int) -> float:
    """Return the share of frames voiced in both whose F0 differs by more than 20 % (GPE; Chu and Alwan, 2009).

    Most of these are octaves; the error may be one of the voice or of the tracker. The parameters and the result are
    those of `f0_error_cents`.
    """
    errors = _compare(reference, estimate, sr)
    return _share(errors.n_gross, errors.n_both)


def voicing_error(reference: np.ndarray, estimate: np.ndarray, sr: int) -> float:
    """Return the share of frames that are voiced in one of the two alone (VDE), 0 to 1.

    Frames of silence count, and agree, so much silence makes it small. It cannot tell a hoarse voice from a lost one.
    The parameters are those of `f0_error_cents`.
    """
    errors = _compare(reference, estimate, sr)
    return _share(errors.n_voicing, errors.n_frames)


def f0_frame_error(reference: np.ndarray, estimate: np.ndarray, sr: int) -> float:
    """Return the share of all frames with a gross pitch error or a voicing error (FFE; Chu and Alwan, 2009).

    The parameters are those of `f0_error_cents`.
    """
    errors = _compare(reference, estimate, sr)
    return _share(errors.n_gross + errors.n_voicing, errors.n_frames)


def _compare(reference: np.ndarray, estimate: np.ndarray, sr: int) -> PitchErrors:
    """Return how the tracks of two waveforms differ."""
    require_same_shape(reference, estimate)
    return compare_tracks(track(reference, sr), track(estimate, sr))


def _share(n: int, total: int) -> float:
    return n / total if total else float("nan")


def _errors_of(pair: SoundPair) -> PitchErrors:
    """Return how the tracks of a pair differ, each of which is computed once."""
    return compare_tracks(pair.reference.pitch_hz, pair.estimate.pitch_hz)


def _measure_f0_error(pair: SoundPair) -> Measurement:
    """Return the median, weighted in the average by the number of frames."""
    errors = _errors_of(pair)
    return Measurement(errors.median_cents, errors.median_cents * errors.n_both, errors.n_both)


def _measure_gross_pitch_error(pair: SoundPair) -> Measurement:
    errors = _errors_of(pair)
    return Measurement(_share(errors.n_gross, errors.n_both), errors.n_gross, errors.n_both)


def _measure_voicing_error(pair: SoundPair) -> Measurement:
    errors = _errors_of(pair)
    return Measurement(_share(errors.n_voicing, errors.n_frames), errors.n_voicing, errors.n_frames)


def _measure_f0_frame_error(pair: SoundPair) -> Measurement:
    errors = _errors_of(pair)
    n_wrong = errors.n_gross + errors.n_voicing
    return Measurement(_share(n_wrong, errors.n_frames), n_wrong, errors.n_frames)


F0_ERROR = Metric(
    key="f0_cents",
    heading="F0 error",
    unit="cents",
    format_spec=".1f",
    pair=SoundPair,
    measured_on="recordings",
    measure=_measure_f0_error,
    averaged_over="frames voiced in both",
    missing="no frame is voiced in both, or not scored as sound",
    measures="The median absolute difference of F0 in a recording, in cents (100 are a semitone), over the frames that "
    "are voiced in both; F0 by autocorrelation (Boersma, 1993), 65 to 500 Hz. Each recording counts as often as it has "
    "such frames.",
    cannot_tell="Octave errors, which `gross_pitch_error` counts, and frames whose voice was lost.",
)
GROSS_PITCH_ERROR = Metric(
    key="gross_pitch_error",
    heading="gross pitch error",
    pair=SoundPair,
    measured_on="recordings",
    measure=_measure_gross_pitch_error,
    averaged_over="frames voiced in both",
    missing="no frame is voiced in both, or not scored as sound",
    measures="The share of the frames voiced in both whose F0 differs by more than 20 % (GPE; Chu and Alwan, 2009).",
    cannot_tell="Whether the voice or the tracker is wrong; most are octaves.",
)
VOICING_ERROR = Metric(
    key="voicing_error",
    heading="voicing error",
    pair=SoundPair,
    measured_on="recordings",
    measure=_measure_voicing_error,
    averaged_over="frames",
    missing="not scored as sound",
    measures="The share of frames that are voiced in one of the two alone (VDE).",
    cannot_tell="A hoarse voice from a lost one; much silence makes it small.",
)
F0_FRAME_ERROR = Metric(
    key="f0_frame_error",
    heading="F0 frame error",
    pair=SoundPair,
    measured_on="recordings",
    measure=_measure_f0_frame_error,
    averaged_over="frames",
    missing="not scored as sound",
    measures="The share of frames with a gross pitch error or a voicing error (FFE; Chu and Alwan, 2009).",
    cannot_tell="The same as these two.",
)
