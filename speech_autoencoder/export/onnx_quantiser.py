"""A codec's quantiser as ONNX graphs: latents -> integers, each predicted from those before, and back.

The same arithmetic as `model.quantisation`: integers as float64, whose products are exact in any order, so that every
machine gets the very same symbols and latents. A `Scan` goes from one latent to the next.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import GraphProto, TensorProto, ValueInfoProto, helper

from speech_autoencoder.export.onnx_graphs import Graph
from speech_autoencoder.model.entropy_model import FRACTION_BITS, RADIUS, VALUE_LIMIT, WEIGHT_BITS, EntropyModel
from speech_autoencoder.model.quantisation import Predictor


@dataclass(frozen=True)
class _Group:
    """A group's channels in the graph: the names of what `quantisation.Predictor` has, at the given quality."""

    n_units: int
    n_channels: int
    inputs: str
    bias: str
    outputs: str
    steps: str


# Adds what gives a group's symbols, and returns its name: of its number, the names of the means and the steps.
_Choose = Callable[[int, str, _Group], str]


def quantiser(entropy: EntropyModel) -> GraphProto:
    """Return the quantiser.

    Inputs ``latent``, float32 (n_latents, latent_size), and ``quality``, int64, from 0 (the coarsest); outputs
    ``symbols``, int32 of the latent's shape, and ``quantised``, the latent that they stand for.
    """
    graph, body = Graph(), Graph()
    groups = _groups(graph, entropy)
    values = _to_fixed(graph, "latent")

    def choose(number: int, mean: str, group: _Group) -> str:
        difference = body.add("Sub", f"difference_{number}", f"value_{number}", mean)
        scaled = body.add("Div", f"scaled_{number}", difference, group.steps)
        half = body.constant("half", np.float64(0.5))
        rounded = _rounded(body, f"rounded_{number}", body.add("Add", f"shifted_{number}", scaled, half))
        return _limited(body, f"symbol_{number}", rounded, -RADIUS, RADIUS)

    _scan(graph, body, entropy, groups, values, choose)
    graph.add("Cast", "symbols", "all_symbols", to=TensorProto.INT32)
    _to_floats(graph, "quantised")
    shape = ("n_latents", entropy.n_channels)
    inputs = [_info("latent", TensorProto.FLOAT, *shape), _info("quality", TensorProto.INT64)]
    outputs = [_info("symbols", TensorProto.INT32, *shape), _info("quantised", TensorProto.FLOAT, *shape)]
    return graph.proto("quantiser", inputs, outputs)


def dequantiser(entropy: EntropyModel) -> GraphProto:
    """Return the inverse: inputs ``symbols`` and ``quality``, as `quantiser` has them; output ``latent``, float32."""
    graph, body = Graph(), Graph()
    groups = _groups(graph, entropy)
    symbols = graph.add("Cast", "symbols_as_floats", "symbols", to=TensorProto.DOUBLE)
    _scan(graph, body, entropy, groups, symbols, lambda number, mean, group: f"value_{number}")
    _to_floats(graph, "latent")
    shape = ("n_latents", entropy.n_channels)
    inputs = [_info("symbols", TensorProto.INT32, *shape), _info("quality", TensorProto.INT64)]
    return graph.proto("dequantiser", inputs, [_info("latent", TensorProto.FLOAT, *shape)])


def _groups(graph: Graph, entropy: EntropyModel) -> list[_Group]:
    """Add the arrays of each group, those of the quality chosen, and return their names."""
    predictors = [Predictor(entropy, quality) for quality in range(entropy.n_qualities)]
    found = []
    for number, (_, n_units, n_channels, inputs, _, outputs, _) in enumerate(predictors[0].blocks):
        biases = graph.constant(f"biases_{number}", np.stack([each.blocks[number][4] for each in predictors]))
        steps = graph.constant(f"steps_{number}", np.stack([each.steps[number] for each in predictors]))
        found.append(
            _Group(
                n_units,
                n_channels,
                graph.constant(f"inputs_{number}", inputs),
                graph.add("Gather", f"bias_{number}", biases, "quality"),
                # The scales are for an entropy coder.
                graph.constant(f"outputs_{number}", outputs[:, :n_channels]),
                graph.add("Gather", f"step_{number}", steps, "quality"),
            )
        )
    return found


