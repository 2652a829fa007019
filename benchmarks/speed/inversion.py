"""Measure how fast log-mel becomes sound on one core: against librosa's mel_to_audio at equal PESQ, and real time."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import librosa
import numpy as np

from benchmarks.speed.testing_sample import take_sample
from benchmarks.speed.timing import Row, best_seconds, compare
from speech_autoencoder.audio.inversion import invert
from speech_autoencoder.audio.log_mel import denormalise, hann
from speech_autoencoder.config import CLASSIC, InversionConfig
from speech_autoencoder.data.dataset import Dataset

ROUNDS = (2, 4, 8, 16, 20, 60)  # of Griffin-Lim, fastest first: the first that is as good as librosa is compared
EQUAL = 0.05  # the difference of PESQ-NB that counts as equal


def rows(testing: Dataset, times: int, most: int = 24) -> Iterator[Row]:
    """Yield the seconds for some recordings of a `classic` array. BLAS and the process must be on one core."""
    sample = take_sample(testing, most)
    scale = hann(CLASSIC.n_fft).sum() / 2
    mels = [denormalise(frames, CLASSIC) * scale for frames in sample.frames]
    options: dict[str, Any] = {
        "sr": CLASSIC.sr,
        "n_fft": CLASSIC.n_fft,
        "hop_length": CLASSIC.hop_length,
        "power": 1.0,
        "norm": None,
    }

    def theirs() -> list[np.ndarray]:
        # With center, the default, the sound begins where ours does.
        return [librosa.feature.inverse.mel_to_audio(mel, **options) for mel in mels]

    def ours(config: InversionConfig) -> list[np.ndarray]:
        pairs = zip(sample.frames, sample.references, strict=True)
        return [invert(frames, CLASSIC, config, len(reference)) for frames, reference in pairs]

    goal = sample.score(theirs()).get("pesq_nb")
    quick, reached = InversionConfig(), None
    for rounds in ROUNDS if goal is not None else ROUNDS[-1:]:
        quick = replace(InversionConfig(), griffin_lim_rounds=rounds)
        reached = sample.score(ours(quick)).get("pesq_nb")
        if goal is None or reached is None or reached >= goal - EQUAL:
            break
    default = InversionConfig()
    quick_s, default_s, librosa_s = best_seconds([lambda: ours(quick), lambda: ours(default), theirs], times)
    total_s = sum(map(len, sample.references)) / CLASSIC.sr
    note = "PESQ is not installed" if goal is None else f"PESQ-NB {reached:.2f}, librosa's {goal:.2f}"
    note += f"; {quick.griffin_lim_rounds} rounds, {total_s / quick_s:.0f} x real time"
    stage, against = "inversion at equal PESQ-NB, one core", "librosa's mel_to_audio"
    yield compare(stage, against, "s", ours=quick_s, theirs=librosa_s, least=8, note=note)
    best = sample.score(ours(default)).get("pesq_nb")
    note = f"{total_s / default_s:.0f} x real time" + ("" if best is None else f", PESQ-NB {best:.2f}")
    yield compare("inversion as it is", "real time / 40", "s", ours=default_s, theirs=total_s / 40, least=1, note=note)
