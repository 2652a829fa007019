"""Training computed by JAX: a step is a function of all variables, compiled as one, on one device or on many."""

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import keras
import numpy as np
from jax.experimental import multihost_utils
from keras.src.utils.module_utils import tensorflow as keras_tensorflow  # where Keras remembers whether it is there

from speech_autoencoder.training.backends.choice import Compiled
from speech_autoencoder.training.processes.group import Processes

if TYPE_CHECKING:  # it imports this module
    from speech_autoencoder.training.train_step import TrainStep

Tensor = Any
Variables = list[keras.Variable]


def compile_step(train_step: "TrainStep") -> Compiled:
    """Return a function that takes a step, and returns the loss and the mean square error before it."""
    variables, weights, layout = train_step.variables, train_step.weights, _Layout()

    def step(values: list[Tensor], *batch: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        with keras.StatelessScope(state_mapping=zip(variables, values, strict=True)) as scope:
            position, number = train_step.positions(batch[0].shape[0]), train_step.optimizer.iterations.value

            def loss(weight_values: list[Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
                mapping = [*zip(variables, values, strict=True), *zip(weights, weight_values, strict=True)]
                with keras.StatelessScope(state_mapping=mapping):
                    total, *others = train_step.losses(*batch, position=position, number=number)
                return total, tuple(others)

            given = [weight.value for weight in weights]
            (total, (squares, bitrate)), gradients = jax.value_and_grad(loss, has_aux=True)(given)
            train_step.update(gradients, position, bitrate)
        return [scope.get_current_value(variable) for variable in variables], total, squares

    compiled = jax.jit(step, donate_argnums=0, out_shardings=layout.everywhere)

    def take(*batch: np.ndarray) -> tuple[Tensor, Tensor]:
        values, total, squares = compiled(layout.values(variables), *map(layout.rows, batch))
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return total, squares

    return take


def compile_score(score: Callable[..., Any], variables: Variables, batch_size: int) -> Compiled:
    """Return a function that scores a batch as `score` does."""
    layout = _Layout()

    def stateless(values: list[Tensor], *batch: Tensor) -> tuple[Tensor, Tensor]:
        with keras.StatelessScope(state_mapping=zip(variables, values, strict=True)):
            loss, squares = score(*batch)
        return loss, squares

    compiled = jax.jit(stateless, out_shardings=layout.everywhere)
    return lambda *batch: compiled(layout.values(variables), *map(layout.rows, batch))


def hide_tensorflow() -> None:
    """Let Keras find out that TensorFlow is not there: it would import it to set a seed, which takes 5 s."""
    _ = keras_tensorflow.available


def accelerators() -> list[str]:
    """Return the names of the GPUs, or whatever else it is, that compute, those of other processes included."""
    return [device.device_kind for device in jax.devices() if device.platform != "cpu"]


def count_devices() -> int:
    """Return how many devices share a batch, those of other processes included."""
    return jax.device_count()


def share(variables: Variables) -> None:
    """Give the variables the values of process 0: the first ones may differ in their last bits by processor."""
    if jax.process_count() > 1:
        values = multihost_utils.broadcast_one_to_all([variable.numpy() for variable in variables])
        for variable, value in zip(variables, values, strict=True):
            variable.assign(np.asarray(value))


def join(processes: Processes) -> None:
    """Connect JAX with that of the other processes, before it computes."""
    place = processes.place
    if place is None:
        return
    if sys.platform != "win32":
        # A process whose coordinator, process 0, is gone is ended by JAX with abort(). Called with the number of the
        # signal, sleep(6) gives it the time to say why it ends, and how to go on.
        library = ctypes.CDLL(None)
        library.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
        library.signal(signal.SIGABRT, ctypes.cast(library.sleep, ctypes.c_void_p))
    os.environ.setdefault("no_grpc_proxy", place.host)  # a proxy for the web does not lead to process 0
    logging.getLogger("jax._src.distributed").setLevel(logging.ERROR)  # which warns of the line above
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    host = f"[{place.host}]" if ":" in place.host else place.host
    jax.distributed.initialize(
        f"{host}:{processes.jax_port}",
        place.count,
        place.number,
        local_device_ids=place.devices,
        cluster_detection_method="deactivate",
    )


def leave() -> None:
    """End what `join` began, when all processes are there."""
    if jax.distributed.is_initialized():
        jax.distributed.shutdown()


class _Layout:
    """Where values are: on the one device; or batches divided among all devices, and the rest on each of them.

    Attributes
    ----------
    everywhere : jax.sharding.Sharding or None
        That of a value which each of several devices has.
    """

    def __init__(self) -> None:
        self._distribution: Any = None
        self.everywhere: Any = None
        if jax.device_count() > 1:
            self._distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
            mesh = self._distribution.device_mesh.backend_mesh
            self.everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())

    def values(self, variables: Variables) -> list[Tensor]:
        """Return the values of variables, which are the same in all processes."""
        return [self._on_each(variable.value) for variable in variables]

    def rows(self, batch: np.ndarray) -> Tensor:
        """Return an array of a batch, of whose sequences each process takes its share."""
        if self._distribution is None:
            return batch
        size = len(batch) // jax.process_count()
        mine = batch[jax.process_index() * size :][:size]
        layout = self._distribution.get_data_layout(batch.shape).backend_layout
        return jax.make_array_from_process_local_data(layout, mine, batch.shape)

    def _on_each(self, value: Any) -> Tensor:
        """Return a value as each device has it."""
        if self.everywhere is None or (isinstance(value, jax.Array) and value.sharding == self.everywhere):
            return value
        return jax.make_array_from_process_local_data(self.everywhere, np.asarray(value), value.shape)
