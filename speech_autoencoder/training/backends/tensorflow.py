"""Training computed by TensorFlow: a graph of two parts, which two threads of a processor compute at once.

On a GPU, it is one part, compiled by XLA.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from speech_autoencoder.system.integers import ceil_div
from speech_autoencoder.training.backends.choice import Compiled
from speech_autoencoder.training.processes.group import Processes

if TYPE_CHECKING:  # it imports this module
    from speech_autoencoder.training.train_step import TrainStep

Tensor = Any

# Parts of a batch that are computed at the same time, see processors.training_threads.
_N_PARTS = 2


def compile_step(train_step: "TrainStep") -> Compiled:
    """Return a function that takes a step, and returns the loss and the mean square error before it."""

    def step(x: Tensor, mask: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        gradients, total, squares, position, bitrate = gradients_of(train_step, x, mask, level)
        train_step.update(gradients, position, bitrate)
        return total, squares

    return _as_graph(step)


def compile_score(score: Compiled, variables: list, batch_size: int) -> Compiled:
    """Return a function that scores a batch as `score` does; graphs read variables by themselves."""
    parts = batch_parts(batch_size)
    return _as_graph(
        lambda x, mask, level: mean_over_parts(lambda number, here, *part: score(*part), parts, x, mask, level)
    )


def accelerators() -> list[str]:
    """Return the names of the GPUs that compute."""
    devices = tf.config.list_physical_devices("GPU")[:1]
    return [tf.config.experimental.get_device_details(device).get("device_name", "GPU") for device in devices]


def count_devices() -> int:
    """Return how many devices share a batch: one."""
    return 1


def share(variables: list) -> None:
    """Leave the variables as they are: TensorFlow trains in one process."""


def join(processes: Processes) -> None:
    """Stay alone: TensorFlow trains in one process."""


def leave() -> None:
    """Stay as it is."""


def gradients_of(
    train_step: "TrainStep", x: Tensor, mask: Tensor, level: Tensor
) -> tuple[list[Tensor], Tensor, Tensor, Tensor, Tensor]:
    """Return the weights' gradients, the loss and the mean square error of a batch, its positions and bitrates."""
    count = train_step.optimizer.iterations
    position = train_step.positions(x.shape[0])
    bitrates = []

    def compute(number: int, here: slice, *part: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        where = None if position is None else position[here]
        with tf.GradientTape() as tape:
            total, squares, bitrate = train_step.losses(*part, position=where, number=_N_PARTS * count + number)
        bitrates.append(bitrate)
        return tape.gradient(total, [weight.value for weight in train_step.weights]), total, squares

    results = mean_over_parts(compute, batch_parts(train_step.config.batch_size), x, mask, level)
    return *results, position, None if position is None else tf.concat(bitrates, axis=0)


def batch_parts(batch_size: int) -> list[slice]:
    """Return which sequences of a batch are computed together: on a GPU all of them."""
    size = batch_size if accelerators() else ceil_div(batch_size, _N_PARTS)
    return [slice(first, first + size) for first in range(0, batch_size, size)]


def mean_over_parts(compute: Callable[..., Any], parts: list[slice], x: Tensor, mask: Tensor, level: Tensor) -> Any:
    """Return the mean of what `compute` gives for the parts of a batch, in which every frame weighs the same.

    Each part has a graph of its own: with so little to multiply at once, two threads that compute a part each finish
    sooner than two that share every product.

    Parameters
    ----------
    compute : Callable
        Takes the number of the part, its slice of the batch, and its x, mask and level; returns nested tensors.
    parts : list[slice]
        See `batch_parts`.
    x, mask, level : Tensor
        The batch.
    """
    results = [compute(number, here, x[here], mask[here], level[here]) for number, here in enumerate(parts)]
    n_frames = [tf.reduce_sum(mask[here]) + 1e-6 for here in parts]
    shares = [some / tf.add_n(n_frames) for some in n_frames]

    def mean(*values: Tensor) -> Tensor:
        return tf.add_n([share * value for share, value in zip(shares, values, strict=True)])

    return tf.nest.map_structure(mean, *results)


def _as_graph(function: Callable[..., Any]) -> Compiled:
    """Return a function of (clips, mask, level) as a graph for batches of the shape that it is first called with."""
    # AutoGraph would search the code for loops, of which there are none: a second more until training begins. XLA is
    # for GPUs: on processors, it is slower.
    return tf.function(function, autograph=False, jit_compile=bool(accelerators()) or None)


def set_threads(intra_op: int, inter_op: int) -> bool:
    """Set the threads that share one operation, and the operations that run at the same time, before the first of them.

    How a sum is split among threads changes the last bits of the result. Return False if TensorFlow has computed before
    with others, as it may in a notebook.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(intra_op)
        tf.config.threading.set_inter_op_parallelism_threads(inter_op)
    except RuntimeError:
        return False
    return True
