"""With --salvage, a recording that is cut short is used, and a line says how much of it."""

import pytest
import soundfile as sf

from speech_autoencoder.cli.inputs import duration_s
from speech_autoencoder.errors import InputError
from tests.helpers.common import make_speech


def test_duration_s_cut_short_is_refused_or_said(tmp_path, capsys):
    path = tmp_path / "a.wav"
    sf.write(path, make_speech(16_000, 16_000), 16_000)
    assert duration_s(path, salvage=True) == 1
    assert capsys.readouterr().err == ""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"is cut short: .*--salvage"):
        duration_s(path)
    assert duration_s(path, salvage=True) == pytest.approx(0.5, abs=0.01)
    assert f"{path}: 0.50 s of 1.00 s used: the rest is missing" in capsys.readouterr().err
