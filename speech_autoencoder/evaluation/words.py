"""Which word each recording says, and what is to hear it: a recogniser that is trained, or one that is installed."""

from collections.abc import Callable

from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.evaluation import installed_recognisers as pretrained
from speech_autoencoder.evaluation import word_recogniser as recogniser
from speech_autoencoder.evaluation.bootstrap import SEED
from speech_autoencoder.evaluation.word_recogniser import WordRecogniser
from speech_autoencoder.system.files import printable


def installed(
    kind: str, source: str, data: Dataset, say: Callable[[str], None]
) -> tuple[WordRecogniser, dict[str, str]]:
    """(the recogniser that is installed, {name: word} of the recordings); words that it does not know are said.

    kind is one of `pretrained.load`; source is where labels are from, as in `recogniser.labels_of`, or "none". Raises
    InputError where there is no such recogniser, or there are no labels.
    """
    labels = {} if source == "none" else recogniser.labels_of(data.names, data.audio_dir, source)
    heard, words = pretrained.load(kind, labels)
    unknown = sorted(set(words.values()) - {""} - set(heard.labels))
    if unknown:
        say(
            f"{heard.name} does not know {len(unknown)} of the words, such as {printable(unknown[0])}: they are left out."
        )
    return heard, words


def learned(
    source: str, data: Dataset, training: Dataset | None, why: str, say: Callable[[str], None]
) -> tuple[WordRecogniser | None, dict[str, str]]:
    """(a recogniser, {name: label} of testing), trained on the original training recordings; (None, {}) without.

    training is None where it is not at hand: why is said.
    """
    if source == "none":
        return None, {}
    labels = recogniser.labels_of(data.names, data.audio_dir, source)
    if training is None:
        say(f"Whether words are heard right is not tested: {why}")
        return None, {}
    known = recogniser.labels_of(training.names, training.audio_dir, source)
    heard = recogniser.train_quickly(training.audio_dir, known, seed=SEED)
    if heard is None or not set(heard.labels) & set(labels.values()):
        say(
            "Whether words are heard right is not tested: that needs two words with eight training recordings each, "
            "told by label_speaker_take.wav, --labels folders or a labels.csv."
        )
        return None, {}
    return heard, labels
