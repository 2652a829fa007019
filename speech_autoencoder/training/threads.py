"""How many threads TensorFlow computes with."""

import keras  # imported with TensorFlow, while cli/tensorflow.py holds off garbage collection
import tensorflow as tf


def keras_backend() -> str:
    """Return what Keras computes with, which it decides when it is imported."""
    return keras.backend.backend()


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
