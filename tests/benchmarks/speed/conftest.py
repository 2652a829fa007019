"""Fixtures of the tests of speed."""

import pytest

from speech_autoencoder.audio.writing import write_stream
from tests.helpers.common import make_speech


@pytest.fixture
def recordings(tmp_path):
    """Return a folder of four short recordings."""
    for i in range(4):
        write_stream(tmp_path / "recordings" / f"a_ann_{i}.wav", [make_speech(12_000, 16_000, i)], 16_000)
    return tmp_path / "recordings"
