"""How fast log-mel becomes sound on one core: against librosa's mel_to_audio at the same PESQ, and real time."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.quality import scoring
from benchmarks.speed.timing import Row, compared, in_turns
from speech_autoencoder.audio.inversion import invert
from speech_autoencoder.audio.log_mel import denormalise, hann
from speech_autoencoder.audio.reading import read
from speech_autoencoder.config import CLASSIC, InversionConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.evaluation import metrics

# Rounds of Griffin-Lim, quickest first: the first that is as good as librosa is compared.
ROUNDS = (2, 4, 8, 16, 20, 60)
# The PESQ-NB that counts as equal.
EQUAL = 0.05


def rows(testing: Dataset, times: int, most: int = 24) -> Iterator[Row]:
    """Seconds for some recordings of a `classic` array. BLAS and the process must be on one core."""
    import librosa

    some = np.unique(np.linspace(0, len(testing.names) - 1, most).astype(int))
    normalised = [testing.frames(i) for i in some]
    references = [read(testing.path(i), CLASSIC.sr) for i in some]
    scale = hann(CLASSIC.n_fft).sum() / 2
    mels = [denormalise(frames, CLASSIC) * scale for frames in normalised]
    options = {"sr": CLASSIC.sr, "n_fft": CLASSIC.n_fft, "hop_length": CLASSIC.hop_length, "power": 1.0, "norm": None}
    heard = {}

    def theirs():
        # Without center, the sound would not begin where ours does.
        heard["librosa"] = [librosa.feature.inverse.mel_to_audio(mel, **options) for mel in mels]

    def ours(name, config):
        pairs = zip(normalised, references, strict=True)
        heard[name] = [invert(frames, CLASSIC, config, len(reference)) for frames, reference in pairs]

    theirs()
    groups = testing.speakers()
    strings, _ = metrics.pool([groups[i] for i in some], np.array([len(x) for x in references]) / CLASSIC.sr)
    goal = score(references, heard["librosa"], [string.recordings for string in strings])
    quick, reached = InversionConfig(), None
    for rounds in ROUNDS if goal is not None else ROUNDS[-1:]:
        quick = replace(InversionConfig(), griffin_lim_rounds=rounds)
        ours("quick", quick)
        reached = score(references, heard["quick"], [string.recordings for string in strings])
        if goal is None or reached >= goal - EQUAL:
            break
    default = InversionConfig()
    quick_s, default_s, librosa_s = in_turns(
        [lambda: ours("quick", quick), lambda: ours("default", default), theirs], times
    )
    total_s = sum(map(len, references)) / CLASSIC.sr
    note = "PESQ is not installed" if goal is None else f"PESQ-NB {reached:.2f}, librosa's {goal:.2f}"
    note += f"; {quick.griffin_lim_rounds} rounds, {total_s / quick_s:.0f} x real time"
    yield compared("inversion at equal PESQ-NB, one core", "librosa's mel_to_audio", "s", quick_s, librosa_s, 8, note)
    best = score(references, heard["default"], [string.recordings for string in strings])
    note = f"{total_s / default_s:.0f} x real time" + ("" if best is None else f", PESQ-NB {best:.2f}")
    yield compared("inversion as it is", "real time / 40", "s", default_s, total_s / 40, 1, note)


def score(references, estimates, strings) -> float | None:
    """The mean PESQ-NB of strings of estimates; None where PESQ is not installed."""
    if not metrics.has_pesq():
        return None
    estimates = [np.pad(e, (0, max(0, len(r) - len(e))))[: len(r)] for r, e in zip(references, estimates, strict=True)]
    joined = [
        [metrics.join([part[i] for i in string], CLASSIC.sr) for string in strings] for part in (references, estimates)
    ]
    return float(np.nanmean(scoring.values_of_segments(*joined, sr=CLASSIC.sr)["pesq_nb"]))
