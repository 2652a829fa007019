"""Parts of recordings have the very samples of the whole, however they lie, and each recording is decoded once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder.audio import parts, reading
from speech_autoencoder.audio.parts import Cutter, Part, PartReader, seconds
from speech_autoencoder.audio.reading import read
from tests.helpers.common import make_speech, refused

SR = 8_000
N_SAMPLES = 40_000
SPANS = [(0, 10), (0, 40_000), (5, 5), (100, 20_000), (100, 20_000), (101, 300), (39_990, 40_000)]


@pytest.fixture
def recording(tmp_path):
    """Return a recording of two channels with an offset, which is read in several blocks."""
    sound = np.stack([make_speech(N_SAMPLES, SR), make_speech(N_SAMPLES, SR, 1)], axis=1) + 0.2
    sf.write(tmp_path / "talk.flac", sound, SR)
    return tmp_path / "talk.flac"


@given(
    st.lists(st.integers(1, 7), max_size=8),
    st.lists(st.tuples(st.integers(0, 40), st.one_of(st.none(), st.integers(0, 40))), min_size=1, max_size=8),
)
def test_cut_parts_are_the_samples_of_the_whole(lengths, spans):
    whole = np.arange(sum(lengths), dtype=np.float32)
    spans.sort(key=lambda span: span[0])
    cutter = Cutter(np.split(whole, np.cumsum(lengths)[:-1]) if lengths else [])
    for (start, end), following in zip(spans, [*spans[1:], None], strict=True):
        pieces = list(cutter.cut(start, end, following and following[0]))
        assert np.array_equal(np.concatenate([whole[:0], *pieces]), whole[start:end])


def test_cut_holds_only_the_blocks_that_the_next_part_begins_in():
    cutter = Cutter(np.zeros(10, np.float32) for _ in range(1_000))
    for start in range(0, 9_000, 1_000):
        assert sum(map(len, cutter.cut(start, start + 1_500, start + 1_000))) == 1_500
        assert sum(len(block) for _, block in cutter._held) == 500


def test_read_in_any_order_and_in_threads_is_a_slice_of_the_whole(recording, monkeypatch):
    monkeypatch.setattr(reading, "Decoder", counting := Counting(reading.Decoder))
    monkeypatch.setattr("speech_autoencoder.audio.decoding.BLOCK_SAMPLES", 3_000)
    whole = read(recording)
    counting.n = 0
    reader = PartReader()
    with ThreadPoolExecutor(4) as executor:
        found = list(executor.map(lambda span: reader.read(recording, span, SPANS), SPANS[::-1]))
    for (start, end), waveform in zip(SPANS[::-1], found, strict=True):
        assert np.array_equal(waveform, whole[start:end])
        assert waveform.dtype == np.float32
    assert counting.n == 1


class Counting:
    """Counts how often files are opened."""

    def __init__(self, decoder):
        self.decoder, self.n = decoder, 0

    def __call__(self, *args, **options):
        self.n += 1
        return self.decoder(*args, **options)


def test_read_part_that_is_not_there_is_as_long_as_the_recording_has_it(recording):
    reader = PartReader()
    assert len(reader.read(recording, (N_SAMPLES - 10, N_SAMPLES + 10), [])) == 10
    assert len(reader.read(recording, (N_SAMPLES + 10, N_SAMPLES + 20), [])) == 0


def test_read_keeps_no_more_than_a_limit_and_decodes_again(recording, tmp_path):
    (tmp_path / "other.flac").write_bytes(recording.read_bytes())
    reader, whole = PartReader(most_bytes=1_000), read(recording)
    for path in (recording, tmp_path / "other.flac", recording):
        assert np.array_equal(reader.read(path, (5, 5_000), [(0, 1_000)]), whole[5:5_000])
    assert len(reader._places) == 2


def test_read_recording_that_is_gone_is_refused_each_time_but_tried_once(tmp_path, monkeypatch):
    reader = PartReader()
    refused("gone.wav", do=lambda: reader.read(tmp_path / "gone.wav", (0, 5), []))
    monkeypatch.setattr(parts, "opened_stream", lambda *args, **options: pytest.fail("tried again"))
    refused("gone.wav", do=lambda: reader.read(tmp_path / "gone.wav", (0, 5), []))


def test_read_without_space_for_temporary_files_is_refused(recording, monkeypatch):
    def fail():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parts.tempfile, "TemporaryFile", fail)
    refused("talk.flac", "the disk is full", do=lambda: PartReader().read(recording, (0, 5), []))


@pytest.mark.parametrize(
    ("start_us", "end_us", "sr", "expected"),
    [
        (0, 1_000_000, 16_000, (0, 16_000)),
        (500_000, None, 22_050, (11_025, None)),
        (31, 94, 16_000, (0, 2)),  # 0.496 and 1.504 samples
        (31_250, 93_750, 16, (1, 2)),  # half a sample: the later one
        (1_000_000 // 3, 2_000_000 // 3, 192_000, (64_000, 128_000)),
    ],
)
def test_span_is_that_of_the_nearest_samples(start_us, end_us, sr, expected):
    assert Part("a.wav", start_us, end_us).span(sr) == expected


@given(st.integers(0, 10**9), st.sampled_from([8_000, 22_050, 44_100, 48_000, 192_000]))
def test_span_finds_every_sample_by_its_time(sample, sr):
    assert Part("a.wav", round(sample / sr * 1e6), None).span(sr)[0] == sample


def test_name_has_the_times_in_as_many_digits_as_they_need():
    assert Part("a/talk.wav", 12_500_000, 14_000_000).name == "a/talk.wav 12.50-14.00 s"
    assert Part("talk.wav", 1_234_567, None).name == "talk.wav 1.234567 s to the end"
    assert seconds(3_600_125_000) == "3600.125"
