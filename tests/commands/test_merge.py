"""Parts that tasks of an array job have made become one array; what is missing or does not belong there is named."""

import json
import shutil

import numpy as np
import pytest

from tests.commands.test_table import run
from tests.helpers.common import assert_refused, names_in, run_script

GENERATOR = "train_data_generator"
COMMAND = r"train_data_generator\.py --audio-dir speechdata/training --output train_data --preset classic"


@pytest.fixture(scope="module")
def made(small_speechdata, tmp_path_factory):
    """Return a folder with three parts that tasks have made, and the array without parts. Do not change it."""
    folder = tmp_path_factory.mktemp("parts")
    shutil.copytree(small_speechdata, folder / "speechdata")
    for i in (2, 1, 3):
        done = run_script(GENERATOR, "--part", f"{i}/3", cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
    assert "When all 3 parts are there: speech-autoencoder merge train_data" in done.stdout
    assert run_script(GENERATOR, "--output", "one.npy", cwd=folder).returncode == 0
    return folder


@pytest.fixture
def parts(made, tmp_path):
    """Return a copy of the folder, to be changed."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def sidecar(path):
    """Return what a sidecar says."""
    return json.loads(path.read_text())


def test_merge_writes_an_index_and_the_one_array(parts):
    done = run("merge", "--output", "joined.npy", cwd=parts)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Wrote train_data/index.json of 3 parts: 15 recordings" in done.stdout
    assert "Wrote joined.npy and joined.json" in done.stdout
    assert (parts / "joined.npy").read_bytes() == (parts / "one.npy").read_bytes()
    moved = {"audio_dir_absolute": str(parts / "speechdata" / "training")}
    assert sidecar(parts / "joined.json") == sidecar(parts / "one.json") | moved
    index = sidecar(parts / "train_data" / "index.json")
    counts = [len(np.load(parts / "train_data" / f"part-0000{i}.npy")) for i in range(3)]
    assert index["parts"]["n_clips"] == counts
    assert min(counts) > 0
    assert names_in(parts / "train_data") == [
        "index.json",
        *(f"part-0000{i}.{x}" for i in range(3) for x in ("json", "npy")),
    ]


def remove(folder):
    for name in ("part-00001.npy", "part-00001.json"):
        (folder / name).unlink()


def remove_two(folder):
    remove(folder)
    (folder / "part-00002.npy").unlink()


def cut(folder):
    path = folder / "part-00001.npy"
    path.write_bytes(path.read_bytes()[:-100])


def overwrite(folder):
    path = folder / "part-00001.npy"
    path.write_bytes(path.read_bytes()[:200] + b"\1" * (path.stat().st_size - 200))


def break_sidecar(folder):
    (folder / "part-00001.json").write_text("{")


def edit(key, value):
    """Return a function that changes what the sidecar of a part says."""

    def edit(folder):
        data = sidecar(folder / "part-00001.json")
        data["part"][key] = value
        (folder / "part-00001.json").write_text(json.dumps(data))

    return edit


def make_surplus(folder):
    for suffix in (".npy", ".json"):
        shutil.copy(folder / f"part-00000{suffix}", folder / f"part-00007{suffix}")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (remove, rf"of 3 parts, part-00001\.npy is missing: run {COMMAND} --part 2/3, then merge again\."),
        (remove_two, rf"part-00001\.npy and part-00002\.npy are missing: run {COMMAND} --part 2/3 \(and .* 3\), then"),
        (cut, r"part-00001\.npy is damaged \(train_data/part-00001\.npy is not an array of clips .* --part 2/3"),
        (overwrite, r"part-00001\.npy is damaged \(train_data/part-00001\.json describes another array\)"),
        (break_sidecar, r"part-00001\.npy is damaged \(train_data/part-00001\.json is damaged"),
        (
            edit("listing", "0"),
            r"part-00001\.npy is of another list of recordings than the others: .* 1/3 \(and .* 2-3\)",
        ),
        (edit("of", 4), r"part-00001\.npy is part 2 of 4, not of 3: .* --part 2/3"),
        (edit("number", 2), r"part-00001\.npy is part 3 of 3, under another name: .* --part 2/3"),
        (make_surplus, r"part-00007\.npy is part 1 of 3, under another name: remove part-00007\.npy"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_merge_part_that_is_missing_or_not_one_of_them_is_named(parts, damage, words):
    damage(parts / "train_data")
    before = names_in(parts / "train_data")
    done = run("merge", "train_data", cwd=parts)
    assert_refused(done, words)
    assert names_in(parts / "train_data") == before


def test_merge_part_of_another_preset_or_list_is_named_and_made_again(parts):
    assert run_script(GENERATOR, "--part", "2/3", "--preset", "fine", cwd=parts).returncode == 0
    assert_refused(run("merge", cwd=parts), r"part-00001\.npy is of preset fine, the others of classic: run .* 2/3")
    first = min((parts / "speechdata" / "training").rglob("*.flac"))
    first.rename(first.with_name("zzz_anna_0.flac"))
    assert run_script(GENERATOR, "--part", "2/3", cwd=parts).returncode == 0
    assert_refused(run("merge", cwd=parts), r"part-00001\.npy is of another list of recordings than the others")
    first.with_name("zzz_anna_0.flac").rename(first)
    assert run_script(GENERATOR, "--part", "2/3", cwd=parts).returncode == 0
    assert run("merge", "--quiet", cwd=parts).stdout == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["nothing"],
            r"nothing: there is no such folder; run speech-autoencoder features --parts, or --part I/N, first",
        ),
        (["speechdata"], r"speechdata: it holds no parts of an array"),
        (["one.npy"], r"one: there is no such folder"),
        (["train_data", "--output", "joined"], r"joined does not end in \.npy"),
        (["train_data", "--output", "notes.npy"], r"notes\.npy exists and was not made by this program"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_merge_what_cannot_be_merged_is_refused(made, arguments, words, tmp_path):
    for name in ("train_data", "speechdata", "one.npy", "one.json"):
        (tmp_path / name).symlink_to(made / name)
    (tmp_path / "notes.npy").write_text("mine")
    before = names_in(tmp_path)
    assert_refused(run("merge", *arguments, cwd=tmp_path), words)
    assert names_in(tmp_path) == before
    assert not (made / "train_data" / "index.json").exists()
