"""Fixtures of the tests of codecs."""

import pytest
import soundfile as sf

from tests.helpers.common import make_speech

SR = 8_000


@pytest.fixture
def corpus(tmp_path):
    """Return a folder of two digits of two speakers and takes each, at 8 kHz, of different lengths."""
    (tmp_path / "corpus").mkdir()
    for seed, name in enumerate(f"{d}_{who}_{take}" for d in (0, 1) for who in ("ann", "bob") for take in (5, 6)):
        sf.write(tmp_path / "corpus" / f"{name}.wav", make_speech(6_000 + 101 * seed, SR, seed), SR)
    return tmp_path / "corpus"
