"""What the trainer's options ask for: a batch that fits, the options of a checkpoint, those that cannot change."""

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from speech_autoencoder.api import training_options
from speech_autoencoder.api.training import _within_memory
from speech_autoencoder.api.training_options import Choice, Options, can_have_between, choose, suit_devices
from speech_autoencoder.config import SIZES, START_LEARNING_RATE, CodecConfig, LossConfig, TrainingConfig, model_config
from speech_autoencoder.model.architecture import shapes
from speech_autoencoder.model.network import Network
from speech_autoencoder.training.batches import most_sequences, sequence_frames, training_bytes
from speech_autoencoder.training.checkpoints import Checkpoint, Settings, TrainingState
from speech_autoencoder.training.history import History, Score
from tests.helpers.common import TINY, make_dataset, make_entropy, refused
from tests.helpers.speech_models import make_speech_codec

RATE = 100
COARSE = replace(TINY, hop_length=TINY.n_fft // 2)
MODEL = model_config(TINY, RATE)


class Nothing:
    """A train step without weights."""

    def averages(self):
        return []

    def state(self):
        return {}


def choose_of(data, folder, **given):
    """Return (Choice, lines) of these options."""
    lines, between = [], given.pop("between", False)
    checkpoint = folder / "model.checkpoint.npz"
    return choose(Options(**given), data, Path("a.npy"), checkpoint, lines.append, between=between), lines


def write_checkpoint(folder, data, *, model=MODEL, codec=None, validation="speaker", started_from=None, **changes):
    """Write the checkpoint of a training with these settings, and return its TrainingConfig."""
    config = replace(TrainingConfig(seed=3, batch_size=5, epochs=7), **changes)
    settings = Settings(
        data.fingerprint, data.features, model, LossConfig(), codec, config, "in some way", validation, started_from
    )
    checkpoint = Checkpoint(folder / "model.checkpoint.npz", settings, pytest.fail)
    checkpoint.take(Nothing(), TrainingState(7, History(), [], Score(0.1, 1.0)))
    checkpoint.try_to_save()
    return config


# Batches


def test_choose_without_options_is_the_default(forty, tmp_path):
    choice, lines = choose_of(forty, tmp_path)
    assert (choice.config, choice.codec, choice.validation, lines) == (TrainingConfig(), None, "auto", [])


def test_choose_batch_larger_than_the_corpus_is_bounded_and_said(tmp_path):
    data = make_dataset([f"{i}.wav" for i in range(40)], [100] * 40)
    most = most_sequences(data, MODEL.frames_per_latent)
    assert most == -(-40 * (100 + MODEL.frames_per_latent) // sequence_frames(TINY, MODEL.frames_per_latent))
    choice, lines = choose_of(data, tmp_path, latent_rate=RATE, batch_size=10**8)
    assert choice.config.batch_size == most
    assert lines == [f"--batch-size 100,000,000 is more than the recordings fill: a step takes {most} sequences."]


def test_choose_batch_of_the_default_size_is_kept_on_a_small_corpus(tmp_path):
    choice, lines = choose_of(make_dataset(["a.wav"], [40]), tmp_path, batch_size=16)
    assert (choice.config.batch_size, lines) == (16, [])


def test_choose_batch_larger_than_the_memory_is_refused_with_the_largest_that_fits(forty, tmp_path, monkeypatch):
    fits = training_bytes(TINY, MODEL, 11)
    monkeypatch.setattr(training_options, "available_bytes", lambda: fits)
    assert choose_of(forty, tmp_path, latent_rate=RATE, batch_size=11)[0].config.batch_size == 11
    refused(
        "--batch-size 12 takes about",
        "choose --batch-size 11 or less",
        do=lambda: choose_of(forty, tmp_path, latent_rate=RATE, batch_size=12),
    )
    monkeypatch.setattr(training_options, "available_bytes", lambda: 5e8)
    refused("500 MB is available: close other programs", do=lambda: choose_of(forty, tmp_path))


@pytest.mark.parametrize(
    ("option", "value"), [("seed", -1), ("seed", 2**32), ("epochs", 10**30), ("patience", 10**30), ("minutes", 1e300)]
)
def test_choose_number_out_of_bounds_is_refused(forty, tmp_path, option, value):
    refused(f"--{option} is ", "expected", do=lambda: choose_of(forty, tmp_path, **{option: value}))


# The size


@pytest.mark.parametrize("size", SIZES)
def test_choose_size_is_that_of_the_model_and_of_one_resumed(forty, tmp_path, size):
    model = choose_of(forty, tmp_path, latent_rate=RATE, size=size)[0].model
    assert model == model_config(TINY, RATE, size)
    write_checkpoint(tmp_path, forty, model=model)
    choice, (line,) = choose_of(forty, tmp_path, resume=True)
    assert choice.model == model
    assert f" --size {size} " in line
    assert choose_of(forty, tmp_path, resume=True, size=size)[0].model == model
    assert choose_of(forty, tmp_path, resume=True, latent_rate=94)[0].model == model


def test_choose_size_that_does_not_exist_is_refused():
    refused("--size is 'huge'", "small, medium, large", do=lambda: Options(size="huge"))


def test_choose_larger_size_takes_more_memory(forty, tmp_path, monkeypatch):
    small, large = (training_bytes(TINY, model_config(TINY, RATE, size), 16) for size in ("small", "large"))
    monkeypatch.setattr(training_options, "available_bytes", lambda: (small + large) / 2)
    choose_of(forty, tmp_path, latent_rate=RATE)
    refused(
        "takes about",
        ", or train with --size small.",
        do=lambda: choose_of(forty, tmp_path, latent_rate=RATE, size="large"),
    )


# Resuming


def test_choose_resumed_takes_all_options_from_the_checkpoint_and_says_them(forty, tmp_path):
    config = write_checkpoint(tmp_path, forty, codec=CodecConfig(knots=3))
    choice, (line,) = choose_of(forty, tmp_path, resume=True)
    assert choice[:4] == (config, MODEL, CodecConfig(knots=3), "speaker")
    for option in ("--codec", "--latent-rate 94", "--batch-size 5", "--seed 3", "--epochs 7", "--validation speaker"):
        assert f" {option}" in line
    assert "now" not in line
    # The options that are said are those that give the same training.
    assert choose_of(forty, tmp_path, resume=True, codec=True, latent_rate=94, batch_size=5, seed=3)[0] == choice


def test_choose_resumed_with_another_budget_says_both(forty, tmp_path):
    config = write_checkpoint(tmp_path, forty)
    choice, (line,) = choose_of(forty, tmp_path, resume=True, minutes=10.0)
    assert choice.config == replace(config, minutes=10.0, epochs=0)
    assert line.endswith("--epochs 7 --patience 20; now --minutes 10 --patience 20.")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"latent_rate": 200.0}, ("--latent-rate 200 (it has 94)",)),
        ({"size": "large"}, ("--size large (it has small)",)),
        ({"latent_rate": 200.0, "size": "medium"}, ("--size medium (it has small)", "--latent-rate 200 (it has 94)")),
        ({"codec": True}, ("--codec (it has none)",)),
        ({"batch_size": 8, "seed": 4}, ("--batch-size 8 (it has 5), --seed 4 (it has 3)",)),
        ({"learning_rate": 0.1}, ("--learning-rate 0.1 (it has 0.003)",)),
        ({"validation": "auto"}, ("--validation auto (it has speaker)",)),
    ],
    ids=lambda value: "",
)
def test_choose_resumed_with_options_that_cannot_change_is_refused_and_names_them(forty, tmp_path, given, words):
    write_checkpoint(tmp_path, forty)
    refused("model.checkpoint.npz", *words, do=lambda: choose_of(forty, tmp_path, resume=True, **given))


