"""The word test: which word each recording says, and the recogniser of words."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.data.labels_file import find_labels, read_labels
from speech_autoencoder.data.recording_names import folder_of
from speech_autoencoder.data.recordings import LISTED
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import bootstrap
from speech_autoencoder.evaluation.recognition import installed_recognisers
from speech_autoencoder.evaluation.recognition.recogniser import Recogniser
from speech_autoencoder.storage.remote_path import expanded
from speech_autoencoder.system.files import printable

# Recordings of training that the recogniser may learn from: of more, some that are drawn at random.
_MOST_TRAINING = 100_000


def installed(kind: str, source: str, data: Dataset, say: Callable[[str], None]) -> tuple[Recogniser, dict[str, str]]:
    """Return a recogniser that others have trained, and {name: word} of the recordings.

    Parameters
    ----------
    kind
        "pocketsphinx" or "whisper".
    source
        Where the labels come from, as in `labels_of`, or "none".
    data
        The testing recordings.
    say
        Called with a sentence on words that the recogniser does not know.

    Raises
    ------
    InputError
        If there is no such recogniser, or there are no labels.
    """
    labels = {} if source == "none" else labels_of(data, source, say)
    recogniser, words = installed_recognisers.load(kind, labels)
    unknown = sorted(set(words.values()) - {""} - set(recogniser.labels))
    if unknown:
        one = f"{recogniser.name} does not know the word {printable(unknown[0])}: it is left out."
        many = (
            f"{recogniser.name} does not know {len(unknown)} words, such as {printable(unknown[0])}: they are left out."
        )
        say(one if len(unknown) == 1 else many)
    return recogniser, words


def learned(
    source: str,
    data: Dataset,
    training: Dataset | None,
    why: str,
    train_recogniser: Callable[..., Recogniser | None],
    say: Callable[[str], None],
) -> tuple[Recogniser | None, dict[str, str]]:
    """Return a recogniser that is trained now on the training recordings, None if words cannot be tested, and labels.

    Parameters
    ----------
    source
        Where the labels come from, as in `labels_of`, or "none".
    data
        The testing recordings.
    training, why
        The training recordings, or None and why they are not available.
    train_recogniser
        `training.word_recogniser.train_quickly`.
    say
        Called with the reason if words cannot be tested.

    Returns
    -------
    recogniser
        None if words cannot be tested.
    labels
        {name: label} of the testing recordings, {} if they come from nowhere.
    """
    if source == "none":
        return None, {}
    labels = labels_of(data, source, say)
    if training is None:
        say(f"Word recognition is not tested: {why}")
        return None, labels
    some: Sequence[int] = range(len(training.names))
    if len(some) > _MOST_TRAINING:
        some = sorted(random.Random(bootstrap.SEED).sample(some, _MOST_TRAINING))
    missing = set(training.missing(some))
    known = {name: label for name, label in labels_of(training, source, say, some).items() if name not in missing}
    if missing and not known:
        say(f"Word recognition is not tested: the training recordings are not in {printable(training.audio_dir)}.")
        return None, labels
    index = {training.names[i]: i for i in some}
    recogniser = train_recogniser(
        training.audio_dir,
        known,
        seed=bootstrap.SEED,
        read_named=lambda name, sr: training.read(index[name], sr, salvage=False),
    )
    if recogniser is None or not set(recogniser.labels) & set(labels.values()):
        say(
            "Word recognition is not tested: it needs two words with eight training recordings each. Say how names "
            "tell them with --names when you make the arrays, or list them: labels.csv, or --audio-list."
        )
        return None, labels
    return recogniser, labels


def labels_of(
    data: Dataset,
    source: str | Path = "auto",
    say: Callable[[str], None] = lambda text: None,
    recordings: Sequence[int] | None = None,
) -> dict[str, str]:
    """Return {name: label} of the recordings whose label is known.

    Parameters
    ----------
    data
        The recordings.
    source
        "names" (as they were understood when the array was made), "folders" (the first folder), the path of a CSV with
        the columns path and label, or "auto": labels.csv in the folder of recordings if there is one and no list told
        the labels, otherwise names.
    say
        Called with how many rows of the CSV match, unless all do.
    recordings
        Which recordings (indices); by default all.

    Raises
    ------
    InputError
        If the CSV cannot be read, matches no recording, or gives one of them two labels.
    """
    chosen = range(len(data.names)) if recordings is None else recordings
    names, files = [data.names[i] for i in chosen], [data.file(i) for i in chosen]
    table = None
    if source == "auto":
        is_listed = data.understanding.source == LISTED and any(data.labels())
        path = None if is_listed else find_labels(data.audio_dir)
        table, source = (read_labels(path) if path else None), "names"
    elif source not in ("names", "folders"):
        table = read_labels(expanded(source))
    if table and "label" in table.columns:
        of_files = table.values("label", list(dict.fromkeys(files)), say)
        labels = {name: of_files.get(file, "") for name, file in zip(names, files, strict=True)}
    elif source == "names":
        told = data.labels()
        labels = {name: told[i] for name, i in zip(names, chosen, strict=True)}
    elif source == "folders":
        labels = {name: folder_of(file) for name, file in zip(names, files, strict=True)}
    else:
        raise InputError(f"{printable(source)} has no column label: name it in its first row.")
    return {name: label for name, label in labels.items() if label}
