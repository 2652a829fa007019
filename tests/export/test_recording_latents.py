"""The latents of files and of parts of files, in any count of threads."""

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio.parts import Part
from speech_autoencoder.audio.reading import read
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.waveforms import encode_waveform
from speech_autoencoder.config import LatentSearchConfig
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.errors import InputError
from speech_autoencoder.export.recording_latents import encode_recordings
from tests.helpers.common import make_speech
from tests.helpers.tiny_codec import make_codec, record


@pytest.fixture(scope="module")
def encoder():
    return Encoder(make_codec(), LatentSearchConfig(steps=2))


def encode(corpora, encoder, folder, **options):
    """Return (Latents with their values, or the error) of each recording."""
    found = []
    for result in encode_recordings(corpora, encoder, folder=folder, **options):
        if isinstance(result, InputError):
            found.append(result)
            continue
        with result.file as file:
            file.seek(0)
            found.append((result, np.frombuffer(file.read(), "<f4").reshape(result.n_latents, -1)))
    return found


def latents_of(encoder, waveform, sr):
    """Return the latents of a waveform at once."""
    return np.concatenate(list(encode_waveform(encoder, [waveform], sr)))


def parts_of(folder, *times, rows=(), listed_in=""):
    """Return the parts of long.wav between times in seconds."""
    parts = [Part("long.wav", round(1e6 * start), end and round(1e6 * end)) for start, end in times]
    named = {part.name: part for part in parts}
    return Recordings(folder, list(named), named, rows=dict(zip(named, rows, strict=False)), listed_in=listed_in)


@pytest.mark.parametrize("workers", [1, 3])
def test_encode_recordings_of_parts_are_those_of_their_samples(encoder, tmp_path, workers):
    record(tmp_path / "long.wav", 40_000)
    recordings = parts_of(tmp_path, (0, 1.5), (0.25, 1), (4.5, None))
    found = encode([recordings], encoder, tmp_path, workers=workers)
    sound = read(tmp_path / "long.wav")
    for (result, latents), (start, end) in zip(found, ((0, 12_000), (2_000, 8_000), (36_000, 40_000)), strict=True):
        assert (result.start, result.n_samples, result.path) == (start, end - start, tmp_path / "long.wav")
        np.testing.assert_array_equal(latents, latents_of(encoder, sound[start:end], 8_000))


def test_encode_recordings_of_a_file_and_its_parts(encoder, tmp_path):
    record(tmp_path / "long.wav", 20_000)
    parts = parts_of(tmp_path, (1, 2))
    recordings = Recordings(tmp_path, ["long.wav", *parts.names], parts.parts)
    (whole, _), (part, _) = encode([recordings], encoder, tmp_path)
    assert (whole.start, whole.n_samples) == (0, 20_000)
    assert (part.start, part.n_samples) == (8_000, 8_000)


def test_encode_recordings_names_the_row_of_a_part_that_is_not_there(encoder, tmp_path):
    record(tmp_path / "long.wav", 16_000)
    recordings = parts_of(tmp_path, (0, 1), (1, 3), (5, None), rows=(2, 3, 4), listed_in="list.csv")
    (_, _), late, later = encode([recordings], encoder, tmp_path)
    assert str(late).startswith("list.csv, row 3: ")
    assert "ends after the recording, which ends at 2.00 s" in str(late)
    assert str(later).startswith("list.csv, row 4: ")


def test_encode_recordings_yields_why_one_cannot_be_used(encoder, tmp_path):
    for seed, name in enumerate(("a.wav", "c.wav")):
        record(tmp_path / name, 3_000, seed=seed)
    (tmp_path / "bad.wav").write_bytes(b"no sound at all")
    recordings = Recordings(tmp_path, ["a.wav", "bad.wav", "c.wav"])
    found = encode([recordings, parts_of(tmp_path, (0, 1))], encoder, tmp_path)
    assert [isinstance(each, InputError) for each in found] == [False, True, False, True]
    assert "bad.wav" in str(found[1])
    assert "long.wav" in str(found[3])


def test_encode_recordings_ticks_reach_the_count(encoder, tmp_path):
    record(tmp_path / "long.wav", 300_000)
    ticks = []
    encode([Recordings(tmp_path, ["long.wav"])], encoder, tmp_path, workers=2, tick=ticks.append)
    assert len(ticks) > 1
    assert sum(ticks) == pytest.approx(1)


def test_encode_recordings_salvages(encoder, tmp_path):
    sf.write(tmp_path / "a.flac", make_speech(40_000, 8_000), 8_000)
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(content[: len(content) // 2])
    recordings = Recordings(tmp_path, ["a.flac"])
    (refused,) = encode([recordings], encoder, tmp_path)
    assert isinstance(refused, InputError)
    ((result, _),) = encode([recordings], encoder, tmp_path, salvage=True)
    assert "used" in result.note
    assert 0 < result.n_samples < 40_000
