"""The model's file goes round, opens in Keras, and is read as data only, whatever is in it."""

import json
import os
import time
from dataclasses import fields, replace

import h5py
import keras
import numpy as np
import pytest

from speech_autoencoder.config import CLASSIC, LossConfig, ModelConfig
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file, pca
from speech_autoencoder.model.entropy_model import EntropyModel
from speech_autoencoder.model.keras_network import build, to_keras, to_network
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.model.network import Network
from tests.helpers.common import TINY, TINY_MODEL, file_size_limit, make_dataset, make_entropy, one_line_of, shake

GROUP = "speech_autoencoder"


@pytest.fixture(scope="module")
def model():
    """A TrainedModel whose weights are nobody's start."""
    data = make_dataset([f"{i}.wav" for i in range(8)], range(50, 90, 5))
    network = build(TINY_MODEL)
    shake(network)
    floor = pca.fit(data, np.arange(8), *TINY_MODEL.baseline_shape)
    description = {"history": {"validation_db": [3.5, 3.25]}, "data": {}}
    return TrainedModel(to_network(network, TINY_MODEL), TINY, LossConfig(), floor, description)


@pytest.fixture(scope="module")
def content(model, tmp_path_factory):
    """The bytes of the model's file."""
    path = tmp_path_factory.mktemp("saved") / "model.h5"
    model_file.save(path, model)
    return path.read_bytes()


@pytest.fixture
def path(content, tmp_path):
    """A model's file to be broken."""
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    return path


def clips(n_frames=48):
    """Random clips (2, n_mels, n_frames, 1) for the tiny model."""
    return np.random.default_rng(0).random((2, TINY.n_mels, n_frames, 1), np.float32)


def through(network):
    """What a network makes of random frames."""
    return network.decode(network.encode(clips()[0, ..., 0]))


def refused(path, *words):
    """The one line with which load refuses path, quickly; it names the file and holds these words."""
    started = time.process_time()  # a busy machine is no slow loader
    with pytest.raises(InputError) as error:
        model_file.load(path)
    assert time.process_time() - started < 3
    text = one_line_of(error)
    assert path.name in text
    text = text.replace(str(path), "")  # whose folders have the test's name
    for word in words:
        assert word in text
    return text


def describe(path, change):
    """Nothing; the description in the file is what change makes of its dict (or is the bytes that change returns)."""
    with h5py.File(path, "a") as file:
        data = json.loads(file[f"{GROUP}/description"][()].tobytes())
        changed = change(data)
        text = changed if isinstance(changed, bytes) else json.dumps(data).encode()
        del file[f"{GROUP}/description"]
        file.create_dataset(f"{GROUP}/description", data=np.frombuffer(text, np.uint8))


def a_weight(file):
    """The name of a weight's array."""
    names = []
    file["model_weights/encoder"].visititems(
        lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) and node.ndim > 1 else None
    )
    return f"model_weights/encoder/{names[0]}"


# ---- round trip


def test_load_saved_gives_same_outputs_bit_for_bit(model, path):
    loaded = model_file.load(path)
    np.testing.assert_array_equal(through(loaded.network), through(model.network))
    assert (loaded.config, loaded.features) == (model.config, model.features)
    for name in ("frames_per_latent", "encode", "decode", "offset"):
        np.testing.assert_array_equal(getattr(loaded.baseline, name), getattr(model.baseline, name))
    assert loaded.description.items() >= model.description.items()


def test_save_loaded_gives_same_weights_again(path, tmp_path):
    loaded = model_file.load(path)
    model_file.save(tmp_path / "again.h5", loaded)
    np.testing.assert_array_equal(through(model_file.load(tmp_path / "again.h5").network), through(loaded.network))


def test_save_twice_gives_the_same_bytes(model, content, tmp_path):
    model_file.save(tmp_path / "model.h5", model)
    assert (tmp_path / "model.h5").read_bytes() == content


def test_save_opens_in_keras_without_us(model, path):
    loaded = keras.models.load_model(path, compile=False)
    np.testing.assert_array_equal(loaded(clips(64)), to_keras(model.network)(clips(64)))


def test_save_says_nothing(model, tmp_path, capfd):
    model_file.save(tmp_path / "model.h5", model)
    assert capfd.readouterr() == ("", "")


