"""A small CNN auto-encoder for speech, as a library and behind the five scripts and the command line.

Importing it loads nothing: what it offers is loaded when it is first used. Only `train`, and the word recogniser that
`evaluate` trains, need TensorFlow.
"""

import sys
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Before anything else is imported: an older Python would end in a traceback.
if sys.version_info < (3, 11):  # noqa: UP036
    _version = ".".join(map(str, sys.version_info[:2]))
    sys.stderr.write(f"This is Python {_version} ({sys.executable}): use Python 3.11, 3.12 or 3.13.\n")
    sys.exit(2)

if TYPE_CHECKING:
    from speech_autoencoder.api.datasets import build_dataset
    from speech_autoencoder.api.evaluation import evaluate
    from speech_autoencoder.api.interpolation import interpolate
    from speech_autoencoder.api.model import Model, load
    from speech_autoencoder.api.prediction import predict
    from speech_autoencoder.api.sound import invert, log_mel, read
    from speech_autoencoder.api.training import train
    from speech_autoencoder.config import FeatureConfig, preset
    from speech_autoencoder.errors import InputError

# The module of each name.
_MODULES = {
    "FeatureConfig": "config",
    "InputError": "errors",
    "Model": "api.model",
    "build_dataset": "api.datasets",
    "evaluate": "api.evaluation",
    "interpolate": "api.interpolation",
    "invert": "api.sound",
    "load": "api.model",
    "log_mel": "api.sound",
    "predict": "api.prediction",
    "preset": "config",
    "read": "api.sound",
    "train": "api.training",
}

__all__ = [
    "FeatureConfig",
    "InputError",
    "Model",
    "build_dataset",
    "evaluate",
    "interpolate",
    "invert",
    "load",
    "log_mel",
    "predict",
    "preset",
    "read",
    "train",
]


def __getattr__(name: str) -> object:
    """Return what the package offers under a name, and load it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the names that the package offers, those that are not loaded yet too."""
    return sorted({*globals(), *__all__})
