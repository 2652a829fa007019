"""What the program reads is compared with what ffmpeg reads, and every difference is listed."""

import sys

import pytest
import soundfile as sf

from robustness import odd_files
from tests.helpers.common import make_speech


@pytest.fixture
def folder(tmp_path):
    """Write a recording that is whole, one that is cut short, and a page, and return their folder."""
    for name in ("whole.wav", "cut.wav"):
        sf.write(tmp_path / name, make_speech(16_000, 16_000), 16_000)
    content = (tmp_path / "cut.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(content[: len(content) // 2])
    (tmp_path / "page.mp3").write_text("<html>")
    return tmp_path


def run(monkeypatch, capsys, *args):
    monkeypatch.setattr(sys, "argv", ["odd_files", *map(str, args)])
    odd_files.main()
    return capsys.readouterr().out


def test_main_without_ffmpeg_says_so_and_counts(folder, monkeypatch, capsys):
    monkeypatch.setattr(odd_files.shutil, "which", lambda name: None)
    said = run(monkeypatch, capsys, folder)
    assert said.startswith("There is no ffmpeg here")
    assert "| read (there is no ffmpeg) | 1 |" in said
    assert "| refused (there is no ffmpeg) | 2 |" in said
    assert said.endswith("| all | 3 |\n")
    assert "cut.wav is cut short" in said


@pytest.mark.parametrize(
    ("theirs", "rows"),
    [
        ({"whole.wav": 1.0, "cut.wav": 0.5}, ["as long as by ffmpeg | 1", "read by ffmpeg | 1", "also by ffmpeg | 1"]),
        ({"whole.wav": 1.02}, ["another length than by ffmpeg | 1", "refused, also by ffmpeg | 2"]),
        ({}, ["read, refused by ffmpeg | 1", "refused, also by ffmpeg | 2"]),
    ],
)
def test_main_lists_what_differs_from_ffmpeg(folder, monkeypatch, capsys, theirs, rows):
    monkeypatch.setattr(odd_files, "ffmpeg_length_s", lambda ffmpeg, path: theirs.get(path.name))
    said = run(monkeypatch, capsys, folder, "--ffmpeg", "ffmpeg")
    assert all(row in said for row in rows)
    assert ("whole.wav: read, another length than by ffmpeg: 1.00 s; ffmpeg reads 1.02 s" in said) == (
        1.02 in theirs.values()
    )


def test_main_salvage_reads_what_is_there(folder, monkeypatch, capsys):
    monkeypatch.setattr(odd_files, "ffmpeg_length_s", lambda ffmpeg, path: {"cut.wav": 0.499}.get(path.name))
    said = run(monkeypatch, capsys, folder, "--ffmpeg", "ffmpeg", "--salvage", "--verbose")
    assert "cut.wav: read, as long as by ffmpeg: 0.50 s of 1.00 s used: the rest is missing" in said
