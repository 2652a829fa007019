"""Which word each recording says, and what is to hear it: a recogniser that is trained, or one that is installed."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.data.recording_names import label_of
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import installed_recognisers as pretrained
from speech_autoencoder.evaluation.bootstrap import SEED
from speech_autoencoder.system.files import explain, printable

LABELS_NAME = "labels.csv"


class WordRecogniser(Protocol):
    """A recogniser of words, installed or trained: its name, its labels, and the number of recordings it was trained on."""

    name: str
    labels: list[str]
    n_training: int

    def recognise(self, waveforms: list[np.ndarray], *, sr: int) -> list[str]:
        """Return the label recognised in each waveform (n_samples,) at sr Hz, "" for none of the labels.

        May be called in several threads at once.
        """


def installed(
    kind: str, source: str, data: Dataset, say: Callable[[str], None]
) -> tuple[WordRecogniser, dict[str, str]]:
    """(the recogniser that is installed, {name: word} of the recordings); words that it does not know are said.

    kind is one of `pretrained.load`; source is where labels are from, as in `labels_of`, or "none". Raises
    InputError where there is no such recogniser, or there are no labels.
    """
    labels = {} if source == "none" else labels_of(data.names, data.audio_dir, source)
    heard, words = pretrained.load(kind, labels)
    unknown = sorted(set(words.values()) - {""} - set(heard.labels))
    if unknown:
        say(
            f"{heard.name} does not know {len(unknown)} of the words, such as {printable(unknown[0])}: they are left out."
        )
    return heard, words


def learned(
    source: str,
    data: Dataset,
    training: Dataset | None,
    why: str,
    train_recogniser: Callable[..., WordRecogniser | None],
    say: Callable[[str], None],
) -> tuple[WordRecogniser | None, dict[str, str]]:
    """(a recogniser, {name: label} of testing), trained on the original training recordings; (None, {}) without.

    training is None where it is not at hand: why is said. train_recogniser is `training.word_recogniser.train_quickly`.
    """
    if source == "none":
        return None, {}
    labels = labels_of(data.names, data.audio_dir, source)
    if training is None:
        say(f"Whether words are heard right is not tested: {why}")
        return None, {}
    known = labels_of(training.names, training.audio_dir, source)
    heard = train_recogniser(training.audio_dir, known, seed=SEED)
    if heard is None or not set(heard.labels) & set(labels.values()):
        say(
            "Whether words are heard right is not tested: that needs two words with eight training recordings each, "
            "told by label_speaker_take.wav, --labels folders or a labels.csv."
        )
        return None, {}
    return heard, labels


def labels_of(names: list[str], folder: Path, source: str | Path = "auto") -> dict[str, str]:
    """{name: label} of the recordings below folder whose label is known.

    source is "names", "folders" (the first folder), the path of a CSV with the columns path and label, whose paths are
    below folder, or "auto": labels.csv in folder, and else the names. Raises InputError when there is no such CSV.
    """
    if source == "auto":
        source = folder / LABELS_NAME if (folder / LABELS_NAME).is_file() else "names"
    if source == "names":
        labels = {name: label_of(name) for name in names if _tells_all(name)}
    elif source == "folders":
        labels = {name: Path(name).parts[0] if len(Path(name).parts) > 1 else "" for name in names}
    else:
        listed = _read_labels(Path(source))
        labels = {name: listed.get(name, "") for name in names}
    return {name: label for name, label in labels.items() if label}


def _tells_all(name):
    """Whether a name is label_speaker_take: of `anna_001.wav` and `p225_001_mic1.wav` the first part is no word."""
    parts = Path(name).stem.split("_")
    return len(parts) == 3 and bool(parts[1]) and not parts[1].isdigit()


def _read_labels(path):
    """{path: label} of a CSV."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"path", "label"} <= set(rows.fieldnames or ()):
                raise InputError(f"{printable(path)} has no columns path and label: its first line must name them.")
            return {Path(row["path"] or "").as_posix(): (row["label"] or "").strip() for row in rows}
    except OSError as error:
        raise InputError(f"{printable(path)} could not be read: {explain(error)}.") from error
    except (UnicodeError, csv.Error) as error:
        raise InputError(f"{printable(path)} is no CSV in UTF-8 ({error}): export it again.") from error