def test_save_that_fails_leaves_what_was_there(model, path, content):
    with pytest.raises(TypeError):
        model_file.save(path, replace(model, description={"history": object()}))
    assert path.read_bytes() == content
    assert [other.name for other in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_save_weights_that_are_no_numbers_is_refused_and_leaves_what_was_there(model, path, content, value):
    weights = dict(model.network.weights)
    name = list(weights)[-1]
    weights[name] = np.full_like(weights[name], value)
    with pytest.raises(InputError, match=r"model\.h5 was not written: the model's weights are not finite"):
        model_file.save(path, replace(model, network=Network(TINY_MODEL, weights)))
    assert path.read_bytes() == content


@pytest.mark.parametrize("part", [0.0, 0.2, 0.98])
def test_save_full_disk_is_said_in_one_line_and_leaves_what_was_there(model, path, content, part):
    """HDF5 itself would end in errors of many kinds, or in a crash."""
    limit, said = int(part * len(content)), r"model\.h5 could not be written: .*larger than allowed"
    with file_size_limit(limit), pytest.raises(InputError, match=said) as error:
        model_file.save(path, model)
    one_line_of(error)
    assert path.read_bytes() == content
    assert [other.name for other in path.parent.iterdir()] == [path.name]


# ---- features


def test_require_features_same_passes(model):
    assert model.require_features(replace(TINY), "test_data.npy", "test_data_generator.py") is None


def test_require_features_other_names_file_received_and_next_step(model):
    with pytest.raises(InputError) as error:
        model.require_features(CLASSIC, "test_data.npy", "test_data_generator.py")
    assert one_line_of(error) == (
        "test_data.npy was made with preset classic, this model takes preset tiny (preset tiny): "
        "run test_data_generator.py --preset tiny, or train again."
    )


def test_require_features_other_rate_names_both(model):
    """No --preset would give it: `fine` takes its rate from the recordings."""
    with pytest.raises(
        InputError,
        match=r"sr 16000, this model takes sr 8000 .*: run test_data_generator\.py with the training's array in place",
    ):
        model.require_features(replace(TINY, sr=16_000), "test_data.npy", "test_data_generator.py")


# ---- what is no model


def test_load_missing_names_the_script_to_run(tmp_path):
    refused(tmp_path / "model.h5", "is missing", "run autoencoder_for_many_data.py first")


def test_load_folder_is_refused(tmp_path):
    refused(tmp_path, "it is a folder")


def test_load_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "model.h5")
    refused(tmp_path / "model.h5", "is not a regular file")


@pytest.mark.parametrize(
    "content", [b"", b"\x89HDF", b"these are words, no weights\n" * 100], ids=["empty", "4", "text"]
)
def test_load_other_file_is_refused(tmp_path, content):
    (tmp_path / "model.h5").write_bytes(content)
    refused(tmp_path / "model.h5", "is no HDF5 file")


