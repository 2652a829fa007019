"""Corpora without one speaker, to test models on voices that they were not trained on."""

from pathlib import Path

from benchmarks.running import link_recordings
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.data.recording_names import speaker_of
from speech_autoencoder.errors import InputError


def leave_out(speaker: str, training_dir: Path, testing_dir: Path, folder: Path) -> tuple[Path, Path]:
    """Return the folders (training, testing) of all but this speaker, and of this one alone, as links in folder.

    With "" they are the original folders.
    """
    if not speaker:
        return training_dir.resolve(), testing_dir.resolve()
    training = [name for name in find_recordings(training_dir) if speaker_of(name) != speaker]
    testing = [name for name in find_recordings(testing_dir) if speaker_of(name) == speaker]
    return (
        link_recordings(training_dir, training, folder / "training"),
        link_recordings(testing_dir, testing, folder / "testing"),
    )


def speakers_to_leave_out(wanted: list[str], testing_dir: Path) -> list[str]:
    """Return the speakers to leave out in turn: those wanted, everyone for "all", [""] if none is wanted.

    Raises
    ------
    InputError
        If one of them is not in testing_dir.
    """
    if not wanted:
        return [""]
    existing = sorted({speaker_of(name) for name in find_recordings(testing_dir)} - {""})
    unknown = sorted(set(wanted) - {*existing, "all"})
    if unknown or not existing:
        speakers = ", ".join(existing) or "no speakers that their names tell"
        raise InputError(f"{' '.join(unknown or wanted)} cannot be left out: the testing recordings are of {speakers}.")
    return existing if "all" in wanted else wanted
