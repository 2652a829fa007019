"""What happens to a folder of recordings, to its array and to the sidecar of that."""

import json

import soundfile as sf

from speech_autoencoder.config import CLASSIC
from speech_autoencoder.data.building import build
from speech_autoencoder.data.dataset import load, sidecar_path
from tests.helpers.common import TINY, make_speech


def write_sounds(sounds, folder):
    """Write recordings {name: (waveform, sr)} into the folder and return it."""
    for name, (sound, sr) in sounds.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        sf.write(folder / name, sound, sr)
    return folder


def array_of(sounds, folder):
    """Return the Dataset of sounds {name: (waveform, sr)} with `classic` features; its files are in the folder."""
    build(write_sounds(sounds, folder / "audio"), folder / "data.npy", CLASSIC, workers=1)
    return load(folder / "data.npy", "")


def contents(array_path):
    """Return the bytes of an array and of its sidecar."""
    return array_path.read_bytes(), sidecar_path(array_path).read_bytes()


def change(corpus):
    """Replace a recording by another."""
    sf.write(corpus / "7_ben_2.wav", make_speech(6_000, 8_000, 9), 8_000)


def edit_sidecar(array_path, edit):
    """Apply edit(data) to the content of the sidecar."""
    data = json.loads(sidecar_path(array_path).read_text())
    edit(data)
    sidecar_path(array_path).write_text(json.dumps(data))


def take_sidecar_of_another(corpus, array_path, folder):
    """Give the array the sidecar of another one, made after a change of the corpus."""
    change(corpus)
    build(corpus, folder / "b.npy", TINY, workers=1)
    sidecar_path(folder / "b.npy").replace(sidecar_path(array_path))
