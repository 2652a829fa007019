"""How fast a step of training is: against the same network in plain Keras and in PyTorch, and what the machine can."""

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.speed.timing import Row, compared, in_turns, process
from speech_autoencoder.cli.tensorflow import start_tensorflow
from speech_autoencoder.config import LATENT_RATE, LossConfig, ModelConfig, TrainingConfig, model_config
from speech_autoencoder.data import dataset
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.system.processors import training_threads
from speech_autoencoder.training.muon import GRAM_PRODUCTS

# Who trains, each in a process of its own, as TensorFlow's threads are those of a process.
TRAINERS = ("ours", "keras", "torch")


def rows(array: Path, times: int) -> Iterator[Row]:
    """Milliseconds to learn a second of sound: padding costs time too, which ours does without."""
    ours, keras, torch = (
        json.loads(process("-m", "benchmarks.speed.training", array, trainer, times).stdout) for trainer in TRAINERS
    )
    peak = keras["peak"]
    share = ours["flops"] / (1e-3 * ours["step_ms"]) / peak
    note = f"{ours['step_ms']:.0f} ms a step, {share:.0%} of {peak / 1e9:.0f} GFLOP/s of a large matmul"
    name, against = "training, a second of sound", "the same network, Adam and MSE in Keras' fit"
    yield compared(name, against, "ms", ours["second_ms"], keras["second_ms"], 1.5, note)
    if torch:
        yield compared(name, "the same in PyTorch", "ms", ours["second_ms"], torch["second_ms"], 1.5)


def measure(data: Dataset, trainer: str, times: int, n_steps: int = 10) -> dict[str, float] | None:
    """What a second of sound costs one of TRAINERS, second_ms; None where it is not installed.

    Of ours also step_ms and flops, those of a step; of Keras the machine's peak (FLOP/s), with as many threads.
    """
    from speech_autoencoder.model.keras_network import build
    from speech_autoencoder.training.batches import Batches
    from speech_autoencoder.training.train_step import TrainStep
    from speech_autoencoder.training.training_loss import TrainingLoss

    config, training = model_config(data.features, LATENT_RATE), TrainingConfig()
    loss = TrainingLoss(data.features, LossConfig())
    batches = Batches(
        data,
        np.arange(len(data.names)),
        batch_size=training.batch_size,
        frames_per_latent=config.frames_per_latent,
        distance=loss,
    )
    if trainer == "ours":
        train_step = TrainStep(build(config), training, loss=loss, range_db=data.features.range_db)
        mine = [batch for _, batch in zip(range(n_steps), batches.epoch(np.random.default_rng(0)), strict=False)]
        seconds = _best(lambda: [float(train_step.step(*batch)[0]) for batch in mine], times)
        learned_s = sum(float(mask.sum()) for _, mask, _ in mine) / data.features.frame_rate
        flops = step_flops(config, training.batch_size * batches.width)
        return {"second_ms": 1e3 * seconds / learned_s, "step_ms": 1e3 * seconds / len(mine), "flops": flops}
    size = training.batch_size * batches.width // data.features.n_frames  # as many frames a step
    clips = np.asarray(data.clips[: size * n_steps])
    fit = (keras_fit if trainer == "keras" else torch_fit)(config, clips, size)
    if not fit:
        return None
    fill = float(data.valid_frames().mean()) / data.features.n_frames
    learned_s = len(clips) * data.features.n_frames * fill / data.features.frame_rate
    measured = {"second_ms": 1e3 * _best(fit, times) / learned_s}
    return measured | ({"peak": matmul_peak()} if trainer == "keras" else {})


def _best(function, times):
    """The least seconds of so many calls, after one that compiles."""
    function()
    return in_turns([function], times)[0]


def step_flops(config: ModelConfig, n_frames: int) -> float:
    """The operations of the products of one step: forward and about twice as many back, and Muon's."""
    import keras

    from speech_autoencoder.model.keras_network import build

    network, length, total = build(config), 64, 0.0
    inputs = {
        "encoder": np.zeros((1, config.n_mels, length, 1), np.float32),
        "decoder": np.zeros((1, length // config.frames_per_latent, config.latent_size), np.float32),
    }
    for part, values in inputs.items():
        model = network.get_layer(part)
        layers = [layer for layer in model.layers if getattr(layer, "kernel", None) is not None]
        outputs = keras.Model(model.input, [layer.output for layer in layers])(values)
        for layer, output in zip(layers, outputs, strict=True):
            shape = tuple(layer.kernel.shape)
            total += 3 * 2 * float(np.prod(shape)) * output.shape[1] * n_frames / length
            small, large = sorted((int(np.prod(shape[:-1])), shape[-1]))
            # Two products with the long side, the others of Gram matrices.
            total += 2 * (2 * small**2 * large + GRAM_PRODUCTS * small**3)
    return total


def matmul_peak(size: int = 2_048, times: int = 5) -> float:
    """FLOP/s of a large product of float32 matrices, by TensorFlow on all processors: what a step can come near to."""
    import tensorflow as tf

    matrix = tf.random.normal((size, size))
    product = tf.function(lambda: tf.linalg.matmul(matrix, matrix)[0, 0])
    product()
    (seconds,) = in_turns([lambda: float(product())], times)
    return 2 * size**3 / seconds


def keras_fit(config: ModelConfig, clips: np.ndarray, batch_size: int):
    """A function that trains the same network in Keras on clips once."""
    import keras

    from speech_autoencoder.model.keras_network import build

    network = build(config)
    network.compile(keras.optimizers.Adam(), "mse")
    return lambda: network.fit(clips, clips, batch_size=batch_size, epochs=1, verbose=0)


def torch_fit(config: ModelConfig, clips: np.ndarray, batch_size: int):
    """A function that trains the same network in PyTorch on clips once; None where PyTorch is not installed."""
    try:
        import torch
        from torch import nn
    except ImportError:
        return None
    if config.n_downsamplings:
        return None  # of the default network there are none
    from benchmarks.speed.torch_network import Network

    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    network = Network(config)
    optimizer, loss = torch.optim.Adam(network.parameters()), nn.MSELoss()
    data = torch.from_numpy(np.ascontiguousarray(clips[..., 0].transpose(0, 2, 1)))

    def fit():
        order = torch.randperm(len(data))
        for start in range(0, len(data), batch_size):
            batch = data[order[start : start + batch_size]]
            optimizer.zero_grad()
            value = loss(network(batch), batch)
            value.backward()
            optimizer.step()

    return fit


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What training costs, measured in a process of its own.")
    parser.add_argument("array", type=Path)
    parser.add_argument("trainer", choices=TRAINERS)
    parser.add_argument("times", type=int)
    args = parser.parse_args()
    if args.trainer != "torch":  # the two libraries need not get along in one process
        # Each with the threads that it has where people use it.
        start_tensorflow(lambda text: None, threads=training_threads() if args.trainer == "ours" else None)
    print(json.dumps(measure(dataset.load(args.array, "train_data_generator.py"), args.trainer, args.times)))
