"""What a training begins with."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from speech_autoencoder.audio.between import frames_between as frames_between_of
from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.training.setup import frames_between


@pytest.fixture
def moved(small_arrays, tmp_path):
    """Return the testing array, with a copy of its recordings of which one is gone and one has changed."""
    data = small_arrays[1]
    for i in range(len(data.names)):
        (target := tmp_path / data.names[i]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(data.path(i), target)
    (tmp_path / data.names[0]).unlink()
    (tmp_path / data.names[1]).write_bytes(data.path(2).read_bytes())
    return replace(data, audio_dir=tmp_path)


def test_frames_between_are_those_of_the_recordings_that_are_there_and_the_same(moved):
    found = frames_between(moved, np.arange(len(moved.names)))
    assert sorted(found) == list(range(2, len(moved.names)))
    waveform = resample(moved.read(2), int(moved.sr[2]), moved.features.sr)
    expected = frames_between_of(waveform, moved.features)
    assert found[2].shape == expected.shape == moved.frames(2).shape
    np.testing.assert_allclose(found[2], expected, atol=1e-3)
