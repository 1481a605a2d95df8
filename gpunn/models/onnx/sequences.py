"""Embedding, Masking, the recurrent layers and their wrappers as ONNX nodes.

A recurrent layer is a Scan over the steps, whose body is the cell's own formula: any activations, and any steps may be masked.
"""

from typing import Any

import numpy as np

from gpunn import layers as L
from gpunn.kernels import recurrent_formulas as cells
from gpunn.models.onnx.functions import formula
from gpunn.models.onnx.graph import Graph, Value
from gpunn.models.onnx.layers import MASKS, Shape, weight, write, writes


@writes(L.Embedding)
def _embedding(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    return graph.op("Gather", weight(graph, layer.embeddings), _tokens(graph, x), axis=0)


@writes(L.ReversibleEmbedding)
def _reversible(graph: Graph, layer: Any, x: Value, shape: Shape, reverse: bool = False) -> Value:
    if not reverse:
        return _embedding(graph, layer, x, shape)
    table = weight(graph, layer.reverse_embeddings) if not layer.tie_weights else graph.turned(weight(graph, layer.embeddings), 1, 0)
    scores, cap = graph.op("MatMul", x, table), layer.logit_soft_cap
    return scores if cap is None else graph.op("Tanh", scores / cap) * cap


def _tokens(graph: Graph, x: Value) -> Value:
    return graph.op("Cast", x, to=7)  # int64


def _embedding_mask(graph: Graph, layer: Any, x: Value, mask: Any) -> Value | None:
    return x != 0.0 if layer.mask_zero else None


def _masking_mask(graph: Graph, layer: Any, x: Value, mask: Any = None) -> Value:
    differs = graph.op("Where", x == layer.mask_value, 0.0, 1.0)
    return graph.reduce("ReduceMax", differs, [2], False) > 0.0


@writes(L.Masking)
def _masking(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    return graph.op("Where", graph.op("Unsqueeze", _masking_mask(graph, layer, x), graph.ints([2])), x, 0.0)


MASKS |= {L.Embedding: _embedding_mask, L.ReversibleEmbedding: _embedding_mask, L.Masking: _masking_mask}


# ---------------------------------------------------------------------- recurrent layers
def _cell(layer: Any) -> cells.Cell:
    made = [cells.Activation(word, f.forward, f.backward, f.constants) for word, f in (
        ("A", layer.activation.formulas), ("R", getattr(layer, "recurrent_activation", layer.activation).formulas)
    )]
    if isinstance(layer, L.GRU):
        return (cells.gru_after if layer.reset_after else cells.gru_before)(*made)
    return cells.lstm(*made) if isinstance(layer, L.LSTM) else cells.simple(made[0])


def _step(body: Graph, layer: Any, cell: cells.Cell, z: Value, states: list[Value]) -> list[Value]:
    """The states after a step, the output first, from the inputs' products (with their biases) and the states before."""
    n, h, u = layer.units, states[0], layer.recurrent_kernel.numpy()

    def parts(x: Value, count: int) -> list[Value]:
        return [x] if count == 1 else list(body.op("Split", x, outputs=count, axis=1, num_outputs=count))

    if not isinstance(layer, L.GRU):
        sums = z + body.op("MatMul", h, body.constant(u, name="recurrent_kernel"))
        out = formula(body, cell.forward[0], *parts(sums, layer.gates), *states[1:])
        return list(out[layer.gates :])[::-1]
    if layer.reset_after:
        sums = body.op("MatMul", h, body.constant(u, name="recurrent_kernel"))
        if layer.bias is not None:
            sums = sums + body.constant(layer.bias.numpy()[1], name="recurrent_bias")
        return [formula(body, cell.forward[0], *parts(z, 3), *parts(sums, 3), h)[3]]
    zz, zr, zh = parts(z, 3)
    sz, sr = parts(body.op("MatMul", h, body.constant(u[:, : 2 * n], name="recurrent_kernel")), 2)
    kz, _, q = formula(body, cell.forward[0], zz + sz, zr + sr, h)
    zh = zh + body.op("MatMul", q, body.constant(u[:, 2 * n :], name="recurrent_kernel"))
    return [formula(body, cell.forward[1], zh, kz, h)[1]]


@writes(L.SimpleRNN, L.LSTM, L.GRU)
def _recurrent(graph: Graph, layer: Any, x: Any, shape: Any) -> Any:
    from onnx import helper

    if layer.stateful:
        raise ValueError(f"Layer {layer.name!r} is stateful: ONNX keeps no state from batch to batch. Expected stateful=False.")
    sequence, *given = x if isinstance(x, list) else [x]
    z = graph.op("MatMul", graph.turned(sequence, 1, 0, 2), weight(graph, layer.kernel))  # steps first: a Scan goes along them
    if layer.bias is not None:
        bias = layer.bias.numpy()
        z = z + graph.constant(bias[0] if bias.ndim == 2 else bias, name="bias")
    zero = [] if len(given) == layer.state_count and not layer.zero_output_for_mask else [graph.zeros(sequence, layer.units)]
    starts = given or zero * layer.state_count
    mask, body = None if graph.mask is None else graph.turned(graph.mask, 1, 0), graph.inner()
    kind = helper.np_dtype_to_tensor_dtype(graph.dtype)
    before, now = [body.input(f"state_{i}") for i in range(layer.state_count)], body.input("step")
    live = body.input("live")
    after = _step(body, layer, _cell(layer), now, before)
    out = after[0]
    if mask is not None:
        counts = body.op("Unsqueeze", live, body.ints([1]))
        after = [body.op("Where", counts, new, old) for new, old in zip(after, before, strict=True)]
        out = body.op("Where", counts, out, 0.0) if layer.zero_output_for_mask else after[0]
    scanned = [now, *([live] if mask is not None else [])]
    inputs = [helper.make_tensor_value_info(v.name, kind, None) for v in (*before, now)]
    inputs += [helper.make_tensor_value_info(live.name, 9, None)] if mask is not None else []  # bool
    results = [body.op("Identity", v) for v in (*after, out)]
    made = helper.make_graph(body.nodes, f"{layer.name}/cell", inputs, [helper.make_tensor_value_info(v.name, kind, None) for v in results])
    back = int(layer.go_backwards)
    found = graph.op(
        "Scan", *starts, z, *([mask] if mask is not None else []), outputs=layer.state_count + 1, body=made, num_scan_inputs=len(scanned),
        scan_input_directions=[back] * len(scanned), scan_output_directions=[int(layer.in_time and back)],
    )
    final, y = list(found[:-1]), graph.turned(found[-1], 1, 0, 2)
    last = final[0]
    if layer.zero_output_for_mask and mask is not None:
        at = 0 if layer.in_time and back else -1
        last = graph.op("Gather", y, graph.constant(at, np.int64), axis=1)
    result = y if layer.return_sequences else last
    return [result, *final] if layer.return_state else result


@writes(L.Bidirectional)
def _bidirectional(graph: Graph, layer: Any, x: Any, shape: Any) -> Any:
    mask, outputs = graph.mask, []
    for one, given, sizes in zip(layer.within, layer._halves(x), layer._halves(shape), strict=True):
        y, _ = write(graph, one, given, sizes, mask)
        outputs.append(y if isinstance(y, list) else [y])
    a, b = (o[0] for o in outputs)
    states = [s for o in outputs for s in o[1:]]
    if layer.merge_mode is None:
        return [a, b, *states]
    merged = graph.op("Concat", a, b, axis=-1) if layer.merge_mode == "concat" else a * b if layer.merge_mode == "mul" else a + b
    merged = merged * 0.5 if layer.merge_mode == "ave" else merged
    return [merged, *states] if states else merged


@writes(L.TimeDistributed)
def _time_distributed(graph: Graph, layer: Any, x: Value, shape: Shape) -> Value:
    """The steps of all rows are rows."""
    row = [n or 0 for n in shape[1:]]
    y, _ = write(graph, layer.layer, graph.op("Reshape", x, graph.ints([-1, *row[1:]])), (None, *row[1:]))
    out = [n or 0 for n in layer.compute_output_shape(shape)[1:]]
    return graph.op("Reshape", y, graph.ints([-1, *out]))


@writes(L.SpectralNormalization)
def _spectral(graph: Graph, layer: Any, x: Any, shape: Any) -> list[Any]:
    """Outside of training it is the layer within. What gives `call` takes and gives lists."""
    return [write(graph, layer.layer, x[0], shape[0])[0]]
