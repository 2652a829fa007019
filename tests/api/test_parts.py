"""An array in parts is made, used, made again after changes and after a kill, and refused like one of one file."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf

import speech_autoencoder as sa
from speech_autoencoder.data import dataset
from speech_autoencoder.data.parts import clips
from speech_autoencoder.errors import InputError
from tests.helpers.common import ROOT, assert_refused, contents_of, make_speech, names_in, one_line_of, run_script

N_RECORDINGS = 12


@pytest.fixture
def recordings(tmp_path):
    """Return a folder of recordings of three speakers, of one to three clips each."""
    for i in range(N_RECORDINGS):
        path = tmp_path / "audio" / f"{i % 4}_{'anna ben carl'.split()[i % 3]}_{i:02}.wav"
        path.parent.mkdir(exist_ok=True)
        sf.write(path, make_speech(6_000 + 2_000 * i, 8_000, i), 8_000)
    return tmp_path / "audio"


@pytest.fixture
def folder(recordings):
    """Return the folder of an array of these recordings in four parts."""
    sa.build_dataset(recordings, recordings.parent / "train_data.npy", parts=4)
    return recordings.parent / "train_data"


def parts_in(folder):
    """Return the bytes of the parts in a folder."""
    return [path.read_bytes() for path in sorted(folder.glob("part-*.npy"))]


def joined(folder):
    """Return the clips of all parts, read as anybody does."""
    return np.concatenate([np.load(path) for path in sorted(folder.glob("part-*.npy"))])


def said(function, *arguments, **options):
    """Return the lines that a function says."""
    lines = []
    function(*arguments, **options, say=lines.append)
    return lines


# The same as one array


def test_build_dataset_parts_joined_are_the_one_array(recordings, folder):
    sa.build_dataset(recordings, folder.parent / "one.npy")
    one, parts = dataset.load(folder.parent / "one.npy", ""), dataset.load(folder, "")
    assert len(parts_in(folder)) == 4
    assert np.array_equal(joined(folder), one.clips)
    assert parts.clips.shape == one.clips.shape
    assert np.array_equal(np.asarray(parts.clips), one.clips)
    assert [parts.path(i) for i in range(N_RECORDINGS)] == sorted(recordings.iterdir())
    assert np.array_equal(parts.frames(7), one.frames(7))
    for name in ("names", "fingerprint", "features", "understood", "digests"):
        assert getattr(parts, name) == getattr(one, name), name
    index, sidecar = (json.loads(path.read_text()) for path in (folder / "index.json", folder.parent / "one.json"))
    index.pop("parts")
    assert index.pop("audio_dir") == "../audio"
    assert index == {key: value for key, value in sidecar.items() if key != "audio_dir"}


def test_build_dataset_each_part_is_an_array_of_its_own(recordings, folder):
    loaded = [dataset.load(path, "") for path in sorted(folder.glob("part-*.npy"))]
    assert [name for part in loaded for name in part.names] == sorted(path.name for path in recordings.iterdir())
    assert set(loaded[0].speakers()) <= {"anna", "ben", "carl"}  # as all names show, not those of the part
    assert loaded[3].path(0).exists()


def test_build_dataset_one_part_is_as_when_all_are_made(recordings, folder):
    for i in (3, 1, 4, 2):
        summary = sa.build_dataset(recordings, recordings.parent / "alone", part=(i, 4))
        assert summary.n_clips == len(np.load(recordings.parent / "alone" / f"part-0000{i - 1}.npy"))
    assert parts_in(recordings.parent / "alone") == parts_in(folder)


def test_build_dataset_parts_of_a_list_of_parts_of_recordings(recordings, tmp_path):
    """Their sidecars have other columns where a part of the array holds whole files only."""
    names = sorted(path.name for path in recordings.iterdir())
    rows = [f"{name},{start},{end}" for name in names[:2] for start, end in ((0, 0.2), (0.2, 0.4), (0.3, 0.6))]
    (recordings / "list.csv").write_text("\n".join(["path,start,end", *rows, *(f"{name},," for name in names[2:])]))
    lists = {"audio_list": recordings / "list.csv"}
    sa.build_dataset(None, tmp_path / "one.npy", **lists)
    sa.build_dataset(None, tmp_path / "parts", **lists, parts=5)
    one, parts = dataset.load(tmp_path / "one.npy", ""), dataset.load(tmp_path / "parts", "")
    assert np.array_equal(np.asarray(parts.clips), one.clips)
    assert (parts.names, parts.files, list(parts.starts)) == (one.names, one.files, list(one.starts))
    assert parts.is_part(1)
    assert np.array_equal(parts.read(1), one.read(1))


def test_load_folder_of_parts_larger_than_what_is_checked_at_once(folder, monkeypatch):
    expected = joined(folder)
    for bound in ("CHECKED_BYTES", "MAPPED_BYTES"):
        monkeypatch.setattr(clips, bound, 1_000)
    assert np.array_equal(np.asarray(dataset.load(folder, "").clips), expected)
    loaded = dataset.load(folder, "train_data_generator.py")
    path = folder / "part-00002.npy"
    with path.open("r+b") as file:
        file.seek(-8, os.SEEK_END)
        file.write(np.array([7], "<f4").tobytes())
    with pytest.raises(InputError, match=r"part-00002\.npy holds values outside \[0, 1\].* run .* --parts again"):
        loaded.clips[:]


# Made again


def test_build_dataset_parts_that_have_not_changed_are_not_written(recordings, folder):
    before = contents_of(folder)
    [first, *_] = said(sa.build_dataset, recordings, folder, parts=4)
    assert first.startswith(f"Nothing has changed: {folder} holds 12 recordings")
    after = contents_of(folder)
    assert {name: x for name, x in after.items() if name != "index.json"} == {
        name: x for name, x in before.items() if name != "index.json"
    }
    assert after["index.json"][0] == before["index.json"][0]


def test_build_dataset_parts_compute_only_what_is_missing_or_new(recordings, folder):
    before = contents_of(folder)
    for suffix in (".npy", ".json"):
        (folder / f"part-00002{suffix}").unlink()
    n_missing = sum(name.startswith("part-00002") for name in before)
    assert n_missing == 2
    summary = sa.build_dataset(recordings, folder, parts=4)
    assert summary.n_computed == len(json.loads((folder / "part-00002.json").read_text())["recordings"]["path"])
    assert {name: x[0] for name, x in contents_of(folder).items()} == {name: x[0] for name, x in before.items()}

    sf.write(recordings / "0_aaa_00.wav", make_speech(5_000, 8_000, 50), 8_000)  # comes before all others
    sf.write(recordings / "2_carl_02.wav", make_speech(9_000, 8_000, 51), 8_000)
    summary = sa.build_dataset(recordings, folder, parts=4)
    assert (summary.n_computed, summary.n_recordings) == (2, N_RECORDINGS + 1)
    sa.build_dataset(recordings, folder.parent / "one.npy")
    assert np.array_equal(joined(folder), np.load(folder.parent / "one.npy"))
    assert dataset.load(folder, "").fingerprint == dataset.load(folder.parent / "one.npy", "").fingerprint


def test_build_dataset_fewer_parts_than_before_leave_none_behind(recordings, folder):
    (folder / "notes.txt").write_text("mine")
    sa.build_dataset(recordings, folder, parts=2)
    assert names_in(folder) == [
        "index.json",
        "notes.txt",
        *(f"part-0000{i}.{suffix}" for i in (0, 1) for suffix in ("json", "npy")),
    ]
    assert len(dataset.load(folder, "").names) == N_RECORDINGS


def test_build_dataset_part_without_a_usable_recording_is_empty(recordings, tmp_path):
    for path in sorted(recordings.iterdir())[:3]:
        path.write_text("no sound")
    summary = sa.build_dataset(recordings, tmp_path / "parts", parts=12)
    assert [name for name, _ in summary.left_out] == sorted(path.name for path in recordings.iterdir())[:3]
    assert len(np.load(tmp_path / "parts" / "part-00000.npy")) == 0
    assert len(dataset.load(tmp_path / "parts", "").names) == N_RECORDINGS - 3
    sa.build_dataset(recordings, tmp_path / "one.npy")
    assert np.array_equal(joined(tmp_path / "parts"), np.load(tmp_path / "one.npy"))


def test_build_dataset_no_usable_recording_leaves_nothing(recordings, tmp_path):
    for path in recordings.iterdir():
        path.write_text("no sound")
    with pytest.raises(InputError, match=r"None of the 12 recordings in .* can be used; the first: "):
        sa.build_dataset(recordings, tmp_path / "parts", parts=3)
    assert not (tmp_path / "parts").exists()


# Ended midway


def test_generator_that_is_killed_goes_on_with_what_is_missing(recordings, folder):
    """The process ends, with neither a chance to clean up nor to say anything, while it makes the third part."""
    end = "from speech_autoencoder.data.parts import making\nfrom speech_autoencoder.api import parts\n"
    end += "make = parts.make_part\n"
    end += "def until(items, **options):\n    os.kill(os.getpid(), 9) if items[0].share.number == 2 else None\n"
    end += "    return make(items, **options)\nparts.make_part = until\n"
    output = recordings.parent / "killed"
    call = f"import speech_autoencoder as sa\nsa.build_dataset({str(recordings)!r}, {str(output)!r}, parts=4)"
    done = subprocess.run([sys.executable, "-c", f"import os\n{end}{call}"], cwd=ROOT, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [path.name for path in sorted(output.glob("part-*.npy"))] == ["part-00000.npy", "part-00001.npy"]
    with pytest.raises(InputError, match=r"killed has no index: run speech-autoencoder merge .*killed, once all"):
        dataset.load(output, "train_data_generator.py")
    n_done = sum(len(json.loads(path.read_text())["recordings"]["path"]) for path in output.glob("part-*.json"))
    summary = sa.build_dataset(recordings, output, parts=4)
    assert summary.n_computed == N_RECORDINGS - n_done
    assert parts_in(output) == parts_in(folder)
    assert not [name for name in names_in(output) if name.startswith(".")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of processes are those of POSIX")
def test_generator_disk_that_fills_up_keeps_the_parts_that_are_whole(recordings, folder):
    sizes = [len(content) for content in parts_in(folder)]
    limit = f"import resource, runpy, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, ({max(sizes) - 1},) * 2)\n"
    script = ROOT / "train_data_generator.py"
    call = (
        f"sys.argv = ['train_data_generator.py', *sys.argv[1:]]\nrunpy.run_path({str(script)!r}, run_name='__main__')"
    )
    arguments = ["--audio-dir", recordings, "--output", "full", "--parts", "4"]
    done = subprocess.run(
        [sys.executable, "-c", limit + call, *map(str, arguments)],
        cwd=recordings.parent,
        capture_output=True,
        text=True,
    )
    assert_refused(done, r"full/part-0000\d\.npy could not be written: the file is larger than allowed here")
    whole = sizes.index(max(sizes))
    assert names_in(folder.parent / "full") == [f"part-0000{i}.{x}" for i in range(whole) for x in ("json", "npy")]
    assert run_script("train_data_generator", *arguments, cwd=recordings.parent).returncode == 0
    assert parts_in(folder.parent / "full") == parts_in(folder)


@pytest.mark.parametrize("options", [{"parts": 4}, {"part": (2, 4)}])
def test_build_dataset_output_of_another_run_is_refused(recordings, folder, options):
    before = contents_of(folder)
    taken = folder if "parts" in options else folder / "part-00001.npy"
    code = f"from speech_autoencoder.system.files import lock\nfrom pathlib import Path\nlock(Path({str(taken)!r}))\n"
    other = subprocess.Popen(
        [sys.executable, "-c", f"{code}print('locked', flush=True)\ninput()"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        other.stdout.readline()
        with pytest.raises(InputError, match=rf"is being written by another run \(process {other.pid}\)") as error:
            sa.build_dataset(recordings, folder, **options)
        one_line_of(error)
    finally:
        other.communicate(b"\n")
    assert {name: x for name, x in contents_of(folder).items() if not name.startswith(".")} == before


# What is refused


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"parts": 13}, "audio holds 12 recordings: give at most as many parts, not 13"),
        ({"part": (1, 13)}, "audio holds 12 recordings: give at most as many parts, not 13"),
        ({"part": (0, 3)}, r"part is \(0, 3\): expected which of how many, such as \(3, 8\), counted from 1"),
        ({"part": "2/3"}, r"part is '2/3': expected which of how many"),
        ({"parts": 0.5}, r"parts is 0\.5: expected a whole number above zero"),
        ({"parts": 3, "part": (1, 3)}, "give one of the two"),
        ({"parts": 3, "output": "audio"}, r"audio holds other files, such as 0_anna_00\.wav: name another folder"),
        ({"parts": 3, "output": "notes"}, "notes is a file: name a folder for the parts"),
        ({"output": "train_data"}, "train_data holds the parts of an array: add --parts"),
    ],
    ids=str,
)
def test_build_dataset_parts_that_cannot_be_made_are_refused(recordings, folder, options, words):
    (folder.parent / "notes").write_text("mine")
    before = names_in(folder.parent), contents_of(folder), contents_of(recordings)
    options = {"output": "new"} | options
    output = folder.parent / options.pop("output")
    with pytest.raises(InputError, match=words) as error:
        sa.build_dataset(recordings, output, **options)
    one_line_of(error)
    assert (names_in(folder.parent), contents_of(folder), contents_of(recordings)) == before


def test_build_dataset_file_that_is_not_ours_stays_unless_it_may_be_overwritten(recordings, folder):
    (folder / "part-00001.json").write_text("mine")
    with pytest.raises(InputError, match=r"part-00001\.json exists and was not made by this program"):
        sa.build_dataset(recordings, folder, parts=4)
    assert (folder / "part-00001.json").read_text() == "mine"
    sa.build_dataset(recordings, folder, parts=4, overwrite=True)
    assert len(dataset.load(folder, "").names) == N_RECORDINGS


@pytest.mark.parametrize(("value", "words"), [
    ("0/4", r"I counts from 1 to N, and is 0 in 0/4; where tasks count from 0, add 1: \$\(\(TASK \+ 1\)\)/4"),
    ("5/4", r"I counts from 1 to N, and is 5 in 5/4"),
    ("3", r"expected I/N, such as 1/8 for the first of eight parts, not '3'"),
    ("1/0", r"I counts from 1 to N"),
    ("-1/4", r"expected I/N|expected one argument"),
])  # fmt: skip
def test_generator_part_that_is_none_is_refused(value, words, tmp_path):
    assert_refused(run_script("train_data_generator", "--part", value, cwd=tmp_path), words)
    assert names_in(tmp_path) == []


def damage(name, content=None):
    """Return a function that removes or overwrites a file in the folder."""

    def damage(folder):
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(content)

    return damage


def take_another_part(folder):
    for suffix in (".npy", ".json"):
        shutil.copy(folder / f"part-00003{suffix}", folder / f"part-00001{suffix}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            damage("part-00001.npy"),
            r"part-00001\.npy is missing: run generator --parts again, or .* merge .*train_data",
        ),
        (damage("part-00001.json"), r"part-00001\.json is missing: run generator --parts again"),
        (
            damage("part-00001.npy", "no array"),
            r"part-00001\.npy is not an array of clips .* run generator --parts again",
        ),
        (damage("index.json"), r"train_data has no index: run speech-autoencoder merge .*train_data, once all of its"),
        (damage("index.json", "{}"), r"index\.json is damaged \(KeyError: 'parts'\): run speech-autoencoder merge"),
        (damage("index.json", "{"), r"index\.json is damaged .*: run generator --parts again"),
        (take_another_part, r"part-00001\.npy is not the one in .*index\.json: run generator --parts again"),
    ],
)
def test_load_folder_of_parts_that_is_not_whole_is_refused(folder, change, words):
    change(folder)
    with pytest.raises(InputError, match=words) as error:
        dataset.load(folder, "generator")
    one_line_of(error)


def test_load_folder_without_parts_is_refused(tmp_path):
    with pytest.raises(InputError, match="is a folder without parts of an array: run generator --parts, or name an"):
        dataset.load(tmp_path, "generator")


# Which of the two


def test_scripts_take_the_folder_where_there_is_no_file_and_say_if_both_are_there(recordings, tmp_path):
    shutil.copytree(recordings, tmp_path / "speechdata" / "training")
    shutil.copytree(recordings, tmp_path / "speechdata" / "testing")
    done = run_script("train_data_generator", "--parts", "2", "--preset", "fine", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "in 2 parts and train_data/index.json" in done.stdout
    done = run_script("test_data_generator", "--parts", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert dataset.load(tmp_path / "test_data", "").features.preset == "fine"

    assert run_script("train_data_generator", cwd=tmp_path).returncode == 0
    done = run_script("test_data_generator", "--parts", cwd=tmp_path)
    assert (
        "Both train_data.npy and its parts in train_data exist, and train_data.npy is the one that is used."
        in done.stdout
    )
    assert dataset.load(tmp_path / "test_data", "").features.preset == "classic"
