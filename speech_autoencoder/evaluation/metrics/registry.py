"""All metrics, in the order of the tables."""

from collections.abc import Iterable

from speech_autoencoder.evaluation.metrics.cepstral_distortion import CEPSTRAL_DISTORTION
from speech_autoencoder.evaluation.metrics.intelligibility import ESTOI, STOI
from speech_autoencoder.evaluation.metrics.level import LEVEL
from speech_autoencoder.evaluation.metrics.log_mel_error import LOG_MEL_ERROR
from speech_autoencoder.evaluation.metrics.metric import Measurement, Metric, Sound, SoundPair
from speech_autoencoder.evaluation.metrics.pitch import (
    F0_ERROR,
    F0_FRAME_ERROR,
    GROSS_PITCH_ERROR,
    VOICING_ERROR,
)
from speech_autoencoder.evaluation.metrics.quality import DNSMOS, PESQ_NB, PESQ_WB, VISQOL
from speech_autoencoder.evaluation.metrics.recognition import SPEAKERS, WORDS
from speech_autoencoder.evaluation.results import MeasuredOn

_ALL = (
    STOI,
    ESTOI,
    WORDS,
    SPEAKERS,
    PESQ_NB,
    PESQ_WB,
    VISQOL,
    DNSMOS,
    LOG_MEL_ERROR,
    CEPSTRAL_DISTORTION,
    F0_ERROR,
    GROSS_PITCH_ERROR,
    VOICING_ERROR,
    F0_FRAME_ERROR,
    LEVEL,
)
METRICS: dict[str, Metric] = {metric.key: metric for metric in _ALL}


def available(pair: type, measured_on: MeasuredOn, sr: int) -> list[Metric]:
    """Return the installed metrics of such pairs, on segments or recordings, that take sound at `sr` Hz."""
    return [
        metric
        for metric in METRICS.values()
        if metric.pair is pair and metric.measured_on == measured_on and metric.least_sr <= sr and metric.is_installed()
    ]


def measure_sound(reference: Sound, estimate: Sound, keys: Iterable[str]) -> dict[str, Measurement]:
    """Return {key: measurement} of a pair of sounds, for those of the keys whose packages are installed."""
    pair = SoundPair(reference, estimate)
    return {key: METRICS[key].measure(pair) for key in keys if METRICS[key].is_installed()}