def test_choose_resumed_without_checkpoint_or_with_another_array_is_refused(forty, tmp_path):
    refused("nothing to resume", "--model", do=lambda: choose_of(forty, tmp_path, resume=True))
    write_checkpoint(tmp_path, forty)
    other = make_dataset(["a.wav", "b.wav"], [40, 50], seed=1)
    refused("another array than a.npy", "--data", do=lambda: choose_of(other, tmp_path, resume=True))
    assert asdict(forty.features) == asdict(other.features)


# Starting from a model

ORIGIN = {"name": "other.h5", "sha256": "12ab"}


@pytest.fixture
def model_path(forty, tmp_path, monkeypatch):
    """Return the path of a model to start from, which `load` returns: its .h5 would need Keras."""
    path = tmp_path / "before.h5"
    path.write_bytes(b"a model")
    model = replace(make_speech_codec(forty, MODEL), entropy=None, description={"data": {"n_recordings": 7}})
    models = {"": model, "as codec": replace(model, entropy=make_entropy(MODEL.latent_size, 2))}
    monkeypatch.setattr(training_options.model_file, "load", lambda path, option: models[path.stem.partition(" ")[2]])
    return path


def test_choose_started_from_a_model_has_its_sizes_and_says_which(forty, tmp_path, model_path):
    choice, (line,) = choose_of(forty, tmp_path, start_from=model_path)
    assert (choice.model, choice.codec, choice.start.config) == (MODEL, None, MODEL)
    assert choice.config == TrainingConfig(learning_rate=START_LEARNING_RATE)
    assert choice.started_from["name"] == "before.h5"
    assert line == "Starting from before.h5, which was trained on 7 recordings."
    assert choose_of(forty, tmp_path, start_from=model_path, latent_rate=94, size="small")[0].model == MODEL


