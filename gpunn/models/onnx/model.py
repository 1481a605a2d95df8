"""A whole model as an ONNX file."""

import pathlib
from typing import Any

import numpy as np

import gpunn
from gpunn.models.files.atomic import replacing
from gpunn.models.onnx import images, sequences, windows  # noqa: F401  whose layers they enter
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
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(model.dtype))

    def declared(values: list[tuple[str, tuple[int | None, ...]]]) -> list[Any]:
        return [helper.make_tensor_value_info(name, kind, ["batch", *shape[1:]]) for name, shape in values]

    constants = [numpy_helper.from_array(array, name) for name, array in graph.constants.items()]
    body = helper.make_graph(graph.nodes, model.name, declared(inputs), declared(outputs), constants)
    made = helper.make_model(
        body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="gpunn", producer_version=gpunn.__version__, ir_version=IR
    )
    checker.check_model(made, full_check=True)
    with replacing(pathlib.Path(path)) as temporary:
        save(made, str(temporary))


def _write(graph: Graph, model: Any) -> tuple[list[Any], list[Any]]:
    """All nodes -> the (name, shape) of inputs and of outputs."""
    shape: tuple[int | None, ...] = (None, *model.row_shape)
    first = model.layers[0].name if type(model.layers[0]).__name__ == "InputLayer" else "input"
    inputs, x = [(graph.name(first), shape)], Value(graph, first)
    x, shape = chain(graph, model.layers, x, shape)
    graph.scope = ""
    last = graph.name("output")
    graph.nodes.append(_named(x, last))
    return inputs, [(last, shape)]


def chain(graph: Graph, layers: list[Any], x: Value, shape: tuple[int | None, ...]) -> tuple[Value, tuple[int | None, ...]]:
    """Layers one after another."""
    mask = None
    for layer in layers:
        (x, mask), shape = write(graph, layer, x, shape, mask), layer.compute_output_shape(shape)
    return x, shape


def _named(value: Value, name: str) -> Any:
    from onnx import helper

    return helper.make_node("Identity", [value.name], [name], name=name)
