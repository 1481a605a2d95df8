"""A whole model as an ONNX file."""

import pathlib
from typing import Any

import numpy as np

import gpunn
from gpunn.models.files.atomic import replacing
from gpunn.models.graph import Graph as Graphed
from gpunn.models.onnx import attention, attention_scores, images, joining, sequences, windows  # noqa: F401  whose layers they enter
from gpunn.models.onnx.graph import IR, OPSET, Graph, Value
from gpunn.models.onnx.layers import write


def export(model: Any, path: Any) -> None:
    """Write an ONNX model (opset 18) that predicts as `model` does, for any number of rows; checked with onnx's checker before.

    Raises ValueError for a model that is not built and for a layer that has no ONNX form, naming it; ImportError without onnx.
    """
    model._need_built("export")
    try:
        from onnx import checker, helper, numpy_helper, save
    except ImportError as error:
        raise ImportError(f'Exporting needs onnx ({error}). Install it with: pip install "gpunn[onnx]"') from error
    graph = Graph(model.dtype)
    inputs, outputs = _write(graph, model)

    def declared(values: list[tuple[str, tuple[int | None, ...], str]]) -> list[Any]:
        return [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), ["batch", *shape[1:]])
            for name, shape, kind in values
        ]

    constants = [numpy_helper.from_array(array, name) for name, array in graph.constants.items()]
    body = helper.make_graph(graph.nodes, model.name, declared(inputs), declared(outputs), constants)
    made = helper.make_model(
        body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="gpunn", producer_version=gpunn.__version__, ir_version=IR
    )
    checker.check_model(made, full_check=True)
    with replacing(pathlib.Path(path)) as temporary:
        save(made, str(temporary))


def _write(graph: Graph, model: Any) -> tuple[list[Any], list[Any]]:
    """All nodes -> the (name, shape, type) of inputs and of outputs, called as in the model."""
    from onnx import helper

    given = [(graph.name(name), t.shape, t.dtype) for name, t in zip(model.input_names, model.inputs, strict=True)]
    values = []
    for name, _, kind in given:
        value = Value(graph, name)
        values.append(value if kind == model.dtype else graph.op("Cast", value, to=helper.np_dtype_to_tensor_dtype(graph.dtype)))
    outputs, _ = run(graph, model, values, [None] * len(values))
    graph.scope, names = "", [graph.name(name) for name in model.output_names]
    for value, name in zip(outputs, names, strict=True):
        graph.nodes.append(helper.make_node("Identity", [value.name], [name], name=name))
    return given, [(name, t.shape, model.dtype) for name, t in zip(names, model.outputs, strict=True)]


def run(graph: Graph, model: Any, given: list[Value], masks: list[Any]) -> tuple[list[Value], list[Any]]:
    """The outputs of a model, and their masks, for these inputs: call by call, those of models within too."""
    tensors, calls, outputs = model.graph(False)
    values, seen = dict(zip(tensors, given, strict=True)), dict(zip(tensors, masks, strict=True))
    for call in calls:
        x, mask, shape = ([of[t] for t in call.inputs] for of in (values, seen, {t: t.shape for t in call.inputs}))
        layer = call.layer
        if call.training:
            raise ValueError(f"Layer {layer.name!r} is called with training=True, which ONNX has no form for.")
        if isinstance(layer, Graphed):
            y, passed = run(graph, layer, x, mask)
        else:
            one = (x, shape, mask) if call.many_in else (x[0], shape[0], mask[0])
            made, left = write(graph, layer, *one, **call.plain_options)
            y = made if call.many_out else [made]
            passed = [left, *[None] * (len(y) - 1)]
        values.update(zip(call.outputs, y, strict=True))
        seen.update(zip(call.outputs, passed, strict=True))
    return [values[t] for t in outputs], [seen[t] for t in outputs]
