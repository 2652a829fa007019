"""Recordings under URLs become the same arrays as those on this computer; unchanged ones are not fetched again."""

import json
import shutil

import pytest

from speech_autoencoder.data import building, dataset
from speech_autoencoder.data.audio_list import read_audio_list
from speech_autoencoder.data.labels_file import find_labels
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.data.sidecar.columns import FILE_COLUMNS
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage import server
from speech_autoencoder.storage.remote_path import expanded
from tests.helpers import s3_server
from tests.helpers.common import LENGTHS, TINY, refused


@pytest.fixture
def remote(bucket, corpus):
    """Return the remote folder of the corpus."""
    return expanded(s3_server.upload(corpus, f"{bucket}/corpus"))


@pytest.fixture
def asked(monkeypatch):
    """Return a list of what is asked of the server from now on: the name of the question, and the path."""
    questions = []

    def counted(name, question):
        def ask(path, *arguments, **options):
            questions.append((name, str(path)))
            return question(path, *arguments, **options)

        return ask

    for name in ("status", "find", "fetch", "opened", "names"):
        monkeypatch.setattr(server, name, counted(name, getattr(server, name)))
    return questions


def build(source, path, **options):
    """Make an array of recordings."""
    return building.build(source, path, TINY, workers=2, **options)


def sidecar(path):
    """Return the sidecar of an array."""
    return json.loads(path.with_suffix(".json").read_text())


def test_build_of_a_remote_folder_gives_the_same_array(remote, corpus, tmp_path):
    build(corpus, tmp_path / "here.npy")
    build(remote, tmp_path / "there.npy")
    assert (tmp_path / "there.npy").read_bytes() == (tmp_path / "here.npy").read_bytes()
    here, there = sidecar(tmp_path / "here.npy"), sidecar(tmp_path / "there.npy")
    stamps = {"mtime_ns", *FILE_COLUMNS}
    assert there["audio_dir"] == there["audio_dir_absolute"] == str(remote)
    assert there["fingerprint"] == here["fingerprint"]
    assert all(there["recordings"][key] == column for key, column in here["recordings"].items() if key not in stamps)


def test_build_of_a_remote_folder_lists_it_once_and_fetches_each_recording_once(remote, tmp_path, asked):
    build(remote, tmp_path / "train_data.npy")
    names = [name for name, _ in asked]
    assert names.count("find") == 1
    assert sorted(path for name, path in asked if name == "fetch") == sorted(f"{remote}/{name}" for name in LENGTHS)
    assert {*names} == {"find", "fetch"}


def test_build_again_fetches_what_has_changed_and_nothing_else(remote, corpus, tmp_path, asked):
    path = tmp_path / "train_data.npy"
    build(remote, path)
    asked.clear()
    assert not build(expanded(str(remote)), path).written
    assert asked == [("find", str(remote))]
    shutil.copy(corpus / "5_anna_0.wav", corpus / "7_ben_2.wav")
    s3_server.upload(corpus / "7_ben_2.wav", f"{remote}/7_ben_2.wav")
    asked.clear()
    assert build(expanded(str(remote)), path).n_computed == 1
    assert {path for name, path in asked if name == "fetch"} == {f"{remote}/7_ben_2.wav"}


