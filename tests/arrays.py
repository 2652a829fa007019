"""What happens to a folder of recordings, to its array and to the sidecar of that."""

import json

import soundfile as sf
from conftest import TINY, make_speech

from speech_autoencoder.building import build
from speech_autoencoder.dataset import sidecar_path


def contents(array_path):
    """The bytes of an array and its sidecar."""
    return array_path.read_bytes(), sidecar_path(array_path).read_bytes()


def change(corpus):
    """A recording is another now."""
    sf.write(corpus / "7_ben_2.wav", make_speech(6_000, 8_000, 9), 8_000)


def edit_sidecar(array_path, edit):
    """Nothing; edit(data) is done to what the sidecar holds."""
    data = json.loads(sidecar_path(array_path).read_text())
    edit(data)
    sidecar_path(array_path).write_text(json.dumps(data))


def take_sidecar_of_another(corpus, array_path, folder):
    """Nothing; the array has the sidecar of another, that of the corpus after a change."""
    change(corpus)
    build(corpus, folder / "b.npy", TINY, workers=1)
    sidecar_path(folder / "b.npy").replace(sidecar_path(array_path))
