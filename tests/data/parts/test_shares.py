"""Everyone who has the same list of recordings divides it in the same way; recordings stay in their parts."""

from itertools import chain
from pathlib import Path

import pytest

from speech_autoencoder.data.parts import shares
from speech_autoencoder.data.parts.shares import Shares
from speech_autoencoder.data.recording_names import Understanding
from speech_autoencoder.data.recordings import Recordings


def divide(names, sizes=None, **options):
    """Return the names of each share."""
    found = of(names, sizes, **options)
    return [[item.name for item in items] for items in found.all_items()]


def of(names, sizes=None, speakers=None, **options):
    """Return the Shares of recordings of these names."""
    nothing = [""] * len(names)
    told = Understanding(speakers or nothing, nothing)
    return Shares(Recordings(Path("nowhere"), list(names)), told, sizes or [1] * len(names), **options)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 25, 26])
@pytest.mark.parametrize("sizes", [[1] * 26, [1000] + [1] * 25, [1] * 25 + [1000], list(range(26)), [0] * 26])
def test_shares_of_a_count_are_that_many_in_order_and_none_is_empty(count, sizes):
    letters = list("abcdefghijklmnopqrstuvwxyz")
    found = divide(letters, sizes, count=count)
    assert len(found) == count
    assert all(found)
    assert list(chain.from_iterable(found)) == letters


def test_shares_of_a_count_are_of_about_the_same_size():
    sizes = [(7 * i) % 13 + 1 for i in range(1_000)]
    found = of([f"{i:04}" for i in range(1_000)], sizes, count=8)
    totals = [sum(sizes[a:b]) for a, b in zip(found.bounds, found.bounds[1:], strict=False)]
    assert max(totals) - min(totals) <= 2 * max(sizes)


def test_shares_without_a_count_are_of_a_size_at_most_unless_one_recording_is_larger():
    assert divide("abcdefg", [3, 3, 3, 20, 1, 1, 1], size=6) == [["a", "b"], ["c"], ["d"], ["e", "f", "g"]]


def test_shares_tell_every_task_the_same_and_what_differs():
    names = ["0_anna_0.wav", "0_ben_0.wav", "1_anna_0.wav"]
    share = of(names, count=2).items(0)[0].share
    assert share == of(names, count=2).items(0)[-1].share
    assert (share.number, share.of) == (0, 2)
    assert of(names, count=2).listing == share.listing
    for other in (of(names, count=3), of(names[:2], count=2), of(names, speakers=["anna", "", ""], count=2)):
        assert other.listing != share.listing


def test_shares_recordings_stay_in_their_parts_when_others_come_and_go():
    names = [f"{letter}{i}" for letter in "bcde" for i in range(10)]
    before = divide(names, count=4)
    firsts = [share[0] for share in before]
    changed = ["a0", "a1", "a2", "c0a", *(name for name in names if name not in ("d0", "e5")), "f0"]
    after = divide(changed, count=4, firsts=firsts)
    for old, new in zip(before, after, strict=True):
        assert set(old) & set(changed) <= set(new)
    assert list(chain.from_iterable(after)) == changed
    # Without a share that is left empty.
    assert divide(names[:15], count=4, firsts=firsts) == divide(names[:15], count=4)


def test_shares_that_have_grown_are_divided_anew_and_earlier_ones_stay():
    names = [f"{i:03}" for i in range(100)]
    before = divide(names, size=30)
    grown = [f"{i:03}" for i in range(140)]
    assert divide(grown[:110], size=30, firsts=[share[0] for share in before])[:-1] == before[:-1]
    after = divide(grown, size=20, firsts=["000", "020", "040"])
    assert max(map(len, after)) <= 20
    assert after[:2] == [grown[:20], grown[20:40]]


def test_sizes_of_count_the_sound_not_the_bytes_of_a_compressed_file(tmp_path):
    for name in ("a.wav", "b.flac", "c.mp3"):
        (tmp_path / name).write_bytes(bytes(32_000))
    a, b, c, gone = shares.sizes_of(Recordings(tmp_path, ["a.wav", "b.flac", "c.mp3", "gone.wav"]))
    assert gone < a < b < c
