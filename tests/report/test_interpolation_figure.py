"""The figure of sounds between two recordings is readable, whatever their names, lengths and count."""

import numpy as np
import pytest

from speech_autoencoder.report.interpolation_figure import draw_interpolation
from tests.helpers.common import TINY, is_figure, png_size

pytestmark = pytest.mark.usefixtures("no_warning")


def draw(path, lengths, names=("a.wav", "b.wav"), seed=0):
    """Write the figure of log-mels of these counts of frames."""
    rng = np.random.default_rng(seed)
    log_mels = [rng.random((TINY.n_mels, n), np.float32) for n in lengths]
    draw_interpolation(path, names, np.linspace(0, 1, len(lengths)), log_mels, TINY)
    return path


@pytest.mark.parametrize("lengths", [(2, 2), (1, 300), (60, 50, 40, 30, 20), range(20, 29)], ids=str)
def test_draw_interpolation_has_a_row_for_each_sound(tmp_path, lengths):
    path = draw(tmp_path / "a.png", lengths)
    assert is_figure(path)
    assert png_size(path)[1] > 120 * len(lengths)


@pytest.mark.parametrize("name", ["$x$.wav", "_^{.wav", "a\nb.wav", "日本語.wav", "\udcff.wav"], ids=ascii)
def test_draw_interpolation_of_any_name(tmp_path, name):
    assert is_figure(draw(tmp_path / "a.png", (5, 6), names=(name, name)))


def test_draw_interpolation_shows_the_log_mels(tmp_path):
    assert draw(tmp_path / "a.png", (5, 6)).read_bytes() != draw(tmp_path / "b.png", (5, 6), seed=1).read_bytes()
