"""Damaged files of every kind end as used or as refused; what watches them sees crashes, hangs and gluttony."""

import os
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from robustness import fuzz_audio, fuzz_files, other_python, watched
from robustness.originals import Originals
from speech_autoencoder.audio.recordings import write_stream
from speech_autoencoder.codec import recording_codec as codec
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import LatentSearchConfig, LossConfig
from speech_autoencoder.data import building
from speech_autoencoder.errors import InputError
from speech_autoencoder.model import model_file, pca
from speech_autoencoder.model.keras_network import build, to_network
from speech_autoencoder.model.model_file import TrainedModel
from tests.helpers.common import TINY_MODEL, make_dataset, make_entropy, make_speech, shake

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="workers are watched by way of /proc"
)


def misbehave(item):
    """What an item says."""
    if item == "refuse":
        raise InputError("a.wav is empty (0 bytes): record or copy it again.")
    if item == "ramble":
        raise InputError("two\nlines of it")
    if item == "fail":
        raise ZeroDivisionError
    if item == "die":
        os.abort()
    if item == "hang":
        time.sleep(60)
    if item == "eat":
        return len(np.ones(40_000_000))
    if item == "eat all":
        return len(np.ones(10_000_000_000))
    return "fine"


def prepare():
    """What a worker is to do."""
    return misbehave


def test_watch_sees_every_kind_of_misbehaviour_and_goes_on():
    items = ["fine", "refuse", "ramble", "fail", "die", "fine", "hang", "eat", "fine", "eat all", "fine"]
    ends = {}
    for outcome in watched.watch(prepare, items, most_s=4, most_mb=300):
        ends.setdefault(outcome.item, []).append(outcome.end)
    assert ends == {
        "fine": ["used"] * 4,
        "refuse": ["refused"],
        "ramble": ["crashed"],
        "fail": ["crashed"],
        "die": ["crashed"],
        "hang": ["hung"],
        "eat": ["over memory"],
        "eat all": ["over memory"],
    }


def test_table_counts_each_kind_and_all():
    outcomes = [watched.Outcome(i, end, i, 10.0 * i, "") for i, end in enumerate(["used", "refused", "hung"])]
    lines = watched.table([("b", outcomes[0]), ("a", outcomes[1]), ("b", outcomes[2])]).splitlines()
    assert lines[2:] == [
        "| a | 1 | 0 | 1 | 0 | 0 | 0 | 1.00 | 10 |",
        "| b | 2 | 1 | 0 | 0 | 1 | 0 | 2.00 | 20 |",
        "| all | 3 | 1 | 1 | 0 | 1 | 0 | 2.00 | 20 |",
    ]


def test_damaged_recordings_are_used_or_refused():
    """Twenty thousand: python -m robustness.fuzz_audio."""
    ends, wrong = Counter(), []
    for kind, outcome in fuzz_audio.fuzz(500, seed=1, workers=1):
        ends[kind, outcome.end] += 1
        if outcome.end not in ("used", "refused"):
            wrong.append((kind, outcome))
    assert wrong == []
    assert sum(ends.values()) == 500
    assert {kind for kind, _ in ends} == {kind for kind, *_ in fuzz_audio.KINDS}
    assert min(sum(n for (_, end), n in ends.items() if end == wanted) for wanted in ("used", "refused")) > 100


def test_damaged_recordings_are_the_same_for_the_same_seed():
    assert fuzz_audio.mutant(0, 7) == fuzz_audio.mutant(0, 7) != fuzz_audio.mutant(1, 7)


def test_ogg_checksums_of_an_undamaged_file_are_as_they_were():
    for kind, (name, *_) in enumerate(fuzz_audio.KINDS):
        if name.startswith("OGG"):
            content = fuzz_audio.originals(kind)[0]
            assert fuzz_audio.with_right_checksums(content) == content
            spoiled = content[:22] + b"\0\0\0\0" + content[26:]
            assert fuzz_audio.with_right_checksums(spoiled) == content


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """An array, a model that is a codec, and a file encoded with it."""
    folder = tmp_path_factory.mktemp("originals")
    data = make_dataset([f"{i}.wav" for i in range(4)], [40, 50, 60, 70])
    (folder / "audio").mkdir()
    for i in range(3):
        write_stream(
            folder / "audio" / f"{i}.wav", [make_speech(4_000 + 1_000 * i, data.features.sr, i)], data.features.sr
        )
    files = Originals(folder / "array.npy", folder / "model.h5", folder / "recording.sae")
    building.build(folder / "audio", files.array, data.features, workers=1)
    network = build(TINY_MODEL)
    shake(network)
    floor = pca.fit(data, np.arange(4), *TINY_MODEL.baseline_shape)
    entropy = make_entropy(TINY_MODEL.latent_size, 2)
    model = TrainedModel(to_network(network, TINY_MODEL), data.features, LossConfig(), floor, {"history": {}}, entropy)
    model_file.save(files.model, model)
    codec.encode_recording(
        folder / "audio" / "0.wav", Encoder(model, LatentSearchConfig(steps=0)), files.encoded, quality=1
    )
    return files


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_damaged_arrays_models_and_codec_files_are_read_or_refused(originals, tmp_path):
    """Twenty thousand, in watched processes: python -m robustness.fuzz_files. Here in this one."""
    check, refused = fuzz_files.prepare(originals, 1, tmp_path), Counter()
    for kind in fuzz_files.KINDS:
        for number in range(8 if kind.startswith("model") else 40):
            try:
                check((kind, number))
            except InputError as error:
                assert "\n" not in str(error)
                assert len(str(error)) < 1_000
                refused[kind] += 1
    assert set(refused) == set(fuzz_files.KINDS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_reader_that_touches_a_file_is_noticed(originals, tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz_files, "read_array", lambda path: path.with_name("egg").mkdir())
    with pytest.raises(PermissionError, match="ran code"):
        fuzz_files.prepare(originals, 1, tmp_path)(("array: bytes", 0))


def test_undamaged_files_are_read(originals, tmp_path, monkeypatch):
    for kind, (_, suffix) in fuzz_files.KINDS.items():
        monkeypatch.setitem(fuzz_files.KINDS, kind, (lambda path, rng: None, suffix))
    check = fuzz_files.prepare(originals, 1, tmp_path)
    for kind in ("array: bytes", "model: bytes", "codec file: bytes"):
        assert check((kind, 0))


def test_other_python_is_held_to_what_this_one_reads(originals, tmp_path):
    ours = other_python.read_all(originals, tmp_path)
    assert set(other_python.differences(ours, ours).values()) == {0.0}
    assert {name for name, value in ours.items() if value.size == 0} == set()
    found = other_python.differences(ours, ours | {"latents": ours["latents"] + 1, "sound": ours["sound"][1:]})
    assert (found["latents"], found["sound"], found["array"]) == (1.0, np.inf, 0.0)