def _scan(graph: Graph, body: Graph, entropy: EntropyModel, groups: list[_Group], values: str, choose: _Choose) -> None:
    """Add the scan over latents; its outputs are `all_symbols` and `all_decoded`, float64 (n_latents, channels)."""
    body.constant("fraction", np.float64(2.0**-WEIGHT_BITS))
    bounds = body.constant("channels_of_groups", np.diff(entropy.groups).astype(np.int64))
    names = tuple(f"value_{number}" for number in range(len(groups)))
    body.add("Split", "values_of_groups", "value", bounds, outputs=names, axis=0)
    known, symbols = ["last", "one_before"], []
    for number, group in enumerate(groups):
        context = body.add("Concat", f"context_{number}", *known, axis=0)
        summed = body.add("MatMul", f"product_{number}", context, group.inputs)
        summed = body.add("Add", f"summed_{number}", summed, group.bias)
        sizes = body.constant(f"sizes_{number}", np.array([group.n_units, group.n_channels]))
        hidden, linear = f"hidden_{number}", f"linear_{number}"
        body.add("Split", f"units_{number}", summed, sizes, outputs=(hidden, linear), axis=0)
        hidden = body.add("Mul", f"hidden_scaled_{number}", hidden, "fraction")
        hidden = _rounded(body, f"hidden_rounded_{number}", hidden)
        hidden = _limited(body, f"hidden_limited_{number}", hidden, 0, VALUE_LIMIT)
        mean = body.add("MatMul", f"mean_product_{number}", hidden, group.outputs)
        mean = body.add("Mul", f"mean_scaled_{number}", body.add("Add", f"mean_sum_{number}", mean, linear), "fraction")
        mean = _rounded(body, f"mean_{number}", mean)
        symbol = choose(number, mean, group)
        product = body.add("Mul", f"step_product_{number}", symbol, group.steps)
        value = body.add("Add", f"unlimited_{number}", product, mean)
        known.append(_limited(body, f"decoded_{number}", value, -VALUE_LIMIT, VALUE_LIMIT))
        symbols.append(symbol)
    body.add("Concat", "now", *known[2:], axis=0)
    body.add("Concat", "symbol", *symbols, axis=0)
    for copy, name in (("before_next", "last"), ("decoded", "now")):
        body.add("Identity", copy, name)
    state = [_info(name, TensorProto.DOUBLE, entropy.n_channels) for name in ("last", "one_before", "value")]
    made = [_info(n, TensorProto.DOUBLE, entropy.n_channels) for n in ("now", "before_next", "symbol", "decoded")]
    start = graph.constant("silence", np.zeros(entropy.n_channels))
    graph.add(
        "Scan",
        "scan",
        start,
        start,
        values,
        outputs=("end", "one_before_end", "all_symbols", "all_decoded"),
        body=body.proto("latent", state, made),
        num_scan_inputs=1,
    )


def _to_fixed(graph: Graph, latent: str) -> str:
    """Add `quantisation.to_fixed`: what is not a number is 0."""
    values = graph.add("Cast", "as_float64", latent, to=TensorProto.DOUBLE)
    values = graph.add("Mul", "scaled_up", values, graph.constant("unit", np.float64(2**FRACTION_BITS)))
    values = _rounded(graph, "fixed", graph.add("Add", "shifted", values, graph.constant("half", np.float64(0.5))))
    no_number = graph.add("IsNaN", "is_no_number", values)
    values = graph.add("Where", "numbers", no_number, graph.constant("zero", np.float64(0)), values)
    return _limited(graph, "values", values, -VALUE_LIMIT, VALUE_LIMIT)


def _to_floats(graph: Graph, name: str) -> None:
    """Add `quantisation.to_floats` of all that was decoded."""
    unit = graph.constant("decoded_unit", np.float64(2**FRACTION_BITS))
    values = graph.add("Div", f"{name}_as_float64", "all_decoded", unit)
    graph.add("Cast", name, values, to=TensorProto.FLOAT)


def _rounded(graph: Graph, name: str, x: str) -> str:
    return graph.add("Floor", name, x)


def _limited(graph: Graph, name: str, x: str, low: int, high: int) -> str:
    limits = (graph.constant(f"limit_{limit}", np.float64(limit)) for limit in (low, high))
    return graph.add("Clip", name, x, *limits)


def _info(name: str, kind: int, *shape: int | str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
