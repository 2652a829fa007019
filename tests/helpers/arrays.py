"""What happens to a folder of recordings, to its array and to the sidecar of that."""

import json

import soundfile as sf

from speech_autoencoder.config import CLASSIC
from speech_autoencoder.data.building import build
from speech_autoencoder.data.dataset import load, sidecar_path
from tests.helpers.common import TINY, make_speech


def write_sounds(sounds, folder):
    """The folder, which now holds the recordings {name: (waveform, sr)}."""
    for name, (sound, sr) in sounds.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        sf.write(folder / name, sound, sr)
    return folder


def array_of(sounds, folder):
    """The Dataset, of `classic` features, of sounds {name: (waveform, sr)}; all that it needs is in folder."""
    build(write_sounds(sounds, folder / "audio"), folder / "data.npy", CLASSIC, workers=1)
    return load(folder / "data.npy", "")


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
