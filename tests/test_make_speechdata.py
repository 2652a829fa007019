"""The tool that makes speechdata/ replaces no recordings but its own."""

import pytest

from tools.make_speechdata import require_only_generated
from tools.speechdata_clips import SpeechdataError


def test_require_only_generated_recording_of_others_is_refused(tmp_path):
    require_only_generated(tmp_path / "missing")
    for name in ("training/en/a.flac", "testing/en/b.flac", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "split.csv").write_text("side,path\ntraining,training/en/a.flac\ntesting,testing/en/b.flac\n")
    require_only_generated(tmp_path)
    (tmp_path / "testing" / "mine.wav").touch()
    with pytest.raises(SpeechdataError, match=r"mine\.wav was not made by this tool, and would be lost"):
        require_only_generated(tmp_path)
