"""Measure how fast a training step is: against the same network in plain Keras and in PyTorch, and the machine's peak.

Run as a module, it measures one trainer in a process of its own, as TensorFlow's threads are those of a process.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.speed.timing import Row, best_seconds, compare, run_python
from speech_autoencoder.cli.backend import start_backend
from speech_autoencoder.cli.options import to_path
from speech_autoencoder.config import LATENT_RATE, LossConfig, ModelConfig, TrainingConfig, model_config
from speech_autoencoder.data import dataset
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.model.losses import LogMelDistance
from speech_autoencoder.system.processors import training_threads
from speech_autoencoder.training.batches import Batches

if TYPE_CHECKING:  # it imports Keras
    from speech_autoencoder.training.train_step import TrainStep

# TensorFlow, Keras and what needs them are imported in functions, after `start_backend` has configured them: the
# trainers have other threads.

TRAINERS = ("ours", "keras", "torch")
_N_FRAMES = 64  # of the input by which the sizes of the products are found


def rows(array: Path, times: int) -> Iterator[Row]:
    """Yield the milliseconds to learn a second of sound: ours computes almost nothing for padding, the others do."""
    ours, keras, torch = (
        json.loads(run_python("-m", "benchmarks.speed.training", array, trainer, times).stdout) for trainer in TRAINERS
    )
    peak = keras["peak"]
    share = ours["flops"] / (1e-3 * ours["step_ms"]) / peak
    note = f"{ours['step_ms']:.0f} ms a step, {share:.0%} of {peak / 1e9:.0f} GFLOP/s of a large matmul"
    stage, against = "training, a second of sound", "the same network, Adam and MSE in Keras' fit"
    mine = ours["second_ms"]
    yield compare(stage, against, "ms", ours=mine, theirs=keras["second_ms"], least=1.5, note=note)
    if torch:
        yield compare(stage, "the same in PyTorch", "ms", ours=mine, theirs=torch["second_ms"], least=1.5)
    ahead, between = ours["ahead_ms"], ours["between_ms"]
    yield compare("a step with its batch", "batches made between steps", "ms", ours=ahead, theirs=between, least=1)


def measure(data: Dataset, trainer: str, times: int, n_steps: int = 10) -> dict[str, float] | None:
    """Return the milliseconds of one of TRAINERS for a second of sound, second_ms; None if it is not installed.

    Of ours also step_ms and flops, those of a step, and ahead_ms and between_ms, those of a step with its batch, made
    while steps compute or between them; of Keras also the machine's peak (FLOP/s) with as many threads.
    """
    config = model_config(data.features, LATENT_RATE)
    batches = make_batches(data, config)
    if trainer == "ours":
        from benchmarks.speed.default_training import make_train_step

        train_step = make_train_step(data, config)
        mine = [batch for _, batch in zip(range(n_steps), batches.epoch(np.random.default_rng(0)), strict=False)]
        seconds = _best_of_warm(lambda: [float(train_step.step(*batch)[0]) for batch in mine], times)
        learned_s = sum(float(batch.mask.sum()) for batch in mine) / data.features.frame_rate
        flops = step_flops(config, batches.batch_size * batches.width)
        ways = [partial(_steps_with_batches, train_step, batches, n_steps, workers) for workers in (1, 0)]
        ahead, between = (1e3 * each / len(mine) for each in best_seconds(ways, times))
        measured = {"second_ms": 1e3 * seconds / learned_s, "step_ms": 1e3 * seconds / len(mine), "flops": flops}
        return measured | {"ahead_ms": ahead, "between_ms": between}
    size = batches.batch_size * batches.width // data.features.n_frames  # as many frames a step
    clips = np.asarray(data.clips[: size * n_steps])
    fit = (keras_fit if trainer == "keras" else torch_fit)(config, clips, size)
    if not fit:
        return None
    fill = float(data.valid_frames().mean()) / data.features.n_frames
    learned_s = len(clips) * data.features.n_frames * fill / data.features.frame_rate
    measured = {"second_ms": 1e3 * _best_of_warm(fit, times) / learned_s}
    return measured | ({"peak": matmul_peak()} if trainer == "keras" else {})


def _steps_with_batches(train_step: "TrainStep", batches: Batches, n_steps: int, workers: int) -> None:
    """Take steps on batches that `workers` threads make ahead."""
    for batch in islice(batches.epoch(np.random.default_rng(0), workers=workers), n_steps):
        float(train_step.step(*batch)[0])


def make_batches(data: Dataset, config: ModelConfig) -> Batches:
    """Return the batches of all recordings, as the trainer makes them; without TensorFlow."""
    return Batches(
        data,
        np.arange(len(data.names)),
        batch_size=TrainingConfig().batch_size,
        frames_per_latent=config.frames_per_latent,
        distance=LogMelDistance(data.features, LossConfig()),
    )


def _best_of_warm(function: Callable[[], object], times: int) -> float:
    """Return the least seconds of `times` calls, after one that compiles."""
    function()
    return best_seconds([function], times)[0]


def step_flops(config: ModelConfig, n_frames: int) -> float:
    """Return the operations of the products of one step: forward, about twice as many backward, and Muon's."""
    import keras

    from speech_autoencoder.model.keras_network import build
    from speech_autoencoder.training.muon import GRAM_PRODUCTS

    network, total = build(config), 0.0
    inputs = {
        "encoder": np.zeros((1, config.n_mels, _N_FRAMES, 1), np.float32),
        "decoder": np.zeros((1, _N_FRAMES // config.frames_per_latent, config.latent_size), np.float32),
    }
    for part, values in inputs.items():
        model = network.get_layer(part)
        layers = [layer for layer in model.layers if getattr(layer, "kernel", None) is not None]
        outputs = keras.Model(model.input, [layer.output for layer in layers])(values)
        for layer, output in zip(layers, outputs, strict=True):
            shape = tuple(layer.kernel.shape)
            total += 3 * 2 * float(np.prod(shape)) * output.shape[1] * n_frames / _N_FRAMES
            small, large = sorted((int(np.prod(shape[:-1])), shape[-1]))
            # Two products with the long side, the others of Gram matrices.
            total += 2 * (2 * small**2 * large + GRAM_PRODUCTS * small**3)
    return total


def matmul_peak(size: int = 2_048, times: int = 5) -> float:
    """Return the FLOP/s of a large float32 matrix product in TensorFlow on all processors: a step's upper bound."""
    import tensorflow as tf

    matrix = tf.random.normal((size, size))
    product = tf.function(lambda: tf.linalg.matmul(matrix, matrix)[0, 0])
    product()
    (seconds,) = best_seconds([lambda: float(product())], times)
    return 2 * size**3 / seconds


def keras_fit(config: ModelConfig, clips: np.ndarray, batch_size: int) -> Callable[[], object]:
    """Return a function that trains the same network in Keras on clips once."""
    import keras

    from speech_autoencoder.model.keras_network import build

    network = build(config)
    network.compile(keras.optimizers.Adam(), "mse")
    return lambda: network.fit(clips, clips, batch_size=batch_size, epochs=1, verbose=0)


def torch_fit(config: ModelConfig, clips: np.ndarray, batch_size: int) -> Callable[[], object] | None:
    """Return a function that trains the same network in PyTorch on clips once; None if PyTorch is not installed."""
    try:
        import torch
        from torch import nn
    except ImportError:
        return None
    if config.n_downsamplings:
        return None  # torch_network has no downsampling; neither has the default network
    from benchmarks.speed.torch_network import Network

    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    network = Network(config)
    optimizer, loss = torch.optim.Adam(network.parameters()), nn.MSELoss()
    data = torch.from_numpy(np.ascontiguousarray(clips[..., 0].transpose(0, 2, 1)))

    def fit() -> None:
        order = torch.randperm(len(data))
        for start in range(0, len(data), batch_size):
            batch = data[order[start : start + batch_size]]
            optimizer.zero_grad()
            value = loss(network(batch), batch)
            value.backward()
            optimizer.step()

    return fit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("array", type=to_path, help="the array to train on")
    parser.add_argument("trainer", choices=TRAINERS, help="what is measured")
    parser.add_argument("times", type=int, help="turns, of which the best counts")
    args = parser.parse_args()
    if args.trainer != "torch":  # TensorFlow's threads would compete with PyTorch's
        # Each trainer with the threads that it has in normal use.
        start_backend(lambda text: None, threads=training_threads() if args.trainer == "ours" else None)
    print(json.dumps(measure(dataset.load(args.array, "train_data_generator.py"), args.trainer, args.times)))


if __name__ == "__main__":
    main()
