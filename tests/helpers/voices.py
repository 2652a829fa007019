"""Voices of a known pitch."""

import numpy as np

SR = 16_000


def buzz(pitch_hz, sr=SR, seconds=0.5):
    """Return a voice without words: the harmonics of one pitch."""
    t = np.arange(round(seconds * sr)) / sr
    return sum(np.cos(2 * np.pi * k * pitch_hz * t + k * k) / k for k in range(1, 10)).astype(np.float32)


def vowels(speaker, take, sr=SR, seconds=0.4):
    """Return three vowels of a speaker (a number), of another length and pitch in each take, with pauses between.

    Speakers differ in the length of their vocal tract, which moves all resonances, and not in pitch.
    """
    rng = np.random.default_rng([speaker, take])
    scale, sound = 0.85 + 0.12 * speaker, []
    for formants_hz in rng.permutation([(300, 2_200), (700, 1_200), (350, 800)]):
        n = round(rng.uniform(0.6, 1) * seconds / 3 * sr)
        t, pitch_hz = np.arange(n) / sr, rng.uniform(110, 180)
        harmonics_hz = pitch_hz * np.arange(1, int(3_800 / pitch_hz))
        resonances = sum(np.exp(-(((harmonics_hz / (scale * hz)) - 1) ** 2) / 0.02) for hz in formants_hz) + 0.003
        waves = np.cos(2 * np.pi * harmonics_hz[:, None] * t + np.arange(len(harmonics_hz))[:, None] ** 2)
        sound += [np.hanning(n) * (resonances @ waves), np.zeros(round(0.03 * sr))]
    waveform = np.concatenate(sound)
    return (0.3 * waveform / np.abs(waveform).max() + 1e-4 * rng.standard_normal(len(waveform))).astype(np.float32)
