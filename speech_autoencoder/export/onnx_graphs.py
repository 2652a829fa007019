"""The encoder and the decoder as ONNX graphs, built from `architecture`, for programs without this package.

Within a graph, frames are channels first, (batch, channels, frames), as ONNX has them: a dense layer is a convolution
over one frame. The count of frames and of recordings in a batch is free. Only operators of `onnx_files.OPSET` are used.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from onnx import GraphProto, TensorProto, ValueInfoProto, helper, numpy_helper

from speech_autoencoder.model.architecture import INPUT_SCALE, Layer, Part, Path, Residual, parts, weight_name
from speech_autoencoder.model.layers import EPSILON
from speech_autoencoder.model.network import Network


class Graph:
    """An ONNX graph while it is built: nodes, and the arrays that they use."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._arrays: dict[str, Any] = {}

    def constant(self, name: str, array: ArrayLike) -> str:
        """Add an array, and return its name."""
        self._arrays[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name

    def add(self, kind: str, name: str, *inputs: str, outputs: tuple[str, ...] = (), **attributes: Any) -> str:
        """Add a node, and return the name of its (first) output: that of the node, where no outputs are given."""
        outputs = outputs or (name,)
        self._nodes.append(helper.make_node(kind, inputs, outputs, name, **attributes))
        return outputs[0]

    def proto(self, name: str, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto]) -> GraphProto:
        """Return the graph."""
        return helper.make_graph(self._nodes, name, inputs, outputs, list(self._arrays.values()))


# ---- the network


def encoder(network: Network) -> GraphProto:
    """Return the encoder.

    Input ``log_mel``, float32 (batch, n_mels, n_frames), normalised; output ``latent``, (batch, n_latents,
    latent_size). The last latent is padded with silence.
    """
    config, graph = network.config, Graph()
    # Such a program knows no frames between: their channels are zero.
    x = _pad(graph, "log_mel", config.frames_per_latent, others=config.n_channels - config.n_mels)
    x = graph.add("Mul", "scaled", x, graph.constant("input_scale", np.float32(INPUT_SCALE)))
    latent = _apply_part(graph, network, parts(config)[0], x)
    graph.add("Transpose", "latent", latent, perm=[0, 2, 1])
    inputs = [_float_info("log_mel", "batch", config.n_mels, "n_frames")]
    outputs = [_float_info("latent", "batch", "n_latents", config.latent_size)]
    return graph.proto("encoder", inputs, outputs)


def decoder(network: Network) -> GraphProto:
    """Return the decoder.

    Input ``latent``, float32 (batch, n_latents, latent_size); output ``log_mel``, (batch, n_mels, n_latents *
    frames_per_latent), in [0, 1].
    """
    config, graph = network.config, Graph()
    x = graph.add("Transpose", "latent_first", "latent", perm=[0, 2, 1])
    x = _apply_part(graph, network, parts(config)[1], x)
    if config.between:
        starts, ends = graph.constant("first_band", np.array([0])), graph.constant("n_mels", np.array([config.n_mels]))
        x = graph.add("Slice", "without_between", x, starts, ends, graph.constant("bands", np.array([1])))
    x = graph.add("Div", "unscaled", x, graph.constant("input_scale", np.float32(INPUT_SCALE)))
    graph.add("Clip", "log_mel", x, graph.constant("lowest", np.float32(0)), graph.constant("highest", np.float32(1)))
    inputs = [_float_info("latent", "batch", "n_latents", config.latent_size)]
    outputs = [_float_info("log_mel", "batch", config.n_mels, "n_frames")]
    return graph.proto("decoder", inputs, outputs)


def _pad(graph: Graph, x: str, multiple: int, *, others: int) -> str:
    """Add silence at the end, so that the count of frames is a multiple, and other channels."""
    shape = graph.add("Shape", "shape", x)
    n_frames = graph.add("Gather", "n_frames", shape, graph.constant("last_axis", np.array([2])))
    negative = graph.add("Neg", "minus_n_frames", n_frames)
    missing = graph.add("Mod", "n_missing", negative, graph.constant("frames_per_latent", np.array([multiple])))
    # Before and after each axis: only frames, only after.
    widths = graph.add(
        "Concat", "padding", graph.constant("no_padding", np.array([0, 0, 0, 0, others])), missing, axis=0
    )
    return graph.add("Pad", "padded", x, widths)


