"""Parts under a URL are those of a folder on this computer: made, made again, merged and loaded."""

import numpy as np
import pytest

import speech_autoencoder as sa
from speech_autoencoder.api.parts import merge_parts
from speech_autoencoder.data import dataset
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.remote_path import expanded
from tests.helpers import s3_server


def test_parts_under_a_url_are_those_of_a_folder(bucket, corpus, tmp_path):
    sa.build_dataset(corpus, tmp_path / "here", parts=2)
    url = f"{bucket}/train_data"
    sa.build_dataset(corpus, f"{url}.npy", part=(2, 2))
    with pytest.raises(InputError, match=r"of 2 parts, part-00000\.npy is missing: run .* --output s3://.* --part 1/2"):
        merge_parts(url)
    assert sa.build_dataset(corpus, url, parts=2).n_computed == len(dataset.load(tmp_path / "here", "").names) // 2
    here, there = dataset.load(tmp_path / "here", ""), dataset.load(expanded(url), "")
    assert np.array_equal(np.asarray(there.clips), np.asarray(here.clips))
    assert there.fingerprint == here.fingerprint
    merge_parts(url, tmp_path / "one.npy")
    sa.build_dataset(corpus, tmp_path / "two.npy")
    assert (tmp_path / "one.npy").read_bytes() == (tmp_path / "two.npy").read_bytes()
    assert sorted(s3_server.files_in(url)) == sorted(path.name for path in (tmp_path / "here").iterdir())
    assert not sa.build_dataset(corpus, url, parts=2).written
