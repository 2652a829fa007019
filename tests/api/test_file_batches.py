"""Files that an engine does: those that end its processes are left out and named, the others are done."""

from contextlib import contextmanager, nullcontext

import pytest

import speech_autoencoder as sa
from speech_autoencoder.api import engines
from speech_autoencoder.errors import InputError
from speech_autoencoder.training.saving import save
from tests.helpers.common import names_in
from tests.helpers.inline_engine import InlineEngine
from tests.helpers.tiny_codec import make_codec, record


@pytest.fixture
def lose(monkeypatch):
    """Return a function that has an engine lose the file of a name while it is reconstructed."""
    pytest.importorskip("distributed")

    def do(name):
        @contextmanager
        def open_engine(*args, **options):
            yield InlineEngine(lambda item: getattr(item, "output", None) and item.path.name == name)

        monkeypatch.setattr(engines, "open_engine", open_engine)

    return do


def test_predict_by_an_engine_at_a_bitrate_writes_what_threads_do(lose, tmp_path):
    save(tmp_path / "codec.h5", make_codec())
    paths = [record(tmp_path / f"{name}.wav", 8_000, seed=seed) for seed, name in enumerate("abc")]
    lose("")
    here = sa.predict(paths, tmp_path / "codec.h5", output_dir=tmp_path / "here", bitrate=1.1)
    there = sa.predict(paths, tmp_path / "codec.h5", output_dir=tmp_path / "there", bitrate=1.1, engine="dask")
    assert there.encoded == here.encoded
    assert names_in(tmp_path / "there") == ["a.sae", "a.wav", "b.sae", "b.wav", "c.sae", "c.wav"]
    for path in (tmp_path / "here").iterdir():
        assert (tmp_path / "there" / path.name).read_bytes() == path.read_bytes()


def test_predict_recording_that_ends_its_process_is_left_out_and_named(lose, tmp_path):
    paths = [record(tmp_path / f"{name}.wav", 8_000, seed=seed) for seed, name in enumerate("abcd")]
    lose("b.wav")
    warned = []
    done = sa.predict(paths, "pretrained", output_dir=tmp_path / "out", engine="dask", warn=warned.append)
    assert names_in(tmp_path / "out") == ["a.wav", "c.wav", "d.wav"]
    assert done.left_out == [(paths[1], f"{paths[1]}: it crashed.")]
    assert warned == [f"left out: {paths[1]}: it crashed.", "1 of 4 files was left out; the others were done."]


def test_predict_strict_ends_with_the_recording_that_ends_its_process(lose, tmp_path):
    paths = [record(tmp_path / f"{name}.wav", 2_000) for name in "ab"]
    lose("b.wav")
    with pytest.raises(InputError, match=r"b\.wav: it crashed\."):
        sa.predict(paths, "pretrained", output_dir=tmp_path / "out", engine="dask", strict=True)


def test_predict_error_that_is_not_of_one_recording_ends_the_run(monkeypatch, tmp_path):
    paths = [record(tmp_path / f"{name}.wav", 2_000) for name in "abc"]

    class FullDisk(InlineEngine):
        def run(self, function, chunks, *, limit_s):
            yield from super().run(function, ([item] for item in next(iter(chunks))[:1]), limit_s=limit_s)
            raise InputError("The worker on node7: out/b.wav could not be written: the disk is full.")

    monkeypatch.setattr(engines, "open_engine", lambda *args, **options: nullcontext(FullDisk()))
    with pytest.raises(InputError, match=r"^The worker on node7"):
        sa.predict(paths, "pretrained", output_dir=tmp_path / "out", engine="dask")
    assert names_in(tmp_path / "out") == ["a.wav"]
