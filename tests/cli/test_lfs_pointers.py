"""A pointer of Git LFS that stands in a checkout for a file is named as one by everything that reads files."""

from functools import partial

import pytest

from speech_autoencoder.audio.reading import describe
from speech_autoencoder.codec import container
from speech_autoencoder.data import dataset
from speech_autoencoder.data.labels_file import read_labels
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file
from speech_autoencoder.system.files import read_json
from tests.helpers.common import one_line_of

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + 64 * "0" + "\nsize 12345\n"


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("a.wav", describe),
        ("a.mp3", describe),
        ("a.m4a", describe),
        ("a.au", describe),
        ("train_data.npy", partial(dataset.load, made_by="train_data_generator.py")),
        ("train_data.json", partial(read_json, made_by="train_data_generator.py")),
        ("model.h5", model_file.load),
        ("a.sae", container.read_header),
        ("labels.csv", read_labels),
    ],
)
def test_readers_git_lfs_pointer_is_named(tmp_path, name, read):
    (tmp_path / name).write_text(POINTER)
    with pytest.raises(
        InputError, match=rf"{name} is .*a Git LFS pointer, not the .* itself: run git lfs pull"
    ) as error:
        read(tmp_path / name)
    one_line_of(error)