@pytest.mark.parametrize(("name", "given"), [("before as codec.h5", {}), ("before.h5", {"codec": True})], ids=str)
def test_choose_started_from_a_codec_or_as_a_codec_is_one(forty, tmp_path, model_path, name, given):
    path = model_path.rename(tmp_path / name)
    choice, (line,) = choose_of(forty, tmp_path, start_from=path, **given)
    assert (choice.model, choice.codec) == (MODEL, CodecConfig())
    assert ("the new model is a codec, too" in line) == (not given)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ({"preset": "fine"}, ("a.npy was made with preset fine, but before.h5 takes preset tiny", "--preset tiny")),
        ({"sr": 16_000}, ("made with sr 16000, but before.h5 takes sr 8000 (preset tiny)", "recordings to 8,000 Hz")),
        ({"floor_db": -90.0}, ("made with floor_db -90.0, but before.h5 takes floor_db -100.0", "again")),
    ],
    ids=lambda value: "",
)
def test_choose_started_from_a_model_of_other_features_says_which(tmp_path, model_path, features, words):
    other = make_dataset(["a.wav", "b.wav"], [40, 50], features=replace(TINY, **features))
    refused(*words, ", or leave out --start-from.", do=lambda: choose_of(other, tmp_path, start_from=model_path))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"latent_rate": 200.0}, "before.h5 cannot have --latent-rate 200 (it has 94)"),
        ({"size": "large"}, "before.h5 cannot have --size large (it has small)"),
    ],
    ids=lambda value: "",
)
def test_choose_started_from_a_model_with_other_sizes_says_which(forty, tmp_path, model_path, given, words):
    refused(words, "leave out", do=lambda: choose_of(forty, tmp_path, start_from=model_path, **given))


def test_choose_started_from_a_model_that_is_missing_names_the_option(forty, tmp_path):
    path = tmp_path / "none.h5"
    refused("none.h5 is missing", "--start-from pretrained", do=lambda: choose_of(forty, tmp_path, start_from=path))


def test_choose_resumed_says_the_model_that_it_started_from_and_refuses_another(forty, tmp_path, model_path):
    write_checkpoint(tmp_path, forty, started_from=ORIGIN)
    choice, (line,) = choose_of(forty, tmp_path, resume=True)
    assert (choice.start, choice.started_from) == (None, ORIGIN)
    assert " --start-from other.h5 " in line
    do = partial(choose_of, forty, tmp_path, resume=True, start_from=model_path)
    refused("--start-from before.h5 (it has another other.h5)", do=do)
    write_checkpoint(tmp_path, forty, started_from=choose_of(forty, tmp_path, start_from=model_path)[0].started_from)
    assert do()[0].start is None
    write_checkpoint(tmp_path, forty)
    refused("--start-from before.h5 (it has none)", do=do)


# The estimate of the memory, against what was measured with python -m benchmarks... (docs/experiments.md)


def test_training_bytes_grow_with_the_batch_alone():
    sizes = np.array([training_bytes(TINY, MODEL, n) for n in (0, 1, 11)])
    assert sizes[0] > 5e8
    assert sizes[2] - sizes[0] == pytest.approx(11 * (sizes[1] - sizes[0]))


CHOICE = Choice(TrainingConfig(), MODEL, None, "auto")


def suited(n_frames, accelerators, n_devices, choice=CHOICE, **given):
    """Return (batch size, lines) for a corpus of recordings of these frames, on these devices."""
    lines = []
    data = make_dataset([f"{i}.wav" for i in range(len(n_frames))], n_frames)
    suit = suit_devices(choice, Options(**given), data, accelerators, n_devices, lines.append)
    return suit.config.batch_size, lines


def test_suit_devices_on_processors_leaves_the_batch_without_a_word():
    assert suited([40] * 300, [], 1) == (16, [])