def test_build_leaves_out_what_cannot_be_used_under_its_url(remote, bucket, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    s3_server.upload(tmp_path / "bad.wav", f"{remote}/bad.wav")
    summary = build(expanded(str(remote)), tmp_path / "train_data.npy")
    assert [name for name, _ in summary.left_out] == ["bad.wav"]
    assert summary.left_out[0][1].startswith(f"{remote}/bad.wav ")


def test_dataset_reads_and_checks_remote_recordings(remote, corpus, tmp_path, asked):
    build(corpus, tmp_path / "here.npy")
    build(remote, tmp_path / "there.npy")
    here, there = (dataset.load(tmp_path / name, "") for name in ("here.npy", "there.npy"))
    first = there.names.index("5_anna_0.wav")
    assert (there.read(first) == here.read(first)).all()
    asked.clear()
    assert there.missing() == []
    assert asked == [("find", str(remote))]
    assert not there.has_changed(first)
    expanded(f"{remote}/7_ben_2.wav").unlink()
    s3_server.upload(corpus / "sub" / "7_ben_1.flac", f"{remote}/5_anna_0.wav")
    there = dataset.load(tmp_path / "there.npy", "")
    assert there.missing() == ["7_ben_2.wav"]
    assert there.has_changed(first)


def test_build_of_a_list_takes_urls_and_what_is_beside_a_remote_list(remote, corpus, bucket, tmp_path):
    rows = ["path,start,end,speaker", f"{remote}/5_anna_0.wav,0.1,0.3,anna", f"{corpus}/7_ben_2.wav,,,ben"]
    (tmp_path / "list.csv").write_text("\n".join(rows))
    listed = read_audio_list(tmp_path / "list.csv")
    assert [str(listed.recordings.path(name)) for name in listed.recordings.names] == [
        f"{corpus}/7_ben_2.wav",
        f"{remote}/5_anna_0.wav",
    ]
    build(listed.recordings, tmp_path / "mixed.npy")

    rows = ["path,start,end,speaker", "5_anna_0.wav,0.1,0.3,anna", f"{remote}/7_ben_2.wav,,,ben", "none.wav,,,anna"]
    (tmp_path / "list.csv").write_text("\n".join(rows))
    s3_server.upload(tmp_path / "list.csv", f"{remote}/list.csv")
    beside = read_audio_list(expanded(f"{remote}/list.csv"))
    assert beside.recordings.names == ["5_anna_0.wav 0.10-0.30 s", "7_ben_2.wav"]
    assert beside.problems.lines() == ["row 4: there is no file none.wav"]
    build(beside.recordings, tmp_path / "beside.npy")
    one, other = (dataset.load(tmp_path / name, "") for name in ("mixed.npy", "beside.npy"))
    assert sorted(clip.tobytes() for clip in one.clips) == sorted(clip.tobytes() for clip in other.clips)
    assert [one.has_changed(i) for i in range(2)] == [other.has_changed(i) for i in range(2)] == [False, False]


def test_build_of_a_list_of_urls_that_give_access_keeps_them_out_of_the_sidecar(remote, s3_address, tmp_path):
    place = str(remote).removeprefix("s3://")
    url = f"{s3_address}/{place}/5_anna_0.wav"
    (tmp_path / "list.csv").write_text(f"path\n{url}?X-Amz-Signature=secret&X=1\n")
    recordings = read_audio_list(tmp_path / "list.csv").recordings
    assert recordings.path(recordings.names[0]).url.endswith("?X-Amz-Signature=secret&X=1")
    build(recordings, tmp_path / "train_data.npy")
    text = (tmp_path / "train_data.json").read_text()
    assert url in text
    assert "secret" not in text


def test_labels_are_found_in_a_remote_folder(remote, tmp_path):
    assert find_labels(remote) is None
    (tmp_path / "labels.csv").write_text("path,label\n5_anna_0.wav,five\n")
    s3_server.upload(tmp_path / "labels.csv", f"{remote}/Labels.csv")
    assert str(find_labels(Recordings.of_folder(expanded(str(remote))).folder)) == f"{remote}/Labels.csv"


def test_array_under_a_url_is_made_whole_used_again_and_read_from_a_copy(remote, corpus, bucket, tmp_path, asked):
    path = expanded(f"{bucket}/arrays/train_data.npy")
    build(corpus, tmp_path / "here.npy")
    build(remote, path)
    assert s3_server.files_in(f"{bucket}/arrays")["train_data.npy"] == (tmp_path / "here.npy").read_bytes()
    asked.clear()
    assert not build(expanded(str(remote)), path).written
    assert "fetch" not in {name for name, _ in asked}
    data = dataset.load(path, "")
    assert (data.clips[:] == dataset.load(tmp_path / "here.npy", "").clips[:]).all()
    assert str(data.audio_dir) == str(remote)
    assert asked.count(("fetch", str(path))) == 1


def test_array_under_a_url_that_is_not_whole_is_made_again(remote, bucket, tmp_path):
    path = expanded(f"{bucket}/arrays/train_data.npy")
    build(remote, path)
    whole = path.read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:-100])
    s3_server.upload(tmp_path / "cut.npy", str(path))
    refused(f"{path} is not an array of clips", do=lambda: dataset.load(path, ""))
    assert build(expanded(str(remote)), path).written
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://no-such-bucket/corpus", "There is no folder s3://no-such-bucket/corpus"),
        ("{remote}/none", "There is no folder {remote}/none"),
        ("{remote}/5_anna_0.wav", "{remote}/5_anna_0.wav could not be read: a part of its path is a file"),
        (
            "https://host/corpus",
            "https://host/corpus could not be read: https:// has no folders; name files, or give a",
        ),
        ("what://bucket/corpus", "what://bucket/corpus begins with no protocol that fsspec opens"),
    ],
)
def test_recordings_of_a_remote_folder_that_cannot_be_listed_are_refused(remote, url, words):
    url, words = url.format(remote=remote), words.format(remote=remote)
    refused(words, do=lambda: Recordings.of_folder(expanded(url)))


def test_load_of_an_array_that_is_not_there_names_its_url(bucket):
    with pytest.raises(InputError, match=rf"{bucket}/none.npy is missing: run train_data_generator.py first"):
        dataset.load(expanded(f"{bucket}/none.npy"), "train_data_generator.py")
