"""Features against librosa, which must agree, and against a lower bound."""

import shutil

import pytest
import soundfile as sf

from benchmarks.speed import features
from speech_autoencoder.config import CLASSIC
from speech_autoencoder.data import building, dataset


def test_most_difference_db_features_equal_those_of_librosa(recordings, tmp_path):
    building.build(recordings, tmp_path / "a.npy", CLASSIC, workers=1)
    features.librosa_loop(recordings, tmp_path / "b.npz")
    data = dataset.load(tmp_path / "a.npy", "")
    assert features.most_difference_db(data, tmp_path / "b.npz") < features.TOLERANCE_DB
    # Recordings in another order are other features.
    shutil.move(recordings / "a_ann_0.wav", recordings / "z_ann_0.wav")
    features.librosa_loop(recordings, tmp_path / "b.npz")
    shutil.move(recordings / "z_ann_0.wav", recordings / "a_ann_0.wav")
    assert features.most_difference_db(data, tmp_path / "b.npz") > 1


def test_most_difference_db_recording_with_an_offset_is_not_compared(recordings, tmp_path):
    samples, sr = sf.read(recordings / "a_ann_0.wav")
    sf.write(recordings / "a_ann_0.wav", 0.3 * samples + 0.3, sr)
    building.build(recordings, tmp_path / "a.npy", CLASSIC, workers=1)
    features.librosa_loop(recordings, tmp_path / "b.npz")
    data = dataset.load(tmp_path / "a.npy", "")
    assert features.most_difference_db(data, tmp_path / "b.npz") < features.TOLERANCE_DB


def test_one_core_row_is_against_a_lower_bound(recordings):
    row = features.one_core_row(recordings, 1)
    assert row.ours > 0
    assert row.ratio == pytest.approx(row.theirs / row.ours)
    assert "times soundfile + soxr + one rfft" in row.note
