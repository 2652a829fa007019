"""ONNX models that are run: for the tests of the export."""

import numpy as np
import pytest

from speech_autoencoder.model.architecture import shapes
from speech_autoencoder.model.network import Network


def make_network(config, seed=0):
    """Return a network of random weights, about as large as those of a trained one."""
    rng = np.random.default_rng(seed)
    weights = {
        name: np.float32(1 + 0.1 * rng.normal(size=shape) if name.endswith("scale") else 0.1 * rng.normal(size=shape))
        for name, shape in shapes(config).items()
    }
    return Network(config, weights)


def session_of(made):
    """Return a function (**inputs) -> outputs that runs an ONNX model; skip the test without ONNX Runtime."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda **inputs: session.run(None, {name: np.asarray(value) for name, value in inputs.items()})
