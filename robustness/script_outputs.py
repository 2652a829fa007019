"""The outputs of the five scripts, and what they hold apart from how long it took to make them."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import h5py

OUTPUTS = {
    "train_data_generator": ["train_data.json", "train_data.npy"],
    "test_data_generator": ["test_data.json", "test_data.npy"],
    "autoencoder_for_many_data": ["my_model_for_many_data.h5", "training_history.csv", "training_history.png"],
    "evaluate_for_many_data": ["evaluation.json", "evaluation.png", "report"],
    "predict_for_one_data": ["reconstruct.png", "reconstruct.wav"],
}


def contents(script: str, folder: Path) -> list:
    """Return the `content_of` each of the script's outputs in folder."""
    return [content_of(folder / name) for name in OUTPUTS[script]]


def content_of(path: Path) -> Any:
    """Return what an output holds, to be compared, without its durations; None if it is missing or damaged."""
    try:
        if path.is_dir():
            return {str(each.relative_to(path)): content_of(each) for each in sorted(path.rglob("*"))}
        if path.suffix == ".h5":
            return _content_of_model(path)
        if path.suffix == ".csv":
            return [{**row, "minutes": ""} for row in csv.DictReader(path.read_text().splitlines())]
        content = path.read_bytes()
        return _content_of_sidecar(content) if b'"inode"' in content and path.suffix == ".json" else content
    except (OSError, ValueError, KeyError):
        return None


def _content_of_sidecar(content: bytes) -> dict[str, Any]:
    """Return an array's sidecar without what says where its recordings are, and which files: copies have others."""
    sidecar = json.loads(content)
    sidecar.pop("audio_dir_absolute")
    for column in ("inode", "ctime_ns"):
        sidecar["recordings"].pop(column)
    return sidecar


def _content_of_model(path: Path) -> tuple[dict, dict[str, bytes]]:
    """Return the description without its minutes, and the bytes of every array by name."""
    arrays: dict[str, Any] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    description = json.loads(arrays.pop("speech_autoencoder/description").tobytes())
    description["history"].pop("minutes")
    return description, {name: value.tobytes() for name, value in arrays.items()}


def replace_outputs(script: str, source: Path, folder: Path) -> None:
    """Copy the script's outputs from source to folder, over those that are there."""
    for name in OUTPUTS[script]:
        target = folder / name
        if target.is_dir():
            shutil.rmtree(target)
        if (source / name).is_dir():
            shutil.copytree(source / name, target)
        else:
            shutil.copy2(source / name, target)


def names_in(folder: Path) -> list[str]:
    """Return the names of everything in folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())
