"""What this program has made is told from what others have, whatever the files are called."""

import wave

import h5py
import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.audio.writing import write_stream
from speech_autoencoder.cli import origins
from speech_autoencoder.codec import container
from speech_autoencoder.data.sidecar.columns_file import write_columns
from speech_autoencoder.data.sidecar.json_file import FORMAT as CLIPS
from speech_autoencoder.evaluation.results import FORMAT as EVALUATION
from speech_autoencoder.export import speech_page
from speech_autoencoder.storage.remote_path import expanded
from speech_autoencoder.system.figures import new_figure, save_figure
from speech_autoencoder.system.files import write_json
from speech_autoencoder.system.signed_text import sign
from speech_autoencoder.training.history import History, write_history

CHECKS = {name: check for name, check in vars(origins).items() if name.startswith("is_") and name != "is_regular"}


def kinds_of(path):
    """Return which functions of `origins` call a file ours."""
    return {name for name, check in CHECKS.items() if check(path)}


def make_picture(path, *, size=(11, 6), dpi=120):
    """Draw a figure as anybody does, and as this program did before its figures named it."""
    figure, _ = new_figure(1, 1, size)
    figure.savefig(path, dpi=dpi)


def make_figure(path):
    """Draw a figure as this program does."""
    save_figure(new_figure(1, 1, (2, 2))[0], path)


def make_arrays(path, array=None, **arrays):
    """Write an array, or several by name, whatever the suffix of the path."""
    with path.open("wb") as file:
        np.savez(file, **arrays) if array is None else np.save(file, array)


def make_checkpoint(path):
    """Write some arrays of a checkpoint."""
    make_arrays(path, **dict.fromkeys(("format", "best_loss", "n_epochs", "history_minutes"), np.array(0)))


def make_latents(path):
    """Write the arrays of a file of latents."""
    make_arrays(path, **dict.fromkeys(("latents", "first_row", "mean", "description"), np.array(0)))


def make_hdf5(path, group="another"):
    """Write an HDF5 file as Keras does, with a group beside the weights."""
    with h5py.File(path, "w") as file:
        file.create_dataset("model_weights/dense", data=np.zeros((300, 300), np.float32))
        file.create_dataset(f"{group}/description", data="speech_autoencoder")


OURS = {
    "is_array": lambda path: make_arrays(path, np.zeros((5, 128, 48, 1), np.float32)),
    "is_sidecar": lambda path: write_json(path, {"format": CLIPS, "version": "1"}),
    "is_columns": lambda path: write_columns(path, {"recordings": {"path": ["a.wav"]}}),
    "is_evaluation": lambda path: write_json(path, {"format": EVALUATION, "version": "1"}),
    "is_model": lambda path: make_hdf5(path, "speech_autoencoder"),
    "is_checkpoint": make_checkpoint,
    "is_latents": make_latents,
    "is_history": lambda path: write_history(path, History()),
    "is_speech_page": lambda path: path.write_text(f"<!DOCTYPE html>\n{speech_page.MARK}"),
    "is_onnx": lambda path: path.write_bytes(b"\x08\x07\x12\x12speech-autoencoder\x1a\x050.1.0"),
    "is_card": lambda path: path.write_text(sign("---\nlicense: mit\n---\n# A model\n")),
    "is_codec_file": lambda path: container.write(path, container.Header(b"1234", 8_000, 1), []),
    "is_sound": lambda path: write_stream(path, [np.zeros(99)], 8_000),
    "is_figure": make_figure,
}
OTHERS = {
    "empty": lambda path: path.touch(),
    "page of others": lambda path: path.write_text('<!DOCTYPE html>\n<meta name="generator" content="speech page">'),
    "text": lambda path: path.write_text("SAE is what this text begins with; it names speech-autoencoder 0.1.0."),
    "some array": lambda path: make_arrays(path, np.zeros((10, 28, 28, 1), np.float32)),
    "array of integers": lambda path: make_arrays(path, np.zeros((10, 128, 48, 1), np.int32)),
    "some arrays": lambda path: make_arrays(path, weights=np.zeros(9), identity=np.zeros(9)),
    "JSON": lambda path: path.write_text('{"name": "speech-autoencoder clips 3"}'),
    "list": lambda path: path.write_text('["format": "speech-autoencoder clips 3"]'),
    "JSON of others": lambda path: path.write_text('{"format": "speech", "n": 1}'),
    "history of Keras": lambda path: path.write_text("epoch,loss,val_loss\n0,1,2\n"),
    "HDF5": make_hdf5,
    "WAV": lambda path: sf.write(path, np.zeros(99), 8_000, format="WAV"),
    "WAV with tags": lambda path: make_tagged(path),
    "FLAC": lambda path: sf.write(path, np.zeros(99), 8_000, format="FLAC"),
    "picture": lambda path: make_picture(path.with_suffix(".png")) or path.with_suffix(".png").rename(path),
    "RIFF cut short": lambda path: path.write_bytes(b"RIFF\0\0\0\0WAVELIST\xff\xff\xff\xffINFOISFT"),
    "PNG cut short": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXtSoft"),
}


