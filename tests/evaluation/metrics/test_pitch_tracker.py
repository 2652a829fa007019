"""The tracker of F0 against known pitches and other trackers."""

import librosa
import numpy as np
import pytest

from speech_autoencoder.evaluation.metrics.pitch import compare_tracks
from speech_autoencoder.evaluation.metrics.pitch_tracker import track
from tests.helpers.voices import SR, buzz

NOISE = np.random.default_rng(0).standard_normal(2 * SR).astype(np.float32)


@pytest.mark.parametrize("pitch_hz", [75, 110, 217.3, 440])
@pytest.mark.parametrize("sr", [8_000, 16_000, 44_100])
def test_track_knows_the_pitch_of_a_buzz(pitch_hz, sr):
    found = track(buzz(pitch_hz, sr), sr)[5:-5]
    assert np.abs(1_200 * np.log2(found / pitch_hz)).max() < 8


def test_track_noise_and_silence_have_none():
    assert (track(NOISE, SR) > 0).mean() < 0.05
    assert not track(0 * NOISE, SR).any()
    assert len(track(NOISE[:1], SR)) == 1


def share_alike(tracks):
    """Return the share of frames voiced in both that are within a semitone, and of frames that agree on voicing."""
    alike, both, agree, total = 0, 0, 0, 0
    for ours, theirs in tracks:
        n = min(len(ours), len(theirs))
        ours, theirs = ours[:n], theirs[:n]
        voiced = (ours > 0) & (theirs > 0)
        alike += (np.abs(np.log2(ours[voiced] / theirs[voiced])) < 1 / 12).sum()
        both += voiced.sum()
        agree += ((ours > 0) == (theirs > 0)).sum()
        total += n
    return alike / both, agree / total


def test_track_agrees_with_pyin(testing_recordings):
    def pyin(waveform, sr):
        sound = librosa.resample(waveform, orig_sr=sr, target_sr=SR)
        found, *_ = librosa.pyin(sound, fmin=65, fmax=500, sr=SR, frame_length=1_024, hop_length=160)
        return np.nan_to_num(found)

    tracks = [(track(sound, sr), pyin(sound, sr)) for sound, sr in testing_recordings[::3]]
    alike, agree = share_alike(tracks)
    assert alike > 0.9
    assert agree > 0.85
    pairs = [[one[: min(map(len, pair))] for one in pair] for pair in tracks]
    errors = compare_tracks(*(np.concatenate(part) for part in zip(*pairs, strict=True)))
    assert errors.median_cents < 20
    assert errors.n_gross < 0.08 * errors.n_both


def test_track_agrees_with_world(testing_recordings):
    world = pytest.importorskip("pyworld")

    def harvest(waveform, sr):
        return world.harvest(waveform.astype(np.float64), sr, f0_floor=65, f0_ceil=500, frame_period=10)[0]

    alike, agree = share_alike((track(sound, sr), harvest(sound, sr)) for sound, sr in testing_recordings)
    assert alike > 0.93
    assert agree > 0.78
