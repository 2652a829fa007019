"""A small folder of recordings, and what happens to it and to the sidecar of its array."""

import json

import soundfile as sf
from conftest import make_speech

from speech_autoencoder.dataset import sidecar_path

LENGTHS = {"5_anna_0.wav": 9_000, "sub/7_ben_1.flac": 2_000, "7_ben_2.wav": 2_500, "a b/한.wav": 1}


def make_corpus(folder):
    """Nothing; the folder holds four recordings of other rates and lengths."""
    for seed, (name, n_samples) in enumerate(LENGTHS.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, make_speech(n_samples, 8_000, seed), 8_000 if seed else 16_000)


def change(corpus):
    """A recording is another now."""
    sf.write(corpus / "7_ben_2.wav", make_speech(6_000, 8_000, 9), 8_000)


def edit_sidecar(array_path, edit):
    """Nothing; edit(data) is done to what the sidecar holds."""
    data = json.loads(sidecar_path(array_path).read_text())
    edit(data)
    sidecar_path(array_path).write_text(json.dumps(data))
