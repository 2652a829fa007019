"""What the stages are measured with: arrays, models and sound, in a temporary folder."""

import argparse
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.running import ROOT
from benchmarks.speed.timing import run_python
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import read

_N_RECORDINGS = 8  # that the second of sound is made of


class Material:
    """Arrays and models that the scripts make when they are first asked for."""

    def __init__(self, args: argparse.Namespace, folder: Path):
        self.args, self.folder = args, folder

    def array(self, side: str, preset: str = "classic") -> Path:
        """Return the array of the recordings of one side, "training" or "testing"."""
        path = self.folder / f"{side}_{preset}.npy"
        if not path.exists():
            audio_dir = {"training": self.args.training_dir, "testing": self.args.testing_dir}[side].resolve()
            options = ("--audio-dir", audio_dir, "--output", path, "--preset", preset, "--quiet")
            run_python(ROOT / "train_data_generator.py", *options)
        return path

    @property
    def training(self) -> Path:
        """The `classic` array to train on."""
        return self.array("training")

    @property
    def testing(self) -> Path:
        """The `classic` array to test with."""
        return self.array("testing")

    @cached_property
    def model(self) -> Path:
        """A model of one epoch: it is as fast as any other."""
        return self._train("model.h5", "--data", self.training)

    @cached_property
    def codec(self) -> Path:
        """A model for the codec, trained for some epochs, so that its latents take about the usual bits."""
        return self._train("codec.h5", "--data", self.array("training", "fine"), "--codec")

    def _train(self, name: str, *options: object) -> Path:
        path = self.folder / name
        common = ("--quiet", "--epochs", self.args.epochs, "--model", path)
        run_python(ROOT / "autoencoder_for_many_data.py", *common, *options, cwd=self.folder)
        return path

    def one_second(self, sr: int) -> bytes:
        """Return a second of 16-bit samples at sr Hz, of testing recordings."""
        names = find_recordings(self.args.testing_dir)
        sound = np.concatenate([read(self.args.testing_dir / name, sr) for name in names[:_N_RECORDINGS]])
        return (32_767 * np.clip(np.resize(sound, sr), -1, 1)).astype("<i2").tobytes()
