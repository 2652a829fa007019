"""What command lines read: recordings, and models that are codecs. To be imported after --help: it needs NumPy."""

from pathlib import Path

from speech_autoencoder.audio.reading import describe
from speech_autoencoder.model import model_file
from speech_autoencoder.model.model_file import TrainedModel
from speech_autoencoder.system.files import printable


def total_duration_s(paths: list[Path]) -> float:
    """Return the duration of all recordings together; raise InputError, before long work, if one cannot be read."""
    return sum(describe(path).duration_s for path in paths)


def load_codec(path: Path) -> TrainedModel:
    """Return the model in `path`; raise InputError if it was not trained as a codec."""
    model = model_file.load(path)
    model.require_entropy(printable(path))
    return model
