"""Lyra: what its frames take, and what it needs."""

import numpy as np
import pytest

from benchmarks.codec import lyra_codec
from speech_autoencoder.evaluation.codecs.sixteen_bits import from_raw, to_raw
from tests.helpers.common import make_speech

SR = 16_000


def test_make_counts_the_bits_of_whole_frames(monkeypatch, tmp_path):
    calls = []

    def call(function, folder, n_stages, frames, **limits):
        calls.append((folder, n_stages, frames.shape))
        return frames.ravel()

    monkeypatch.setattr(lyra_codec.isolation, "call", call)
    speech = from_raw(to_raw(make_speech(6_401, SR)))
    codec = lyra_codec.make(tmp_path).as_codec(workers=1)
    for setting, bits in (("3.2", 64), ("6", 120), ("9.2", 184)):
        coded = codec.code(setting, [speech], SR)
        assert coded.n_bytes == [21 * bits / 8]
        assert np.array_equal(coded.waveforms[0], speech)
    assert calls[0] == (tmp_path, 16, (21, 1, 320))


@pytest.mark.parametrize("lacking", [*lyra_codec._FILES, None])
def test_is_installed_needs_all_of_the_weights(monkeypatch, tmp_path, lacking):
    monkeypatch.setattr(lyra_codec, "_PACKAGE", "numpy")
    for name in lyra_codec._FILES:
        if name != lacking:
            (tmp_path / name).touch()
    assert lyra_codec.is_installed(tmp_path) == (lacking is None)