@pytest.mark.parametrize("part", [0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_load_truncated_is_refused(path, content, part):
    path.write_bytes(content[: int(part * len(content))])
    refused(path, "run autoencoder_for_many_data.py")


def write_file(path):
    """A Keras model whose Lambda writes a file at path when it is built or called."""

    def lay_egg(x):
        path.write_text("code has run")
        return x

    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Lambda(lay_egg, output_shape=(4,))(inputs))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_load_keras_model_with_lambda_is_refused_and_runs_nothing(tmp_path):
    egg = tmp_path / "egg"
    write_file(egg).save(tmp_path / "model.h5")
    egg.unlink(missing_ok=True)
    refused(tmp_path / "model.h5", "no model of this project")
    assert not egg.exists()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_load_our_model_with_another_network_inside_runs_nothing_of_it(model, path, tmp_path):
    """Keras' own description of the network is never read."""
    egg = tmp_path / "egg"
    write_file(egg).save(tmp_path / "hostile.h5")
    egg.unlink(missing_ok=True)
    with h5py.File(tmp_path / "hostile.h5") as hostile, h5py.File(path, "a") as file:
        assert "Lambda" in hostile.attrs["model_config"]
        file.attrs["model_config"] = hostile.attrs["model_config"]
    np.testing.assert_array_equal(through(model_file.load(path).network), through(model.network))
    assert not egg.exists()


# ---- what only looks like an array


def soft_link(file, name, outside):
    file.copy(name, "elsewhere")
    del file[name]
    file[name] = h5py.SoftLink("/elsewhere")


def external_link(file, name, outside):
    with h5py.File(outside, "w") as other:
        file.copy(name, other, "values")
    del file[name]
    file[name] = h5py.ExternalLink(str(outside), "/values")


def virtual_dataset(file, name, outside):
    shape, dtype = file[name].shape, file[name].dtype
    with h5py.File(outside, "w") as other:
        file.copy(name, other, "values")
    del file[name]
    layout = h5py.VirtualLayout(shape, dtype)
    layout[...] = h5py.VirtualSource(str(outside), "values", shape)
    file.create_virtual_dataset(name, layout)


def external_storage(file, name, outside):
    values = file[name][()]
    outside.write_bytes(values.tobytes())
    del file[name]
    file.create_dataset(name, values.shape, values.dtype, external=[(str(outside), 0, values.nbytes)])


def group_instead(file, name, outside):
    del file[name]
    file.create_group(name)


def nothing(file, name, outside):
    del file[name]


@pytest.mark.parametrize(
    "replace_array", [soft_link, external_link, virtual_dataset, external_storage, group_instead, nothing]
)
@pytest.mark.parametrize("which", ["description", "baseline_encode", "weight"])
def test_load_array_that_is_not_in_the_file_is_refused(path, tmp_path, replace_array, which):
    with h5py.File(path, "a") as file:
        name = a_weight(file) if which == "weight" else f"{GROUP}/{which}"
        replace_array(file, name, tmp_path / "outside")
    refused(path, name, "of its own")


def test_load_soft_link_in_the_middle_of_a_path_is_refused(path):
    with h5py.File(path, "a") as file:
        file.move("model_weights", "elsewhere")
        file["model_weights"] = h5py.SoftLink("/elsewhere")
    refused(path, "of its own")


@pytest.mark.parametrize("which", ["baseline_encode", "weight"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values[:-1], "expected"),
        (lambda values: values.astype(np.float64), "float64"),
        (lambda values: values.astype(">f4"), "expected"),
        (lambda values: values[None], "expected"),
        (lambda values: np.full_like(values, np.nan), "not finite"),
        (lambda values: np.where(np.arange(values.shape[-1]) == 1, np.float32(np.inf), values), "not finite"),
    ],
    ids=["a row less", "float64", "big-endian", "an axis more", "NaN", "one infinity"],
)
def test_load_array_of_wrong_values_is_refused(path, which, change, words):
    with h5py.File(path, "a") as file:
        name = a_weight(file) if which == "weight" else f"{GROUP}/{which}"
        values = change(file[name][()])
        del file[name]
        file[name] = values
    refused(path, name, words)


def test_load_array_that_declares_gigabytes_is_refused(path):
    """A few kB of HDF5 can declare any size: reading it would fill the memory with zeros."""
    with h5py.File(path, "a") as file:
        name = a_weight(file)
        del file[name]
        file.create_dataset(name, (1 << 20, 1 << 14), np.float32, chunks=(1 << 10, 1 << 10))
    refused(path, name, "expected")


