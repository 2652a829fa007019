"""Measure training on a GPU: the sound learned per second by batch, and the time to a validation loss.

`python -m benchmarks.speed.gpu train_data.npy`, with `KERAS_BACKEND=jax` and the extra `jax-cuda`, or on TensorFlow
with the extra `gpu`. With `--until LOSS --seconds 40`, it also trains for 40 s from a warm start: compiled, with
nothing learned yet. LOSS is the validation loss that `autoencoder_for_many_data.py --minutes 10` ends with on two
processors. What to ask of a card: FSDD with `classic` within 40 s, with `fine` within 60 s. So far no GPU was at hand
to measure on: this was run on processors only, with small sizes.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.tables import heading, line
from speech_autoencoder.cli.backend import BACKENDS, chosen_backend, start_backend
from speech_autoencoder.cli.options import positive, to_path
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.config import GPU_BATCH_SIZE, LATENT_RATE, TrainingConfig, model_config
from speech_autoencoder.data import dataset
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.system.processors import available_cpus, training_threads

if TYPE_CHECKING:  # it imports the backend
    from speech_autoencoder.training.setup import Setup

BATCH_SIZES = (16, 64, 256)


def device_name() -> str:
    """Return the name of the card, or the count of processors, and the backend."""
    from speech_autoencoder.training.backends.choice import backend

    cards = backend().accelerators()
    device = f"{len(cards)} x {cards[0]}" if cards else f"{available_cpus()} processors"
    return f"{device}, {BACKENDS[chosen_backend()]}"


def seconds_learned(data: Dataset, batch_size: int, n_steps: int) -> float:
    """Return the seconds of sound that are learned per second, by the median of steps on batches made before."""
    setup = warm_setup(data, TrainingConfig(batch_size=batch_size))
    batches = [batch for _, batch in zip(range(n_steps), setup.batches.epoch(np.random.default_rng(0)), strict=False)]
    seconds, learned = [], []
    for batch in batches:
        began = time.perf_counter()
        float(setup.train_step.step(*batch)[0])  # waits for the step
        seconds.append(time.perf_counter() - began)
        learned.append(float(batch.mask.sum()) / data.features.frame_rate)
    return float(np.median(np.array(learned) / np.array(seconds)))


def train_for(data: Dataset, batch_size: int, seconds: float, until: float) -> tuple[float, float, int]:
    """Train within the seconds; return the best validation loss, when `until` was reached (s), and the epochs."""
    from speech_autoencoder.training.checkpoints import Checkpoint, TrainingState
    from speech_autoencoder.training.history import History
    from speech_autoencoder.training.loop import TrainingLoop
    from speech_autoencoder.training.processes.group import Processes
    from speech_autoencoder.training.schedule import plan_epochs

    config = TrainingConfig(batch_size=batch_size, minutes=seconds / 60)
    setup = warm_setup(data, config)
    started = time.monotonic()
    n_epochs = plan_epochs(setup.train_step, setup.batches, setup.validation.batches, config, spent_s=0.0)
    state = TrainingState(n_epochs, History(), setup.train_step.averages(), setup.start_score)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder) / "checkpoint.npz", setup.settings, print)
        loop = TrainingLoop(
            setup, state, checkpoint, started=started, say=lambda text: None, on_epoch=None, processes=Processes()
        )
        loop.run(lambda total: argparse.Namespace(update=lambda n=1: None, close=lambda: None, total=total))
    history = state.history
    reached = [60 * at for at, loss in zip(history.minutes, history.validation_loss, strict=True) if loss <= until]
    return state.best_score.loss, min(reached, default=float("nan")), len(history)


def warm_setup(data: Dataset, config: TrainingConfig) -> "Setup":
    """Return the `Setup` of a training whose step is compiled, and has learned nothing."""
    from speech_autoencoder.training.setup import set_up

    model = model_config(data.features, LATENT_RATE)
    setup = set_up(data, model, config, None, validation="auto", say=lambda text: None)
    before = setup.train_step.state()
    for batch, _ in zip(setup.batches.epoch(np.random.default_rng(1)), range(2), strict=False):
        setup.train_step.step(*batch)
    setup.train_step.restore(before)
    return setup


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("array", type=to_path, help="the array to train on")
    parser.add_argument(
        "--batch-sizes", type=positive(int), nargs="*", default=BATCH_SIZES, help="sequences of a batch"
    )
    parser.add_argument("--steps", type=positive(int), default=40, help="steps that are timed for each")
    parser.add_argument("--until", type=float, default=0.0, help="a validation loss to reach")
    parser.add_argument("--seconds", type=positive(float), default=40.0, help="how long training may take for it")
    parser.add_argument("--batch-size", type=positive(int), default=GPU_BATCH_SIZE, help="sequences of its batch")
    args = parser.parse_args()
    start_backend(print, threads=training_threads())
    data = dataset.load(args.array, "train_data_generator.py")
    print(heading(["batch", "seconds of sound learned per second", "device"]))
    for size in args.batch_sizes:
        print(line([str(size), f"{seconds_learned(data, size, args.steps):,.0f}", device_name()]), flush=True)
    if args.until:
        loss, reached, n_epochs = train_for(data, args.batch_size, args.seconds, args.until)
        when = f"{args.until:.4f} was reached after {reached:.1f} s" if reached == reached else "not enough"
        print(
            f"Trained for {args.seconds:g} s with batches of {args.batch_size}: loss {loss:.4f} after {n_epochs:,} "
            f"epochs, {when}. {device_name()}."
        )


if __name__ == "__main__":
    run_main(main)
