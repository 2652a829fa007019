"""What command lines read."""

import pytest

from speech_autoencoder.cli.inputs import total_duration_s
from speech_autoencoder.errors import InputError


def test_total_duration_text_is_refused_by_name(tmp_path):
    (tmp_path / "a.wav").write_text("no sound")
    with pytest.raises(InputError, match=r"a\.wav"):
        total_duration_s([tmp_path / "a.wav"])
