"""Damaged recordings: the same for a seed, and each is used or refused."""

from collections import Counter
from pathlib import Path

import pytest

from robustness import fuzz_audio
from robustness.damage.ogg_checksums import correct_checksums


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="workers are watched through /proc")
@pytest.mark.parametrize(("library", "n_files"), [("libsndfile", 500), ("PyAV", 300)])
def test_fuzz_damaged_recordings_are_used_or_refused(library, n_files):
    """A small form of python -m robustness.fuzz_audio, which reads 20,000."""
    if library == "PyAV":
        pytest.importorskip("av")
    ends, wrong = Counter(), []
    for kind, outcome in fuzz_audio.fuzz(n_files, seed=1, workers=1, library=library):
        ends[kind, outcome.end] += 1
        if outcome.end not in ("used", "refused"):
            wrong.append((kind, outcome))
    assert wrong == []
    assert sum(ends.values()) == n_files
    assert {kind for kind, _ in ends} == {fuzz_audio.KINDS[index].name for index in fuzz_audio.kinds_of(library)}
    assert min(sum(n for (_, end), n in ends.items() if end == wanted) for wanted in ("used", "refused")) > n_files / 10


def test_mutant_same_seed_is_the_same():
    assert fuzz_audio.mutant(0, 7) == fuzz_audio.mutant(0, 7) != fuzz_audio.mutant(1, 7)


def test_correct_checksums_undamaged_file_is_unchanged():
    for index, kind in enumerate(fuzz_audio.KINDS):
        if kind.formats == "OGG":
            content = fuzz_audio.undamaged(index)[0]
            assert correct_checksums(content) == content
            spoiled = content[:22] + b"\0\0\0\0" + content[26:]
            assert correct_checksums(spoiled) == content
