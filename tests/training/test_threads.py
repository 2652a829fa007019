"""TensorFlow's threads, in a process of its own: they are set once, before its first operation."""

import subprocess
import sys


def test_set_threads_sets_both_counts():
    code = (
        "import tensorflow as tf\n"
        "from speech_autoencoder.training.threads import set_threads\n"
        "set_threads(3, 2)\n"
        "threading = tf.config.threading\n"
        "print(threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "2"]
