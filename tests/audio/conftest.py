"""A recording that the tests of audio/ read, damage and replace."""

import pytest
import soundfile as sf

from tests.helpers.common import make_speech


@pytest.fixture
def wav(tmp_path):
    """Write a second of speech as a 16-bit WAV at 8 kHz and return its path."""
    sf.write(tmp_path / "a.wav", make_speech(8_000, 8_000), 8_000)
    return tmp_path / "a.wav"
