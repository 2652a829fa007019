"""Which backend Keras computes with, and what training needs of each beyond Keras' own words."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import keras

from speech_autoencoder.training.processes.group import Processes

if TYPE_CHECKING:  # it imports this module
    from speech_autoencoder.training.train_step import TrainStep

Tensor = Any

# Takes (clips, mask, level), see `batches.Batch`, and returns two scalars: the loss and the mean square error.
Compiled = Callable[[Any, Any, Any], tuple[Any, Any]]


class Backend(Protocol):
    """What a module of this folder offers."""

    def compile_step(self, train_step: "TrainStep") -> Compiled:
        """Return a function that takes a step, and returns the loss and the mean square error before it.

        It calls the `positions`, `losses` and `update` of the train step, which read and write its `variables`.
        """

    def compile_score(self, score: Compiled, variables: list[keras.Variable], batch_size: int) -> Compiled:
        """Return a function that scores a batch as `score` does; it reads the variables, and writes none.

        `score` may be called for parts of the batch: the mean over them weighs every frame the same.
        """

    def accelerators(self) -> list[str]:
        """Return the names of the GPUs, or whatever else it is, that compute, those of other processes included."""

    def count_devices(self) -> int:
        """Return how many devices share a batch, those of other processes included."""

    def share(self, variables: list[keras.Variable]) -> None:
        """Give the variables of all processes the values of process 0."""

    def join(self, processes: Processes) -> None:
        """Connect the backend with that of the other processes, before it computes."""

    def leave(self) -> None:
        """End what `join` began, when all processes are there."""


def backend_name() -> str:
    """Return what Keras computes with, which it decides when it is imported."""
    return str(keras.backend.backend())


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that a device has too little memory; each backend has its own class for it."""
    return "RESOURCE_EXHAUSTED" in str(error) or type(error).__name__ == "ResourceExhaustedError"


def backend() -> Backend:
    """Return the module for the backend that Keras computes with."""
    # Each imports its backend.
    if backend_name() == "jax":
        from speech_autoencoder.training.backends import jax

        return jax
    from speech_autoencoder.training.backends import tensorflow

    return tensorflow