def make_tagged(path):
    """Write a WAV with a comment that names this program, by another one."""
    with sf.SoundFile(path, "w", 8_000, 1, format="WAV") as sound:
        sound.software, sound.comment = "Audacity", "speech-autoencoder 0.1.0"
        sound.write(np.zeros(99))


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("name", ["x.bin", "no suffix", "a.png"])
def test_origins_each_kind_is_known_by_its_content_alone(tmp_path, kind, name):
    OURS[kind](tmp_path / name)
    assert kinds_of(tmp_path / name) == {kind}


@pytest.mark.parametrize("kind", OURS)
def test_origins_each_kind_is_known_under_a_url(tmp_path, kind):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    OURS[kind](tmp_path / "a")
    memory.pipe_file("/origins/a", (tmp_path / "a").read_bytes())
    assert kinds_of(expanded("memory://origins/a")) == {kind}
    memory.rm("/origins", recursive=True)


@pytest.mark.parametrize("name", OTHERS)
def test_origins_files_of_others_are_not_ours(tmp_path, name):
    OTHERS[name](tmp_path / "a.wav")
    assert kinds_of(tmp_path / "a.wav") == set()


def test_origins_every_kind_is_tested():
    assert set(OURS) == set(CHECKS)


def test_origins_what_cannot_be_read_is_not_ours(tmp_path):
    assert kinds_of(tmp_path / "missing") == set()
    assert kinds_of(tmp_path) == set()


def test_is_array_of_every_preset(tmp_path):
    for shape in ((1, 128, 48, 1), (7, 64, 128, 1), (123_456, 80, 128, 1)):
        with (tmp_path / "a.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        assert origins.is_array(tmp_path / "a.npy")


def test_is_model_of_this_version_even_if_it_was_cut_short(tmp_path, trained):
    assert kinds_of(trained[1]) == {"is_model"}
    (tmp_path / "a.h5").write_bytes(trained[1].read_bytes()[:9_000])
    assert kinds_of(tmp_path / "a.h5") == {"is_model"}


def test_is_sound_tag_is_read_by_other_programs_and_the_samples_are_the_same(tmp_path):
    samples = np.linspace(-1, 1, 999)
    write_stream(tmp_path / "a.wav", [samples], 8_000)
    sf.write(tmp_path / "b.wav", samples, 8_000, "PCM_16")
    assert sf.SoundFile(tmp_path / "a.wav").software.startswith("speech-autoencoder ")
    with wave.open(str(tmp_path / "a.wav")) as ours, wave.open(str(tmp_path / "b.wav")) as plain:
        assert ours.getparams() == plain.getparams()
        assert ours.readframes(999) == plain.readframes(999)


def test_is_sound_changed_by_another_program_is_not_ours(tmp_path):
    write_stream(tmp_path / "a.wav", [np.zeros(99)], 8_000)
    samples, sr = sf.read(tmp_path / "a.wav")
    sf.write(tmp_path / "a.wav", samples, sr)
    assert not origins.is_sound(tmp_path / "a.wav")


def test_origins_of_the_version_before_are_known_by_the_file_beside_them(tmp_path):
    """A run in the folder of a version whose sounds and figures did not name it goes on."""
    sf.write(tmp_path / "reconstruct.wav", np.zeros(99), 8_000, "PCM_16")
    write_history(tmp_path / "training_history.csv", History())
    write_json(tmp_path / "evaluation.json", {"format": EVALUATION})
    for name, size in (("reconstruct", (11, 6)), ("training_history", (7, 4)), ("evaluation", (7.2, 3.6))):
        make_picture(tmp_path / f"{name}.png", size=size)
        assert kinds_of(tmp_path / f"{name}.png") == {"is_figure"}
    assert kinds_of(tmp_path / "reconstruct.wav") == {"is_sound"}
    write_stream(tmp_path / "reconstruct.wav", [np.zeros(99)], 8_000)  # after a run that ended before the figure
    assert kinds_of(tmp_path / "reconstruct.png") == {"is_figure"}


@pytest.mark.parametrize(("size", "dpi"), [((11, 6), 100), ((6.4, 4.8), 100), ((7, 4), 120), ((10, 6), 120)])
def test_origins_sound_beside_a_picture_of_others_is_not_ours(tmp_path, size, dpi):
    sf.write(tmp_path / "cover.wav", np.zeros(99), 8_000, "PCM_16")
    make_picture(tmp_path / "cover.png", size=size, dpi=dpi)
    assert kinds_of(tmp_path / "cover.wav") == kinds_of(tmp_path / "cover.png") == set()
    (tmp_path / "cover.wav").unlink()
    make_picture(tmp_path / "cover.png")
    assert kinds_of(tmp_path / "cover.png") == set()
