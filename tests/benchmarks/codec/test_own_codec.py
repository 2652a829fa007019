"""Our codec, by its command line."""

import numpy as np
import soundfile as sf

from benchmarks.codec import own_codec

SR = 8_000


def test_make_codec_counts_the_bytes_of_whole_files(monkeypatch, tmp_path):
    calls = []

    def run(verb, *arguments):
        """Keep every second byte of a file as its code, and decode it to silence of another length."""
        calls.append((verb, arguments[-4:]))
        sources, folder = arguments[: arguments.index("--output-dir")], arguments[arguments.index("--output-dir") + 1]
        folder.mkdir()
        for path in sources:
            if verb == "encode":
                (folder / f"{path.stem}.sae").write_bytes(path.read_bytes()[::2])
            else:
                sf.write(folder / f"{path.stem}.wav", np.zeros(100), SR)

    monkeypatch.setattr(own_codec, "_run", run)
    codec = own_codec.make_codec(tmp_path / "model.h5", [0.8, 6.0])
    assert list(codec.settings) == ["0.8", "6"]
    coded = codec.code("0.8", [np.zeros(1_000), np.zeros(50)], SR)
    assert [len(x) for x in coded.waveforms] == [1_000, 50]
    assert coded.n_bytes == [(44 + 2_000) / 2, (44 + 100) / 2]
    assert calls[0] == ("encode", ("--model", (tmp_path / "model.h5").resolve(), "--bitrate", "0.8"))
