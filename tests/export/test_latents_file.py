"""The latents of recordings, as numpy and Arrow read them."""

import json
import re
import tracemalloc

import numpy as np
import pytest

from speech_autoencoder.audio.reading import describe, read
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.waveforms import encode_waveform
from speech_autoencoder.config import LatentSearchConfig
from speech_autoencoder.data.recordings import Recordings
from speech_autoencoder.export import latents_file, recording_latents
from speech_autoencoder.export.recording_latents import encode_recordings
from tests.helpers.common import ROOT, file_size_limit, names_in, refused
from tests.helpers.tiny_codec import make_codec, record

EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "latents.md").read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def encoder():
    return Encoder(make_codec(), LatentSearchConfig(steps=2))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Return the paths of recordings of several rates and lengths, one of them of a single sample."""
    folder = tmp_path_factory.mktemp("recordings")
    sizes = {"a_ben_0.wav": (9_000, 8_000), "b_ben_0.wav": (1, 8_000), "c_jo_0.wav": (30_000, 11_025)}
    return [record(folder / name, *size, seed) for seed, (name, size) in enumerate(sizes.items())]


def write(path, encoder, recordings, **options):
    """Write the latents of recordings, which all can be used."""
    with latents_file.writing(path, encoder) as table:
        found = encode(recordings, encoder, folder=table.folder, **options)
        for recording, latents in zip(recordings, found, strict=True):
            label, speaker, _ = recording.stem.split("_")
            table.add(latents, speaker=speaker, label=label)
    return path


def encode(recordings, encoder, **options):
    """Return the latents of recordings."""
    names = [path.name for path in recordings]
    return encode_recordings([Recordings(recordings[0].parent, names)], encoder, **options)


def expected(encoder, path):
    """Return the latents of a recording that is read at once."""
    return np.concatenate(list(encode_waveform(encoder, [read(path)], describe(path).sr)))


def test_npz_holds_the_latents_of_every_recording(encoder, recordings, tmp_path):
    with np.load(write(tmp_path / "a.npz", encoder, recordings)) as file:
        assert file["path"].tolist() == [path.as_posix() for path in recordings]
        assert file["speaker"].tolist() == ["ben", "ben", "jo"]
        assert file["label"].tolist() == ["a", "b", "c"]
        assert file["sr"].tolist() == [8_000, 8_000, 11_025]
        assert file["n_samples"].tolist() == [9_000, 1, 30_000]
        assert file["start"].tolist() == [0, 0, 0]
        assert file["latents"].dtype == file["mean"].dtype == np.float32
        assert len(file["latents"]) == file["first_row"][-1]
        for i, path in enumerate(recordings):
            latents = file["latents"][slice(*file["first_row"][i : i + 2])]
            np.testing.assert_array_equal(latents, expected(encoder, path))
            np.testing.assert_allclose(file["mean"][i], latents.mean(axis=0), rtol=1e-5, atol=1e-6)


def test_npz_description_says_how_to_use_the_latents(encoder, recordings, tmp_path):
    with np.load(write(tmp_path / "a.npz", encoder, recordings)) as file:
        description = json.loads(str(file["description"]))
    model = encoder.model
    assert description["model_fingerprint"] == model.fingerprint.hex()
    assert description["search_steps"] == 2
    assert description["features"] == model.features.to_json()
    assert description["latent_size"] / description["seconds_per_latent"] == pytest.approx(model.latent_rate)
    assert description["latent_rate"] == pytest.approx(model.latent_rate)


@pytest.mark.parametrize("suffix", latents_file.SUFFIXES)
def test_file_has_the_same_bytes_whatever_the_count_of_workers(encoder, recordings, tmp_path, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    one, three = (write(tmp_path / f"{n}{suffix}", encoder, recordings * 4, workers=n) for n in (1, 3))
    assert one.read_bytes() == three.read_bytes()


def test_parquet_holds_what_the_npz_does(encoder, recordings, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(latents_file, "_GROUP_ROWS", 2)
    path = write(tmp_path / "a.parquet", encoder, recordings)
    assert parquet.ParquetFile(path).num_row_groups == 2
    table = parquet.read_table(path)
    with np.load(write(tmp_path / "a.npz", encoder, recordings)) as file:
        for name in ("path", "speaker", "label", "sr", "start", "n_samples"):
            assert table[name].to_pylist() == file[name].tolist()
        np.testing.assert_array_equal(np.array(table["mean"].to_pylist(), np.float32), file["mean"])
        rows = table["latents"].to_pylist()
        np.testing.assert_array_equal(np.array([row for each in rows for row in each], np.float32), file["latents"])
        assert list(map(len, rows)) == np.diff(file["first_row"]).tolist()
        assert table.schema.metadata[b"description"].decode() == str(file["description"])


@pytest.mark.parametrize("suffix", latents_file.SUFFIXES)
def test_file_of_a_name_that_is_not_text_is_read(encoder, tmp_path, suffix):
    path = record(tmp_path / "a.wav", 500).rename(tmp_path / "a_b_\udcff.wav")
    if suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        table = parquet.read_table(write(tmp_path / "a.parquet", encoder, [path]))
        assert table["path"][0].as_py().endswith("a_b_\\udcff.wav")
    else:
        with np.load(write(tmp_path / "a.npz", encoder, [path])) as file:
            assert file["path"][0] == path.as_posix()


@pytest.mark.parametrize("suffix", latents_file.SUFFIXES)
def test_memory_does_not_grow_with_length_or_count(encoder, recordings, tmp_path, monkeypatch, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    chunk = np.ones((1 << 14, 6), np.float32)
    monkeypatch.setattr(recording_latents, "encode_waveform", lambda *args, **options: (chunk for _ in range(40)))
    monkeypatch.setattr(latents_file, "_GROUP_BYTES", 1 << 20)
    tracemalloc.start()
    try:
        path = write(tmp_path / f"a{suffix}", encoder, recordings)
        # A recording is kept in memory up to a limit; a row of a .parquet is as a whole.
        assert tracemalloc.get_traced_memory()[1] < (25 if suffix == ".npz" else 80) * chunk.nbytes
    finally:
        tracemalloc.stop()
    if suffix == ".npz":
        with np.load(path) as file:
            assert file["latents"].nbytes == 3 * 40 * chunk.nbytes


def test_writing_on_a_full_disk_leaves_the_old_file(encoder, recordings, tmp_path):
    (tmp_path / "a.npz").write_bytes(b"before")
    with file_size_limit(1_000):
        refused("a.npz could not be written", do=lambda: write(tmp_path / "a.npz", encoder, recordings))
    assert (tmp_path / "a.npz").read_bytes() == b"before"
    assert names_in(tmp_path) == ["a.npz"]


def test_require_format_other_suffix_is_refused(tmp_path):
    refused("a.csv ends in neither .npz nor .parquet", do=lambda: latents_file.require_format(tmp_path / "a.csv"))


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_documentation_examples_run(encoder, recordings, tmp_path, monkeypatch, capsys, number):
    suffix = ".parquet" if "latents.parquet" in EXAMPLES[number] else ".npz"
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    write(tmp_path / f"latents{suffix}", encoder, recordings)
    monkeypatch.chdir(tmp_path)
    exec(EXAMPLES[number], {})
    assert capsys.readouterr().out


def test_documentation_names_every_array_and_key(encoder, recordings, tmp_path):
    text = (ROOT / "docs" / "latents.md").read_text()
    with np.load(write(tmp_path / "a.npz", encoder, recordings)) as file:
        for name in [*file, *json.loads(str(file["description"]))]:
            assert f"`{name}`" in text, name