def test_suit_devices_on_a_gpu_takes_a_larger_batch_and_names_the_card():
    assert suited([40] * 300, ["NVIDIA H100"], 1) == (64, ["Computing on NVIDIA H100, with --batch-size 64."])
    assert suited([40] * 3, ["NVIDIA H100"], 1)[0] == 16  # a small corpus would be in it many times
    assert suited([40] * 300, ["A"] * 2 + ["B"], 3) == (63, ["Computing on 2 x A and B, with --batch-size 63."])


def test_suit_devices_on_a_gpu_keeps_the_batch_that_is_asked_for():
    eight = CHOICE._replace(config=TrainingConfig(batch_size=8))
    assert suited([40] * 300, ["A"], 1, eight, batch_size=8)[0] == 8
    assert suited([40] * 300, ["A"], 1, eight, resume=True)[0] == 8


def test_suit_devices_that_cannot_share_a_batch_are_refused():
    message = "--batch-size 16 cannot be shared by 3 devices: choose a multiple of 3, such as 15."
    refused(message, do=lambda: suited([40] * 300, [], 3))


def short_of_memory(fitting):
    """Return a training with memory for `fitting` sequences, and what it was called with."""
    calls = []

    def train_with(config):
        calls.append(config.batch_size)
        if config.batch_size > fitting:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 4294967296 bytes.")
        return "result"

    return train_with, calls


def test_train_without_memory_on_the_device_halves_the_batch_once_and_says_so():
    train_with, calls = short_of_memory(fitting=8)
    lines = []
    assert _within_memory(train_with, TrainingConfig(), say=lines.append, can_halve=True) == "result"
    assert calls == [16, 8]
    assert lines == ["There is too little memory on the device for --batch-size 16: it is 8 from here on."]


@pytest.mark.parametrize(("can_halve", "size"), [(True, 8), (False, 16)], ids=["twice", "resumed"])
def test_train_without_memory_for_half_a_batch_is_refused(can_halve, size):
    train_with, _ = short_of_memory(fitting=1)
    refused(
        f"There is too little memory on the device for --batch-size {size}: ",
        do=lambda: _within_memory(train_with, TrainingConfig(), say=print, can_halve=can_halve),
    )


def test_train_another_error_is_not_taken_for_a_lack_of_memory():
    def train_with(config):
        raise RuntimeError("another")

    with pytest.raises(RuntimeError, match="another"):
        _within_memory(train_with, TrainingConfig(), say=print, can_halve=True)


# Frames between


@pytest.mark.parametrize(
    ("features", "n_there", "expected"), [(COARSE, 10, True), (COARSE, 6, True), (COARSE, 4, False), (TINY, 10, False)]
)
def test_can_have_between_needs_most_recordings_and_features_that_lack_them(tmp_path, features, n_there, expected):
    names = [f"{i}.wav" for i in range(10)]
    for name in names[:n_there]:
        (tmp_path / name).write_bytes(b"")
    data = replace(make_dataset(names, [100] * 10, features=features), audio_dir=tmp_path)
    assert can_have_between(data) is expected


def test_choose_resumed_keeps_whether_there_are_frames_between(tmp_path):
    data = make_dataset([f"{i}.wav" for i in range(40)], [100] * 40, features=COARSE)
    for before in (0, 1):
        model = replace(model_config(COARSE, RATE), between=before)
        write_checkpoint(tmp_path, data, model=model)
        assert choose_of(data, tmp_path, resume=True)[0].model == model


def test_choose_new_model_has_frames_between_if_they_can_be_made_and_it_is_no_codec(tmp_path):
    data = make_dataset([f"{i}.wav" for i in range(40)], [100] * 40, features=COARSE)
    choice, lines = choose_of(data, tmp_path, between=True)
    assert (choice.model.between, lines) == (1, [])
    choice, (line,) = choose_of(data, tmp_path, between=False)
    assert choice.model.between == 0
    assert "Most recordings are not on this computer" in line
    assert choose_of(data, tmp_path, between=True, codec=True)[0].model.between == 0


def test_choose_codec_from_a_model_with_frames_between_has_none(forty, tmp_path, monkeypatch):
    config = replace(MODEL, between=1)
    weights = {name: np.ones(shape, np.float32) for name, shape in shapes(config).items()}
    model = replace(make_speech_codec(forty, MODEL), network=Network(config, weights), entropy=None)
    monkeypatch.setattr(training_options.model_file, "load", lambda path, option: model)
    (tmp_path / "before.h5").write_bytes(b"a model")
    for codec, expected in ((True, MODEL), (False, config)):
        choice, _ = choose_of(forty, tmp_path, start_from=tmp_path / "before.h5", codec=codec)
        assert choice.model == choice.start.config == expected
