"""Corpora without one speaker, to test models on voices that they were not trained on."""

from pathlib import Path

from benchmarks.running import link_recordings
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.data.recording_names import understand
from speech_autoencoder.errors import InputError


def leave_out(speaker: str, training_dir: Path, testing_dir: Path, folder: Path) -> tuple[Path, Path]:
    """Return the folders (training, testing) of all but this speaker, and of this one alone, as links in folder.

    With "" they are the original folders.
    """
    if not speaker:
        return training_dir.resolve(), testing_dir.resolve()
    training = [name for name, who in _speakers_in(training_dir).items() if who != speaker]
    testing = [name for name, who in _speakers_in(testing_dir).items() if who == speaker]
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
    existing = sorted({*_speakers_in(testing_dir).values()} - {""})
    unknown = sorted(set(wanted) - {*existing, "all"})
    if unknown or not existing:
        speakers = ", ".join(existing) or "no speakers that their names tell"
        raise InputError(f"{' '.join(unknown or wanted)} cannot be left out: the testing recordings are of {speakers}.")
    return existing if "all" in wanted else wanted


def _speakers_in(folder: Path) -> dict[str, str]:
    """Return {name: speaker} of the recordings in a folder."""
    names = find_recordings(folder)
    return dict(zip(names, understand(names).speakers, strict=True))
