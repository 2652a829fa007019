"""How fast a step of training is: against the same network in plain Keras and in PyTorch, and what the machine can."""

import os
from collections.abc import Iterator

import numpy as np

from benchmarks.timing import Row, compared, in_turns
from speech_autoencoder.config import LATENT_PER_SECOND, LossConfig, ModelConfig, TrainingConfig, model_config
from speech_autoencoder.dataset import Dataset
from speech_autoencoder.learner import Batches, Learner
from speech_autoencoder.losses import Loss
from speech_autoencoder.model import build


def rows(data: Dataset, times: int, steps: int = 10) -> Iterator[Row]:
    """Seconds to learn a second of sound: padding costs time too, which ours does without."""
    import keras

    config, training = model_config(data.features, LATENT_PER_SECOND), TrainingConfig()
    loss = Loss(data.features, LossConfig())
    recordings = np.arange(len(data.names))
    learner = Learner(build(config), training, loss, data.features.range_db)
    batches = Batches(data, recordings, training, config.frames_per_latent, loss)
    plain = build(config)
    plain.compile(keras.optimizers.Adam(), "mse")
    size = training.batch_size * batches.width // data.features.n_frames  # as many frames a step
    clips = np.asarray(data.clips[: min(len(data.clips), size * steps)])
    mine = [batch for _, batch in zip(range(steps), batches.epoch(np.random.default_rng(0)), strict=False)]

    def ours():
        return [float(learner.step(*batch)[0]) for batch in mine]

    def fit():
        plain.fit(clips, clips, batch_size=size, epochs=1, verbose=0)

    functions = [ours, fit]
    torch_step = torch_fit(config, clips, size)
    functions += [torch_step] if torch_step else []
    for function in functions:
        function()  # compiles
    seconds = in_turns(functions, times)
    rate, fill = data.features.frame_rate, float(data.valid_frames().mean() / data.features.n_frames)
    learned = sum(float(mask.sum()) for _, mask, _ in mine) / rate
    padded = len(clips) * data.features.n_frames / rate
    costs = [1e3 * seconds[0] / learned] + [1e3 * s / (padded * fill) for s in seconds[1:]]
    flops = step_flops(config, training.batch_size * batches.width)
    peak = matmul_peak()
    share = flops * len(mine) / seconds[0] / peak
    note = f"{1e3 * seconds[0] / len(mine):.0f} ms a step, {share:.0%} of {peak / 1e9:.0f} GFLOP/s of a large matmul"
    name = "training, a second of sound"
    yield compared(name, "the same network, Adam and MSE in Keras' fit", "ms", costs[0], costs[1], 1.5, note)
    if torch_step:
        yield compared(name, "the same in PyTorch", "ms", costs[0], costs[2], 1.5)


def step_flops(config: ModelConfig, n_frames: int) -> float:
    """The operations of the products of one step: forward and about twice as many back, and Muon's."""
    import keras

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
            # Two products with the long side; two to four of Gram matrices in each of its four rounds.
            total += 2 * (2 * small**2 * large + 13 * small**3)
    return total


def matmul_peak(size: int = 2_048, times: int = 5) -> float:
    """FLOP/s of a large product of float32 matrices, by TensorFlow on all processors: what a step can come near to."""
    import tensorflow as tf

    matrix = tf.random.normal((size, size))
    product = tf.function(lambda: tf.linalg.matmul(matrix, matrix)[0, 0])
    product()
    (seconds,) = in_turns([lambda: float(product())], times)
    return 2 * size**3 / seconds


def torch_fit(config: ModelConfig, clips: np.ndarray, batch_size: int):
    """A function that trains the same network in PyTorch on clips once; None where PyTorch is not installed."""
    try:
        import torch
        from torch import nn
    except ImportError:
        return None
    if config.n_halvings:
        return None  # of the default network there are none
    from benchmarks.torch_network import Network

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
