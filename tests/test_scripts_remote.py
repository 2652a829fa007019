"""The scripts with recordings, arrays, models and outputs under URLs, from a server on the loopback."""

import os
import subprocess
import sys

import pytest

import speech_autoencoder as sa
from speech_autoencoder.model import pretrained
from speech_autoencoder.storage.remote_path import expanded
from tests.helpers import s3_server
from tests.helpers.common import ROOT, assert_refused, contents_of, refused

ACCESS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture
def remote(bucket, corpus):
    """Return the URL of the corpus."""
    return s3_server.upload(corpus, f"{bucket}/corpus")


def run(script, *arguments, cwd, without=()):
    """Return the finished process of a script, which may ask the server."""
    command = [sys.executable, str(ROOT / f"{script}.py"), *map(str, arguments)]
    environment = {key: value for key, value in os.environ.items() if key not in without}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=200, check=False)


def test_generator_makes_parts_under_a_url_goes_on_with_what_is_missing_and_shows_no_credentials(
    remote, bucket, corpus, tmp_path
):
    access = f"s3://{s3_server.KEY}:{s3_server.SECRET}@"
    source, output = (url.replace("s3://", access) for url in (remote, f"{bucket}/arrays/train_data"))
    arguments = ["--audio-dir", source, "--output", output, "--parts", 2]
    sa.build_dataset(corpus, tmp_path / "here", parts=2)
    here = {path.name: path.read_bytes() for path in (tmp_path / "here").iterdir()}

    first = run("train_data_generator", *arguments, cwd=tmp_path, without=ACCESS)
    assert first.returncode == 0, first.stderr
    assert "4 recordings were new or had changed" in first.stdout
    there = s3_server.files_in(f"{bucket}/arrays/train_data")
    assert sorted(there) == sorted(here)
    assert all(there[name] == content for name, content in here.items() if name.endswith(".npy"))

    for name in ("part-00001.npy", "part-00001.json", "index.json"):  # as if the run had been killed before them
        expanded(f"{bucket}/arrays/train_data/{name}").unlink()
    assert sa.build_dataset(source, output, parts=2).n_computed == 2
    again = s3_server.files_in(f"{bucket}/arrays/train_data")
    assert again == there

    shown = first.stdout + first.stderr
    written = b"".join(content for name, content in again.items() if name.endswith(".json")).decode()
    for secret in (s3_server.KEY, s3_server.SECRET, "secret"):
        assert secret not in shown + written
    assert f"{remote}" in written


def test_array_in_parts_under_a_url_is_what_functions_take(remote, bucket, corpus, tmp_path):
    sa.build_dataset(remote, f"{bucket}/train_data", parts=2)
    summary = sa.build_dataset(remote, f"{bucket}/test_data.npy", like=f"{bucket}/train_data")
    assert summary.n_recordings == 4
    sa.build_dataset(corpus, tmp_path / "test_data.npy")
    assert s3_server.files_in(bucket)["test_data.npy"] == (tmp_path / "test_data.npy").read_bytes()


def test_predict_of_a_remote_recording_with_a_remote_model_gives_the_same_sound(remote, bucket, corpus, tmp_path):
    model = s3_server.upload(pretrained.PATH, f"{bucket}/models/model.h5")
    here = sa.predict(corpus / "7_ben_2.wav", pretrained.PATH, output=tmp_path / "here.wav").reconstructions[0]
    there = sa.predict(f"{remote}/7_ben*.wav", model, output=f"{bucket}/a.wav", figure=True)
    assert [str(path) for path in (*there.reconstructions, there.figure)] == [f"{bucket}/a.wav", f"{bucket}/a.png"]
    assert s3_server.files_in(bucket)["a.wav"] == here.read_bytes()


def test_generator_without_credentials_is_refused_in_a_line(remote, tmp_path):
    done = run("train_data_generator", "--audio-dir", remote, "--output", "x.npy", cwd=tmp_path, without=ACCESS)
    assert_refused(done, f"{remote} could not be read: no credentials were found; set AWS_ACCESS_KEY_ID")
    assert not (tmp_path / "x.npy").exists()


def test_output_that_is_not_ours_under_a_url_is_kept_unless_overwritten(remote, bucket, corpus, tmp_path):
    (tmp_path / "mine.npy").write_text("mine")
    s3_server.upload(tmp_path / "mine.npy", f"{bucket}/mine.npy")
    refused(
        f"{bucket}/mine.npy exists and was not made by this program",
        do=lambda: sa.build_dataset(remote, f"{bucket}/mine.npy"),
    )
    assert s3_server.files_in(bucket)["mine.npy"] == b"mine"
    sa.build_dataset(remote, f"{bucket}/mine.npy", overwrite=True)
    assert s3_server.files_in(bucket)["mine.npy"].startswith(b"\x93NUMPY")


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda url: sa.build_dataset(url, "s3://no-such-bucket/a.npy"), "there is no such bucket; make it first"),
        (
            lambda url: sa.build_dataset(url, "https://127.0.0.1:9/a.npy"),
            "a.npy: its server does not answer; check the",
        ),
        (lambda url: sa.load(f"{url}/model.h5"), "corpus/model.h5 is missing"),
        (lambda url: sa.load(f"{url}/5_anna_0.wav"), "corpus/5_anna_0.wav is not an HDF5 file"),
        (lambda url: sa.predict(f"{url}/none.wav", pretrained.PATH), "corpus/none.wav could not be read: there is no"),
    ],
)
def test_function_that_cannot_use_a_url_says_so_in_a_line_and_writes_nothing(do, words, remote, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = contents_of(tmp_path)
    refused(words, do=lambda: do(remote))
    assert contents_of(tmp_path) == before
