"""Damaged arrays, models and codec files: each is read or refused, and a reader that does more is noticed."""

from collections import Counter

import pytest

from robustness import fuzz_files
from speech_autoencoder.errors import InputError


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_prepare_damaged_arrays_models_and_codec_files_are_read_or_refused(originals, tmp_path):
    """A small form of python -m robustness.fuzz_files, which reads 22,000, in watched processes."""
    check, refused = fuzz_files.prepare(originals, 1, tmp_path), Counter()
    for kind in fuzz_files.KINDS:
        for number in range(8 if kind.startswith("model") else 40):
            try:
                check((kind, number))
            except InputError as error:
                assert "\n" not in str(error)
                assert len(str(error)) < 1_000
                refused[kind] += 1
    assert set(refused) == set(fuzz_files.KINDS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_prepare_reader_that_touches_a_file_is_noticed(originals, tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz_files, "read_array", lambda path: path.with_name("egg").mkdir())
    with pytest.raises(PermissionError, match="ran code"):
        fuzz_files.prepare(originals, 1, tmp_path)(("array: bytes", 0))


def test_prepare_undamaged_files_are_read(originals, tmp_path, monkeypatch):
    for kind, (_, suffix) in fuzz_files.KINDS.items():
        monkeypatch.setitem(fuzz_files.KINDS, kind, (lambda path, rng: None, suffix))
    check = fuzz_files.prepare(originals, 1, tmp_path)
    for kind in ("array: bytes", "model: bytes", "codec file: bytes"):
        assert check((kind, 0))