# ---- the description


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: b"no JSON {", "damaged"),
        (lambda data: b"\xff\xfe\x00", "damaged"),
        (lambda data: b"", "damaged"),
        (lambda data: b"[" * 100_000, "damaged"),
        (lambda data: b"[1, 2]", "not of the format"),
        (lambda data: b"[" + b"[]," * (2 << 20) + b"[]]", "description"),
        (lambda data: data.update(format="speech-autoencoder model 99"), "not of the format"),
        (lambda data: data.pop("format"), "not of the format"),
        (lambda data: data.pop("model"), "ModelConfig"),
        (lambda data: data.pop("features"), "FeatureConfig"),
        (lambda data: data["model"].update(surprise=1), "surprise"),
        (lambda data: data["model"].update(width=50_000_000), "width is 50000000"),
        (lambda data: data["model"].update(width="8"), "width is '8'"),
        (lambda data: data["model"].update(width="8" * 1_000_000), "width is"),
        (lambda data: data["model"].update(width=True), "width is True"),
        (lambda data: data["model"].update(width=8.0), "width is 8.0"),
        (lambda data: data["model"].update(latent_size=10**12), "latent_size is 1000000000000"),
        (lambda data: data["model"].update(latent_size=-1), "latent_size is -1"),
        (lambda data: data["model"].update(depth=10**6), "depth is 1000000"),
        (lambda data: data["model"].update(frames_per_latent=7), "power of two"),
        (lambda data: data["features"].update(n_fft=10**9), "n_fft is 1000000000"),
        (lambda data: data["features"].update(floor_db=float("nan")), "floor_db is nan"),
        (lambda data: data["features"].update(hop_length=100), "not a multiple"),
        (lambda data: data["features"].update(n_mels=20), "mel bands"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_load_wrong_description_is_refused(path, change, words):
    describe(path, change)
    refused(path, words)


@pytest.mark.parametrize("shape", [(), (3, 4)])
def test_load_description_of_wrong_shape_is_refused(path, shape):
    with h5py.File(path, "a") as file:
        del file[f"{GROUP}/description"]
        file[f"{GROUP}/description"] = np.zeros(shape, np.uint8)
    refused(path, "description")


def test_load_description_of_floats_is_refused(path):
    with h5py.File(path, "a") as file:
        del file[f"{GROUP}/description"]
        file[f"{GROUP}/description"] = np.zeros(100)
    refused(path, "description")


@pytest.mark.parametrize(
    "size",
    [
        {"width": 1_024},
        {"width": 1_024, "depth": 16},
        {"frames_per_latent": 64, "latent_size": 1_024, "width": 1_024, "depth": 16},
    ],
    ids=repr,
)
def test_load_network_larger_than_its_file_is_refused_before_it_is_built(path, monkeypatch, size):
    """A network within the bounds can still take gigabytes: a file that cannot hold its weights must not ask for it."""

    def make(config, weights):
        pytest.fail(f"{config} was built")

    monkeypatch.setattr(model_file, "Network", make)
    describe(path, lambda data: data["model"].update(size))
    refused(path, "too few for the network")


@pytest.mark.parametrize(("step", "width", "depth"), [(2, 64, 8), (8, 64, 4), (8, 256, 1), (64, 32, 2)])
def test_load_network_of_any_size_is_not_refused_by_its_size(tmp_path, step, width, depth):
    """The bound must never refuse what we saved ourselves."""
    config = ModelConfig(TINY.n_mels, step, latent_size=1, width=width, depth=depth)
    frames, size = config.baseline_shape
    values = np.zeros((frames * TINY.n_mels, size), np.float32)
    network, floor = to_network(build(config), config), pca.PCA(frames, values, values.T, values[:, 0])
    saved = TrainedModel(network, TINY, LossConfig(), floor, {})
    model_file.save(tmp_path / "model.h5", saved)
    assert model_file.load(tmp_path / "model.h5").config == config


# ---- the entropy model


@pytest.fixture(scope="module")
def codec(model):
    """The model as if it had been trained as a codec."""
    return replace(model, entropy=make_entropy(TINY_MODEL.latent_size, 2))


@pytest.fixture(scope="module")
def codec_content(codec, tmp_path_factory):
    """The bytes of its file."""
    path = tmp_path_factory.mktemp("codec") / "codec.h5"
    model_file.save(path, codec)
    return path.read_bytes()


@pytest.fixture
def codec_path(codec_content, tmp_path):
    """A codec's file to be broken."""
    path = tmp_path / "codec.h5"
    path.write_bytes(codec_content)
    return path


def test_load_saved_entropy_model_is_the_same(codec, codec_path):
    loaded = model_file.load(codec_path)
    for field in fields(EntropyModel):
        np.testing.assert_array_equal(getattr(loaded.entropy, field.name), getattr(codec.entropy, field.name))
    assert loaded.fingerprint == codec.fingerprint
    assert loaded.require_entropy("codec.h5") is loaded.entropy


def test_load_saved_without_entropy_model_has_none_and_says_how_to_get_one(path):
    loaded = model_file.load(path)
    assert loaded.entropy is None
    with pytest.raises(InputError) as error:
        loaded.require_entropy("model.h5")
    assert one_line_of(error) == (
        "model.h5 was trained without an entropy model, which encoding to bytes needs: train one with "
        "autoencoder_for_many_data.py --codec."
    )


def test_fingerprint_changes_with_all_that_decoding_depends_on(codec):
    seen = {codec.fingerprint}
    weights = codec.network.weights
    assert replace(codec, network=Network(TINY_MODEL, dict(weights))).fingerprint in seen
    of_decoder = [name for name in weights if name.startswith("decoder/")]
    for name in of_decoder:
        changed = weights[name].copy()
        changed.flat[-1] += 1e-3
        seen.add(replace(codec, network=Network(TINY_MODEL, weights | {name: changed})).fingerprint)
    for field in fields(EntropyModel):
        other = getattr(make_entropy(TINY_MODEL.latent_size, 2, seed=1), field.name).copy()
        if field.name == "steps":
            other[0, 0] += 1
        if field.name == "groups":
            other[1] += 1
        if field.name == "tables":
            other[0, :2] += np.array([1, 0], np.int32)
            other[0, 63] -= 1
        if field.name == "scale_bias":
            other[0, 0] += 1
        seen.add(replace(codec, entropy=replace(codec.entropy, **{field.name: other})).fingerprint)
    seen.add(replace(codec, entropy=None).fingerprint)
    seen.add(replace(codec, features=replace(TINY, sr=9_000)).fingerprint)
    assert len(seen) == 1 + len(of_decoder) + len(fields(EntropyModel)) + 2
    assert all(len(fingerprint) == 8 for fingerprint in seen)


def test_fingerprint_is_blind_to_what_decoding_does_not_use(codec):
    network = to_keras(codec.network)
    shake(network.get_layer("encoder"))
    other = replace(codec, network=to_network(network, TINY_MODEL), loss=LossConfig(exponent=0.3), description={})
    assert other.fingerprint == codec.fingerprint


@pytest.mark.parametrize("replace_array", [soft_link, external_link, virtual_dataset, external_storage, nothing])
@pytest.mark.parametrize("which", ["steps", "hidden_kernel", "tables"])
def test_load_entropy_array_that_is_not_in_the_file_is_refused(codec_path, tmp_path, replace_array, which):
    name = f"{GROUP}/codec/{which}"
    with h5py.File(codec_path, "a") as file:
        replace_array(file, name, tmp_path / "outside")
    refused(codec_path, name, "of its own")


@pytest.mark.parametrize("target", ["/elsewhere", "/nowhere"])
def test_load_entropy_group_that_is_a_link_is_refused(codec_path, target):
    with h5py.File(codec_path, "a") as file:
        file.move(f"{GROUP}/codec", "elsewhere")
        file[f"{GROUP}/codec"] = h5py.SoftLink(target)
    refused(codec_path, "of its own")


@pytest.mark.parametrize(
    ("which", "change", "words"),
    [
        ("steps", lambda values: values[0], "wrong dimensions"),
        ("steps", lambda values: values[:, :-1], "for 3 numbers a latent, its network has 4"),
        ("steps", lambda values: values[:0], "0 quality steps"),
        ("steps", lambda values: values * 0, "steps are not within"),
        ("steps", lambda values: values.astype(np.float32), "expected"),
        ("steps", lambda values: values.astype(np.int64), "expected"),
        ("steps", lambda values: values.astype(">i4"), "expected"),
        ("groups", lambda values: values[::-1], "groups do not follow"),
        ("groups", lambda values: values[:0], "-1 groups"),
        ("hidden_kernel", lambda values: values[:, :-1], "hidden units"),
        ("hidden_kernel", lambda values: values + np.int32(2**30), "exact arithmetic"),
        ("mean_bias", lambda values: values[:-1], "expected"),
        ("tables", lambda values: values + 1, "frequencies"),
        ("tables", lambda values: values[:, 1:], "expected"),
    ],
)
def test_load_entropy_array_of_wrong_values_is_refused(codec_path, which, change, words):
    with h5py.File(codec_path, "a") as file:
        name = f"{GROUP}/codec/{which}"
        values = change(file[name][()])
        del file[name]
        file[name] = values
    refused(codec_path, words)


def test_load_entropy_model_that_declares_gigabytes_is_refused(codec_path):
    """Each array's shape may fit the others': they must fit the file too."""
    with h5py.File(codec_path, "a") as file:
        del file[f"{GROUP}/codec/hidden_kernel"]
        file.create_dataset(f"{GROUP}/codec/hidden_kernel", (12, 65_536), np.int32, chunks=(12, 1_024))
    refused(codec_path, "too few for its entropy model")
