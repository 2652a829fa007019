"""Which part of the project needs which library, and the command that installs it."""

from pathlib import Path

# The extra of pyproject.toml that brings a library, by the name that is imported. What is not here, every part needs.
EXTRAS = {
    "keras": "train",
    "tensorflow": "train",
    "librosa": "evaluate",
    "pystoi": "evaluate",
    "sklearn": "evaluate",
    "jax": "jax",
    "dask": "cluster",
    "distributed": "cluster",
    "aiohttp": "remote",
    "fsspec": "remote",
    "s3fs": "remote",
    "av": "formats",
    "onnx": "export",
    "pyarrow": "parquet",
    "tensorboard": "tensorboard",
    "shtab": "completion",
    "pesq": "metrics",
    "speechmos": "dnsmos",
    "visqol": "visqol",
    "pocketsphinx": "pocketsphinx",
    "faster_whisper": "whisper",
}
# What requirements.txt installs: all that the five scripts need.
_OF_THE_SCRIPTS = ("", "train", "evaluate")


def install_command(library: str) -> str:
    """Return the command that installs a library, with the others of its extra.

    From a checkout, that is its requirements.txt, or the extra of the folder; otherwise the extra of the package.

    Parameters
    ----------
    library
        The name that is imported, such as ``av``.
    """
    extra = EXTRAS.get(library, "")
    if not (Path(__file__).parents[2] / "pyproject.toml").is_file():
        return f"pip install 'speech-autoencoder[{extra}]'" if extra else "pip install speech-autoencoder"
    return "pip install -r requirements.txt" if extra in _OF_THE_SCRIPTS else f"pip install '.[{extra}]'"
