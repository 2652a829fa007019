"""Names with accents are found in either spelling."""

import unicodedata

import pytest

from speech_autoencoder.storage.remote_path import expanded
from speech_autoencoder.system.spelling import on_disk


def spelled(form, text):
    """Return a text in NFC or NFD."""
    return unicodedata.normalize(form, text)


@pytest.mark.parametrize(("disk", "typed"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_on_disk_other_spelling_is_found_in_every_part_of_a_path(tmp_path, disk, typed):
    path = tmp_path / spelled(disk, "Aufnahmen für 한국") / "a" / spelled(disk, "Café.wav")
    path.parent.mkdir(parents=True)
    path.touch()
    other = tmp_path / spelled(typed, "Aufnahmen für 한국") / "a" / spelled(typed, "Café.wav")
    if other.exists():
        pytest.skip("this file system takes both spellings for one")
    assert on_disk(other) == expanded(other) == path
    assert on_disk(path) == path


def test_on_disk_output_goes_into_the_folder_that_exists(tmp_path):
    folder = tmp_path / spelled("NFD", "Töne")
    folder.mkdir()
    new = spelled("NFC", "neu é.wav")
    assert on_disk(tmp_path / spelled("NFC", "Töne") / new) == folder / new


def test_on_disk_both_spellings_exist_and_the_typed_one_is_taken(tmp_path):
    for form in ("NFC", "NFD"):
        (tmp_path / spelled(form, "é.wav")).touch()
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system takes both spellings for one")
    for form in ("NFC", "NFD"):
        assert on_disk(tmp_path / spelled(form, "é.wav")).name == spelled(form, "é.wav")


def test_on_disk_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / spelled("NFD", "é.wav")).touch()
    path = on_disk(tmp_path.relative_to(tmp_path) / spelled("NFC", "é.wav"))
    assert path.exists()
    assert not path.is_absolute()


def test_on_disk_nothing_alike_stays_as_it_is(tmp_path):
    path = tmp_path / "gone" / "é.wav"
    assert on_disk(path) == path
