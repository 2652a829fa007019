"""How cost grows with the number of recordings."""

import pytest

from benchmarks.speed import growth


def test_slopes_of_a_line_and_a_square():
    assert growth.slopes([1, 10, 100], [2.0, 20.0, 2_000.0]) == pytest.approx([1, 2])
    assert growth.slopes([1, 10, 100], [2.0, 20.0, None]) == pytest.approx([1])


def test_make_corpus_has_as_many_recordings_as_asked(recordings, tmp_path):
    assert len(list(growth.make_corpus(recordings, 9, tmp_path / "many").iterdir())) == 9


def test_draw_writes_a_figure(tmp_path):
    growth.draw(tmp_path / "a.png", [1, 9], {"features": [1.0, 2.0], "training epoch": [1.0, None]})
    assert (tmp_path / "a.png").stat().st_size > 1_000
