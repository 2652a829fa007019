"""How many threads TensorFlow computes with."""

import keras  # noqa: F401  imported with TensorFlow, while cli/tensorflow.py holds off garbage collection
import tensorflow as tf


def set_threads(intra_op: int, inter_op: int) -> None:
    """Set the threads that share one operation, and the operations that run at the same time, before the first of them.

    How a sum is split among threads changes the last bits of the result.
    """
    tf.config.threading.set_intra_op_parallelism_threads(intra_op)
    tf.config.threading.set_inter_op_parallelism_threads(inter_op)
