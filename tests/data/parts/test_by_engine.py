"""Arrays, and parts, that an engine makes in chunks: byte for byte those of threads, whatever is lost on the way."""

import shutil
from functools import partial

import pytest

from speech_autoencoder.data import building
from speech_autoencoder.data.parts import shares as shares_module
from speech_autoencoder.data.parts.by_engine import analyser_on, pieces_of, remove_pieces, run_on
from speech_autoencoder.data.parts.making import Making, make_part, make_parts
from speech_autoencoder.data.parts.shares import Shares, sizes_of
from speech_autoencoder.data.recording_names import understand
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.errors import InputError
from tests.helpers.common import TINY
from tests.helpers.inline_engine import InlineEngine


@pytest.fixture
def folder(corpus, monkeypatch):
    """Return a folder of six recordings of which two cannot be used, so small that each is a piece."""
    monkeypatch.setattr(shares_module, "_PIECE_BYTES", (1, 20_000))
    first = next(path for path in sorted(corpus.rglob("*")) if path.is_file())
    (corpus / "cut.wav").write_bytes(first.read_bytes()[:-900])
    (corpus / "text.wav").write_text("no sound")
    return corpus


def build(folder, array_path, engine=None, **options):
    """Make the array of a folder, by an engine or in threads."""
    recordings = Recordings.of_folder(folder)
    given = {"strict": False, "salvage": False} | options
    analyser = None
    if engine:
        told = recordings.understand(understand)
        analyser = analyser_on(engine, recordings, told, array_path, TINY, **given)
    return building.build(recordings, array_path, TINY, workers=1, analyser=analyser, **given)


def contents(array_path):
    return array_path.read_bytes(), array_path.with_suffix(".json").read_text()


@pytest.mark.parametrize("salvage", [False, True])
def test_build_by_an_engine_gives_the_bytes_of_threads(folder, tmp_path, salvage):
    expected = build(folder, tmp_path / "threads.npy", salvage=salvage)
    found = build(folder, tmp_path / "engine.npy", InlineEngine(), salvage=salvage)
    assert contents(tmp_path / "engine.npy") == contents(tmp_path / "threads.npy")
    assert (found.left_out, found.notes, found.n_computed) == (expected.left_out, expected.notes, expected.n_computed)
    assert bool(found.notes) == salvage


def test_build_by_an_engine_after_changes_has_it_analyse_the_new_recordings_alone(folder, tmp_path):
    for name in ("threads", "engine"):
        build(folder, tmp_path / f"{name}.npy")
    paths = sorted(path for path in folder.rglob("*.wav") if path.stat().st_size > 2_000)
    shutil.copy(paths[0], folder / "another.wav")
    paths[-1].unlink()
    asked = []

    def note(item):
        asked.append(item.name)
        return False

    build(folder, tmp_path / "threads.npy")
    found = build(folder, tmp_path / "engine.npy", InlineEngine(note))
    assert contents(tmp_path / "engine.npy") == contents(tmp_path / "threads.npy")
    assert found.n_computed == 1
    assert "another.wav" in asked
    assert paths[0].name not in asked


def test_build_recording_that_an_engine_loses_is_named_and_tried_again(folder, tmp_path):
    lost = sorted(path for path in folder.rglob("*.wav") if path.stat().st_size > 2_000)[1]
    name = lost.relative_to(folder).as_posix()
    found = build(folder, tmp_path / "a.npy", InlineEngine(lambda item: item.name == name))
    assert (name, f"{lost} could not be analysed: it crashed.") in found.left_out

    again = build(folder, tmp_path / "a.npy", InlineEngine())
    build(folder, tmp_path / "b.npy")
    assert again.n_computed == 1
    assert contents(tmp_path / "a.npy") == contents(tmp_path / "b.npy")

    with pytest.raises(InputError, match="could not be analysed: it crashed"):
        build(folder, tmp_path / "c.npy", InlineEngine(lambda item: item.name == name), strict=True)


class Interrupted(InlineEngine):
    """An engine that is interrupted after some chunks."""

    def run(self, function, chunks, *, limit_s):
        """Yield the results of three chunks."""
        results = super().run(function, chunks, limit_s=limit_s)
        for _ in range(3):
            yield next(results)
        raise KeyboardInterrupt


def test_build_by_an_engine_that_was_interrupted_goes_on_with_its_pieces(folder, tmp_path):
    path = tmp_path / "a.npy"
    with pytest.raises(KeyboardInterrupt):
        build(folder, path, Interrupted())
    assert not path.exists()
    pieces = {piece: piece.stat().st_mtime_ns for piece in pieces_of(path).glob("*.npy")}
    assert len(pieces) == 3
    build(folder, path, InlineEngine())
    assert {piece: piece.stat().st_mtime_ns for piece in pieces} == pieces
    build(folder, tmp_path / "b.npy")
    assert contents(path) == contents(tmp_path / "b.npy")
    remove_pieces(path)
    assert not pieces_of(path).exists()


@pytest.mark.parametrize("n_lost", [0, 1, 2])
def test_make_parts_of_divided_shares_are_put_together(folder, tmp_path, n_lost):
    """A part whose share was divided is the one that a single process makes of the recordings that are left."""
    recordings = Recordings.of_folder(folder)
    told = recordings.understand(understand)
    shares = Shares(recordings, told, sizes_of(recordings), count=2)
    lost = [name for name in recordings.names if (folder / name).stat().st_size > 2_000][:n_lost]

    def make(path, run):
        path.mkdir()
        making = Making.of(
            recordings, told, path, TINY, strict=False, salvage=False, count=2, pieces=tmp_path / "pieces"
        )
        if run:
            return list(make_parts(shares, making, run))
        return [make_part(shares.items(i), making=making) for i in range(2)]

    found = make(tmp_path / "engine", run_on(InlineEngine(lambda item: item.name in lost), recordings))
    for name in lost:
        (folder / name).write_bytes(b"")
    expected = make(tmp_path / "threads", None)
    assert [part.n_recordings for part in found] == [part.n_recordings for part in expected]
    assert [name for part in found for name, reason in part.left_out if "it crashed" in reason] == lost
    for path in (tmp_path / "threads").glob("*.npy"):
        assert (tmp_path / "engine" / path.name).read_bytes() == path.read_bytes()


def test_make_parts_by_an_engine_writes_the_files_of_threads(folder, tmp_path):
    recordings = Recordings.of_folder(folder)
    told = recordings.understand(understand)
    shares = Shares(recordings, told, sizes_of(recordings), count=3)
    for name in ("threads", "engine"):
        (tmp_path / name).mkdir()
        making = Making.of(recordings, told, tmp_path / name, TINY, strict=False, salvage=False, count=3)
        if name == "engine":
            list(make_parts(shares, making, run_on(InlineEngine(), recordings)))
        else:
            list(map(partial(make_part, making=making), shares.all_items()))
    expected = {path.name: path.read_bytes() for path in (tmp_path / "threads").iterdir()}
    assert len(expected) == 6
    assert {path.name: path.read_bytes() for path in (tmp_path / "engine").iterdir()} == expected
