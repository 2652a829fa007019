"""Opus with an enhancement of its decoder: the programs are called as they should be, and the packets are counted."""

import os
import sys

import pytest

from benchmarks.codec import enhanced_opus
from tests.helpers.common import make_speech

# A program that keeps the samples of a WAV as the one packet of an Ogg stream, and one that gives them back.
_OPUSENC = """
import pathlib, sys
assert "4008=1103" in sys.argv and "8" in sys.argv, sys.argv
source, coded = map(pathlib.Path, sys.argv[-2:])

def page(data):
    sizes = [*[255] * (len(data) // 255), len(data) % 255]
    return b"OggS" + bytes(22) + bytes([len(sizes), *sizes]) + data

coded.write_bytes(page(b"OpusHead") + page(b"OpusTags") + page(source.read_bytes()[44:1_044]))
"""
_NODE = """
import sys
import numpy as np
script, folder, enhancement, sr, *files = sys.argv[1:]
assert (enhancement, sr) == ("nolace", "16000"), sys.argv
for file in files:
    packet = open(file, "rb").read()[-1_000:]
    (np.frombuffer(packet, "<i2") / 32_768).astype("<f4").tofile(f"{file}.f32")
"""


@pytest.mark.skipif(os.name == "nt", reason="its programs are scripts of a shell")
def test_make_decodes_what_opusenc_wrote_and_counts_its_packets(monkeypatch, tmp_path):
    for name, script in (("opusenc", _OPUSENC), ("node", _NODE)):
        (tmp_path / name).write_text(f"#!{sys.executable}\n{script}")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert not enhanced_opus.is_installed(tmp_path)
    (tmp_path / "node_modules" / "ogg-opus-decoder").mkdir(parents=True)
    assert enhanced_opus.is_installed(tmp_path)
    files = [make_speech(500 + 100 * i, 16_000, i) for i in range(3)]
    coded = enhanced_opus.make("nolace", tmp_path, workers=2).code("8", files, 16_000)
    assert coded.n_bytes == [1_000] * 3
    for file, decoded in zip(files, coded.waveforms, strict=True):
        assert len(decoded) == len(file)
        assert decoded[:500] == pytest.approx(file[:500], abs=1e-4)