def _apply_part(graph: Graph, network: Network, part: Part, x: str) -> str:
    paths = [_apply_path(graph, network, part, path, x) for path in part.paths]
    return graph.add("Sum", f"{part.name}/sum", *paths)


def _apply_path(graph: Graph, network: Network, part: Part, path: Path, x: str) -> str:
    for step in path:
        if isinstance(step, Residual):
            name = f"{part.name}/{step.name}"
            x = graph.add("Add", name, x, _apply_path(graph, network, part, step.layers, x))
        else:
            x = _apply_layer(graph, network, part, step, x)
    return x


def _apply_layer(graph: Graph, network: Network, part: Part, layer: Layer, x: str) -> str:
    name = f"{part.name}/{layer.name}"
    weights = (network.weights[weight_name(part, layer, weight)] for weight in layer.weights)
    x = ONNX_LAYERS[layer.kind](graph, name, x, *weights, **layer.options)
    return ONNX_ACTIVATIONS[layer.activation](graph, name, x) if layer.activation else x


def _dense(graph: Graph, name: str, x: str, kernel: np.ndarray, bias: np.ndarray) -> str:
    return _convolve(graph, name, x, kernel[None], bias)


def _convolution(graph: Graph, name: str, x: str, kernel: np.ndarray, bias: np.ndarray) -> str:
    return _convolve(graph, name, x, kernel, bias, pads=[len(kernel) // 2] * 2)


def _downsampling_convolution(graph: Graph, name: str, x: str, kernel: np.ndarray, bias: np.ndarray) -> str:
    return _convolve(graph, name, x, kernel, bias, strides=[len(kernel)])


def _convolve(graph: Graph, name: str, x: str, kernel: np.ndarray, bias: np.ndarray, **attributes: Any) -> str:
    """Add a convolution with a kernel (frames, n_in, n_out), which ONNX has as (n_out, n_in, frames)."""
    kernel_name = graph.constant(f"{name}/kernel", kernel.transpose(2, 1, 0))
    return graph.add("Conv", name, x, kernel_name, graph.constant(f"{name}/bias", bias), **attributes)


def _rms_normalization(graph: Graph, name: str, x: str, scale: np.ndarray) -> str:
    """Add a division by the root mean square over channels; the operator of this name is too new for most programs."""
    squared = graph.add("Mul", f"{name}/squared", x, x)
    mean = graph.add("ReduceMean", f"{name}/mean_square", squared, axes=[1])
    mean = graph.add("Add", f"{name}/mean", mean, graph.constant("epsilon", np.float32(EPSILON)))
    unit = graph.add("Div", f"{name}/unit", x, graph.add("Sqrt", f"{name}/rms", mean))
    return graph.add("Mul", name, unit, graph.constant(f"{name}/scale", scale[:, None]))


def _reshape(graph: Graph, name: str, x: str, *, n_channels: int) -> str:
    """Split frames into more frames of n_channels each: (batch, k * c, n) -> (batch, c, n * k)."""
    x = graph.add("Transpose", f"{name}/frames_first", x, perm=[0, 2, 1])
    # 0 keeps an axis, -1 is what remains.
    x = graph.add("Reshape", name, x, graph.constant(f"{name}/shape", np.array([0, -1, n_channels])))
    return graph.add("Transpose", f"{name}/channels_first", x, perm=[0, 2, 1])


def _silu(graph: Graph, name: str, x: str) -> str:
    return graph.add("Mul", f"{name}/silu", x, graph.add("Sigmoid", f"{name}/sigmoid", x))


# By `architecture.Layer.kind` and `.activation`.
ONNX_LAYERS: dict[str, Callable[..., str]] = {
    "dense": _dense,
    "convolution": _convolution,
    "downsampling_convolution": _downsampling_convolution,
    "rms_normalization": _rms_normalization,
    "reshape": _reshape,
}
ONNX_ACTIVATIONS: dict[str, Callable[[Graph, str, str], str]] = {"silu": _silu}


def _float_info(name: str, *shape: int | str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
