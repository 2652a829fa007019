"""The tracker of F0 against what is known and against others, and the errors of two tracks."""

import librosa
import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import pitch
from tests.helpers.common import make_speech

SR = 16_000
SPEECH = make_speech(2 * SR, SR)
NOISE = np.random.default_rng(0).standard_normal(len(SPEECH)).astype(np.float32)


def buzz(pitch_hz, sr=SR, seconds=0.5):
    """A voice without words: the harmonics of one pitch."""
    t = np.arange(round(seconds * sr)) / sr
    return sum(np.cos(2 * np.pi * k * pitch_hz * t + k * k) / k for k in range(1, 10)).astype(np.float32)


@pytest.mark.parametrize("pitch_hz", [75, 110, 217.3, 440])
@pytest.mark.parametrize("sr", [8_000, 16_000, 44_100])
def test_track_knows_the_pitch_of_a_buzz(pitch_hz, sr):
    track = pitch.track(buzz(pitch_hz, sr), sr)[5:-5]
    assert np.abs(1_200 * np.log2(track / pitch_hz)).max() < 8


def test_track_noise_and_silence_have_none():
    assert (pitch.track(NOISE, SR) > 0).mean() < 0.05
    assert not pitch.track(0 * NOISE, SR).any()
    assert len(pitch.track(NOISE[:1], SR)) == 1


@pytest.mark.parametrize("sr", [8_000, 16_000])
def test_errors_identical_are_zero(sr):
    assert pitch.f0_error_cents(SPEECH, SPEECH, sr) == 0
    for share in (pitch.gross_pitch_error, pitch.voicing_error, pitch.f0_frame_error):
        assert share(SPEECH, SPEECH, sr) == 0


def test_f0_error_cents_is_that_of_two_buzzes():
    error = pitch.f0_error_cents(buzz(200), buzz(210), SR)
    assert error == pytest.approx(1_200 * np.log2(1.05), abs=15)
    assert pitch.voicing_error(buzz(200), buzz(210), SR) < 0.05


def test_errors_octaves_are_gross_and_leave_the_median_alone():
    sound = np.concatenate([buzz(200), buzz(150), buzz(120)])
    jumped = np.concatenate([buzz(202), buzz(300), buzz(120 * 1.19)])
    share = pitch.gross_pitch_error(sound, jumped, SR)
    assert share == pytest.approx(1 / 3, abs=0.05)
    assert pitch.f0_error_cents(sound, jumped, SR) == pytest.approx(1_200 * np.log2(1.19), abs=15)
    lost = np.concatenate([jumped[:16_000], 0 * jumped[16_000:]])
    assert pitch.voicing_error(sound, lost, SR) == pytest.approx(1 / 3, abs=0.05)
    assert pitch.f0_frame_error(sound, lost, SR) == pytest.approx(2 / 3, abs=0.08)


def test_compare_tracks_is_counted_by_hand():
    reference = np.array([0, 0, 100, 100, 100, 100, 200, 200.0])
    estimate = np.array([0, 90, 0, 100, 119, 121, 100, 202.0])
    errors = pitch.compare_tracks(reference, estimate)
    assert (errors.n_both, errors.n_gross, errors.n_different, errors.n_frames) == (5, 2, 2, 8)
    assert errors.median_cents == pytest.approx(1_200 * np.log2(1.19))
    assert np.isnan(pitch.compare_tracks(reference, 0 * reference).median_cents)


def test_errors_more_noise_is_worse():
    voice = buzz(150, seconds=2)
    noise = np.std(voice) / np.std(NOISE) * NOISE
    noisy = [voice + np.float32(10 ** (-snr_db / 20)) * noise for snr_db in (60, 20, 0, -20)]
    voicing = [pitch.voicing_error(voice, sound, SR) for sound in noisy]
    assert voicing == sorted(voicing)
    assert voicing[-1] > voicing[0] + 0.3
    cents = [pitch.f0_error_cents(voice, sound, SR) for sound in noisy[:3]]
    assert cents == sorted(cents)


def test_errors_of_what_cannot_be_compared():
    assert np.isnan(pitch.f0_error_cents(SPEECH, 0 * SPEECH, SR))
    assert np.isnan(pitch.gross_pitch_error(SPEECH, 0 * SPEECH, SR))
    assert pitch.voicing_error(SPEECH, 0 * SPEECH, SR) == pytest.approx((pitch.track(SPEECH, SR) > 0).mean())
    for function in (pitch.f0_error_cents, pitch.voicing_error):
        with pytest.raises(InputError, match="cut them"):
            function(SPEECH, SPEECH[1:], SR)


def share_alike(tracks):
    """The share of frames voiced in both of each pair that are within a semitone, and of all that agree on voicing."""
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

    tracks = [(pitch.track(sound, sr), pyin(sound, sr)) for sound, sr in testing_recordings[::3]]
    alike, agree = share_alike(tracks)
    assert alike > 0.9
    assert agree > 0.85
    pairs = [[track[: min(map(len, pair))] for track in pair] for pair in tracks]
    errors = pitch.compare_tracks(*(np.concatenate(part) for part in zip(*pairs, strict=True)))
    assert errors.median_cents < 20
    assert errors.n_gross < 0.08 * errors.n_both


def test_track_agrees_with_world(testing_recordings):
    world = pytest.importorskip("pyworld")

    def harvest(waveform, sr):
        return world.harvest(waveform.astype(np.float64), sr, f0_floor=65, f0_ceil=500, frame_period=10)[0]

    alike, agree = share_alike((pitch.track(sound, sr), harvest(sound, sr)) for sound, sr in testing_recordings)
    assert alike > 0.93
    assert agree > 0.78
