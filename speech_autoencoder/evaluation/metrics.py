"""Pure functions (reference, estimate) -> number, and pooling that is right for short clips."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from speech_autoencoder.config import FeatureConfig
from speech_autoencoder.errors import InputError

# Clips of one speaker are strung together with short pauses until a string is this long: STOI needs 30 frames
# (0.4 s) that are not silent, PESQ some seconds.
_SEGMENT_S, _SHORTEST_S, _PAUSE_S = 5.0, 0.5, 0.1
# What pystoi answers when too little is left after it drops silence.
_STOI_SENTINEL = 1e-5


@dataclass(frozen=True)
class Segment:
    """Recordings (indices) of one group that are scored together, and their duration in seconds."""

    group: str
    recordings: list[int]
    duration_s: float


def log_mel_error_db(reference: np.ndarray, estimate: np.ndarray, config: FeatureConfig) -> float:
    """The root mean square difference, in dB, of two normalised log-mels of the same shape.

    It cannot tell noise, which no one misses, from speech, and knows nothing of what becomes of it as sound.
    """
    require_same_shape(reference, estimate)
    return float(np.sqrt(np.mean((reference - estimate) ** 2)) * config.range_db)


def level_error_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """How much louder the estimate is than the reference, in dB of their power; NaN where the reference is silent.

    Needs waveforms of one length, at the level that they were made with. It cannot say whether it is speech that is
    louder, or noise.
    """
    require_same_shape(reference, estimate)
    power, reference_power = (float(np.mean(x.astype(np.float64) ** 2)) for x in (estimate, reference))
    if not reference_power:
        return float("nan")
    return 10 * math.log10(power / reference_power) if power else -math.inf


def stoi(reference: np.ndarray, estimate: np.ndarray, sr: int, *, extended: bool = False) -> float:
    """Short-time objective intelligibility, up to 1 (Taal and others, 2011), or ESTOI (Jensen and Taal, 2016).

    Needs waveforms of one length that begin together. NaN where less than 0.4 s is not silent. It cannot judge pitch,
    the voice or how pleasant it is, and says little of what is no speech. Raises InputError when the shapes differ.
    """
    require_same_shape(reference, estimate)
    if not np.any(reference) or len(reference) < 0.4 * sr:
        return float("nan")
    value = float(_pystoi()(reference, estimate, sr, extended=extended))
    # pystoi's ESTOI adds noise of 1e-16, by which no two runs would write the same.
    return float("nan") if value == _STOI_SENTINEL else round(value, 9)


@cache
def _pystoi() -> Callable:
    """What measures it, and says no more than its value. Set once: which warnings are shown is one setting for all
    threads, so that a change around each call would let one thread in at a time.
    """
    from pystoi import stoi as measure

    warnings.filterwarnings("ignore", category=RuntimeWarning, module="pystoi")
    return measure


def intelligibility(reference: np.ndarray, estimate: np.ndarray, sr: int, *, modes: Sequence[str] = ("nb",)) -> dict:
    """`stoi`, `estoi` and, where it is installed, `pesq_nb`, `pesq_wb` (modes), at the reference's level."""
    estimate = match_level(reference, estimate)
    scores = {"stoi": stoi(reference, estimate, sr), "estoi": stoi(reference, estimate, sr, extended=True)}
    return scores | ({f"pesq_{mode}": pesq(reference, estimate, sr, mode) for mode in modes} if has_pesq() else {})


def pesq(reference: np.ndarray, estimate: np.ndarray, sr: int, mode: str) -> float:
    """PESQ (ITU-T P.862, MOS-LQO): mode "nb" at 8 kHz, "wb" at 16 kHz; NaN where it finds no utterance.

    An estimate that is silent where the reference is not gets 1, the least. Made for telephone codecs: of what is
    made anew without the phases, as ours is, it tells which of two is better rather than what people would say.
    Needs the extra `metrics`. Raises InputError when the shapes differ.
    """
    import soxr
    from pesq import PesqError
    from pesq import pesq as measure

    require_same_shape(reference, estimate)
    if not np.any(reference):
        return float("nan")
    if not np.any(estimate):
        return 1.0
    rate = {"nb": 8_000, "wb": 16_000}[mode]
    try:
        return float(measure(rate, *(soxr.resample(x, sr, rate) for x in (reference, estimate)), mode))
    except PesqError:
        return float("nan")


def has_pesq() -> bool:
    """Whether the extra `metrics` is installed."""
    from importlib.util import find_spec

    return find_spec("pesq") is not None


def dnsmos(estimate: np.ndarray, sr: int) -> float:
    """How good a network takes the sound (n_samples,) to be: DNSMOS P.835, overall, 1 to 5; NaN where it is silent.

    Needs the extra `dnsmos`. It hears no reference: it cannot say whether the words, or the voice, are still the same,
    and it was trained on noise suppression in English at 16 kHz, not on codecs; what is less than 9 s it repeats.
    """
    import soxr
    from speechmos import dnsmos as measure

    if not np.any(estimate):
        return float("nan")
    sound = soxr.resample(estimate.astype(np.float32), sr, 16_000)
    return float(measure.run(sound / max(1.0, float(np.abs(sound).max())), 16_000)["ovrl_mos"])


def has_dnsmos() -> bool:
    """Whether the extra `dnsmos` is installed, and can be imported."""
    try:
        from speechmos import dnsmos  # noqa: F401
    except ImportError:
        return False
    return True


def pool(groups: list[str], durations_s: np.ndarray) -> tuple[list[Segment], list[int]]:
    """Strings of some seconds of recordings of one group each, and the recordings that are too few to score."""
    strings, left_out = [], []
    for group in sorted(set(groups)):
        members = [i for i, name in enumerate(groups) if name == group]
        mine: list[Segment] = []
        pending, length = [], 0.0
        for i in members:
            pending.append(i)
            length += float(durations_s[i])
            if length >= _SEGMENT_S:
                mine.append(Segment(group, pending, length))
                pending, length = [], 0.0
        if pending and mine:
            last = mine.pop()
            mine.append(Segment(group, last.recordings + pending, last.duration_s + length))
        elif pending and length >= _SHORTEST_S:
            mine.append(Segment(group, pending, length))
        else:
            left_out += pending
        strings += mine
    return strings, left_out


def join(waveforms: list[np.ndarray], sr: int) -> np.ndarray:
    """The waveforms one after another, with short pauses."""
    pause = np.zeros(round(_PAUSE_S * sr), np.float32)
    return np.concatenate([part for waveform in waveforms for part in (waveform, pause)])


def match_level(reference: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """The estimate at the reference's power, so that what is scored is not its level."""
    power = float(np.mean(estimate.astype(np.float64) ** 2))
    return estimate * np.float32(np.sqrt(np.mean(reference.astype(np.float64) ** 2) / power)) if power > 0 else estimate


def require_same_shape(reference, estimate):
    """Nothing. Raises InputError when the shapes differ."""
    if reference.shape != estimate.shape:
        raise InputError(f"The reference is {reference.shape}, the estimate {estimate.shape}: cut them to one length.")
