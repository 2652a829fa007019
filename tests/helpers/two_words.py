"""A corpus of two words that are tones: a low one and a high one."""

from pathlib import Path

import numpy as np
import soundfile as sf

SR = 8_000


def write_two_words(folder: Path) -> None:
    """Write training/ and testing/ of two speakers, who say "low" and "high" four times and twice."""
    for side, takes in (("training", range(4)), ("testing", range(4, 6))):
        for word, pitch_hz in (("low", 200), ("high", 1_500)):
            for speaker in ("ann", "bob"):
                for take in takes:
                    (folder / side / speaker).mkdir(parents=True, exist_ok=True)
                    t = np.arange(SR // 2) / SR
                    waveform = 0.1 * np.sin(2 * np.pi * pitch_hz * (1 + take / 50) * t)
                    sf.write(folder / side / speaker / f"{word}_{speaker}_{take}.wav", waveform, SR)
