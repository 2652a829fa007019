"""Recordings are written whole or not at all, and come back as they were."""

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio.reading import Recording, describe, read
from speech_autoencoder.audio.writing import write_stream
from speech_autoencoder.errors import InputError
from tests.helpers.common import file_size_limit, make_speech, names_in, one_line_of

SPEECH = make_speech(8_000, 8_000)


def test_write_stream_read_round_trip(tmp_path):
    assert write_stream(tmp_path / "a.wav", np.array_split(SPEECH, 7), 8_000) == 8_000
    assert np.abs(read(tmp_path / "a.wav") - SPEECH).max() <= 2**-15
    assert describe(tmp_path / "a.wav") == Recording(tmp_path / "a.wav", 8_000, 8_000, 1)
    assert describe(tmp_path / "a.wav").duration_s == 1.0
    assert sf.info(tmp_path / "a.wav").subtype == "PCM_16"


def test_write_stream_beyond_full_scale_is_clipped_not_wrapped(tmp_path):
    write_stream(tmp_path / "a.wav", [np.array([2.0, -2.0, 0.5, 1.0], np.float32)], 8_000)
    assert read(tmp_path / "a.wav") == pytest.approx([1, -1, 0.5, 1], abs=2**-15)


def test_write_stream_exception_in_a_block_leaves_the_old_file(wav):
    before = wav.read_bytes()

    def blocks():
        yield SPEECH
        raise InputError("the recording is damaged")

    with pytest.raises(InputError, match="the recording is damaged"):
        write_stream(wav, blocks(), 8_000)
    assert wav.read_bytes() == before
    assert names_in(wav.parent) == ["a.wav"]


@pytest.mark.parametrize("limit", [0, 50_000])
@pytest.mark.parametrize("n_blocks", [1, 500])
def test_write_stream_full_disk_leaves_the_old_file(wav, n_blocks, limit):
    before, message = wav.read_bytes(), r"a\.wav could not be written \(System error\.\): is the disk full\?"
    with file_size_limit(limit), pytest.raises(InputError, match=message) as error:
        write_stream(wav, np.array_split(np.tile(SPEECH, 4), n_blocks), 8_000)
    one_line_of(error)
    assert wav.read_bytes() == before
    assert names_in(wav.parent) == ["a.wav"]
    assert isinstance(error.value.__cause__, OSError)  # by which workers tell it from a recording that is damaged
