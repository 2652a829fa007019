"""How many threads TensorFlow computes with."""

import keras  # noqa: F401  imported with TensorFlow, while cli/tensorflow.py holds off garbage collection
import tensorflow as tf


def set_threads(intra_op: int, inter_op: int) -> None:
    """Set TensorFlow's threads, which must be done before its first operation.

    How a sum is split among threads changes the last bits of the result.

    Parameters
    ----------
    intra_op : int
        The threads that share one operation.
    inter_op : int
        The operations that run at the same time.
    """
    tf.config.threading.set_intra_op_parallelism_threads(intra_op)
    tf.config.threading.set_inter_op_parallelism_threads(inter_op)
