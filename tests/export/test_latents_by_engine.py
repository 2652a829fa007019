"""The latents of recordings by the workers of an engine: those of threads, whatever is lost on the way."""

import numpy as np
import pytest

from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import LatentSearchConfig
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.engines.engine import open_engine
from speech_autoencoder.errors import InputError
from speech_autoencoder.export.latents_by_engine import encode_by_engine
from speech_autoencoder.export.recording_latents import encode_recordings
from speech_autoencoder.model.model_reference import ModelReference
from speech_autoencoder.training.saving import save
from tests.export.test_recording_latents import parts_of
from tests.helpers.inline_engine import InlineEngine
from tests.helpers.tiny_codec import make_codec, record

SEARCH = LatentSearchConfig(steps=2)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with a model, recordings of which one cannot be used, and a long one."""
    folder = tmp_path_factory.mktemp("place")
    save(folder / "model.h5", make_codec())
    for seed, name in enumerate("abcde"):
        record(folder / f"{name}.wav", 4_000 + 1_000 * seed, seed=seed)
    (folder / "b0.wav").write_text("no sound")
    record(folder / "long.wav", 40_000)
    return folder


@pytest.fixture
def corpora(place):
    """Return the recordings of the folder, and parts of one of them."""
    names = [f"{name}.wav" for name in ("a", "b", "b0", "c", "d", "e")]
    parts = parts_of(place, (0, 1.5), (0.25, 1), (9, 10), (4.5, None), rows=(2, 3, 4, 5), listed_in="list.csv")
    return [Recordings(place, names), parts]


def values_of(results):
    """Return what is known of each recording, with the bytes of its latents, or its error."""
    found = []
    for result in results:
        if isinstance(result, InputError):
            found.append(str(result))
            continue
        copy = Copy()
        result.copy_to(copy)
        assert result.file.closed
        found.append((result.path, result.sr, result.start, result.n_samples, result.note, result.mean.tolist(), copy))
    return found


class Copy(bytearray):
    """A file to write to."""

    write = bytearray.extend


def by_engine(engine, corpora, place, folder, **options):
    """Return what `values_of` does of the latents that an engine's workers give."""
    folder.mkdir(exist_ok=True)
    model = ModelReference.of(place / "model.h5")
    found = values_of(encode_by_engine(engine, corpora, model, SEARCH, folder=folder, **options))
    assert not any(path.stat().st_size for path in folder.glob("*.latents"))
    return found


@pytest.fixture
def expected(corpora, place, tmp_path):
    """Return what threads give."""
    encoder = Encoder(ModelReference.of(place / "model.h5").load(), SEARCH)
    return values_of(encode_recordings(corpora, encoder, folder=tmp_path, workers=2))


def test_encode_by_engine_is_what_threads_give(corpora, expected, place, tmp_path):
    ticks = []
    assert by_engine(InlineEngine(), corpora, place, tmp_path / "work", tick=ticks.append) == expected
    assert sum(ticks) == 10
    assert sum(isinstance(found, str) for found in expected) == 2


def test_encode_by_engine_on_a_cluster_is_what_threads_give(on_cluster, corpora, expected, place, tmp_path):
    (tmp_path / "work").mkdir()
    with open_engine("dask", workers=1, say=print, writes=[tmp_path / "work"]) as engine:
        assert by_engine(engine, corpora, place, tmp_path / "work") == expected


def test_encode_by_engine_names_the_recordings_of_a_file_that_ends_its_process(corpora, expected, place, tmp_path):
    engine = InlineEngine(lambda item: item.file.path.name in ("c.wav", "long.wav"))
    found = by_engine(engine, corpora, place, tmp_path / "work")
    assert found[:3] == expected[:3]
    assert found[3] == "c.wav: it crashed."
    assert found[4:6] == expected[4:6]
    assert found[6] == "list.csv, row 2: long.wav 0.00-1.50 s: it crashed."


def test_encode_by_engine_stopped_early_leaves_no_open_file(corpora, place, tmp_path):
    results = encode_by_engine(InlineEngine(), corpora, ModelReference.of(place / "model.h5"), SEARCH, folder=tmp_path)
    first = next(results)
    first.file.close()
    results.close()
    assert list(tmp_path.iterdir()) == []
    assert np.isfinite(first.mean).all()
