"""Folders of links to recordings without one speaker, for models that must do with voices they have never heard."""

from pathlib import Path

from benchmarks.running import linked
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.data.recording_names import speaker_of
from speech_autoencoder.errors import InputError


def without(speaker: str, training_dir: Path, testing_dir: Path, folder: Path) -> tuple[Path, Path]:
    """(training, testing) in folder: links to all but this speaker, and to this one alone; with "" the originals."""
    if not speaker:
        return training_dir.resolve(), testing_dir.resolve()
    training = [name for name in find_recordings(training_dir) if speaker_of(name) != speaker]
    testing = [name for name in find_recordings(testing_dir) if speaker_of(name) == speaker]
    return linked(training_dir, training, folder / "training"), linked(testing_dir, testing, folder / "testing")


def in_turn(wanted: list[str], testing_dir: Path) -> list[str]:
    """The speakers to leave out one after another: those wanted, or with "all" everyone; [""] where none is wanted.

    Raises InputError when one of them is not in testing_dir.
    """
    if not wanted:
        return [""]
    there = sorted({speaker_of(name) for name in find_recordings(testing_dir)} - {""})
    unknown = sorted(set(wanted) - {*there, "all"})
    if unknown or not there:
        who = ", ".join(there) or "nobody whom their names tell"
        raise InputError(f"{' '.join(unknown or wanted)} cannot be left out: the testing recordings are of {who}.")
    return there if "all" in wanted else wanted
