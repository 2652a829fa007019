"""Which backend Keras computes with, and what training needs of each beyond Keras' own words."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import keras

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


def backend_name() -> str:
    """Return what Keras computes with, which it decides when it is imported."""
    return str(keras.backend.backend())


def backend() -> Backend:
    """Return the module for the backend that Keras computes with."""
    # Each imports its backend.
    if backend_name() == "jax":
        from speech_autoencoder.training.backends import jax

        return jax
    from speech_autoencoder.training.backends import tensorflow

    return tensorflow
