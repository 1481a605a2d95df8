"""A graph between tensors: its calls in an order in which they can run, and its layers in Keras's order, which is that of the weights."""

from collections.abc import Iterator, Sequence
from typing import Any

from gpunn.layers import InputLayer, KerasTensor
from gpunn.layers.graph import Node, flat
from gpunn.layers.open_shapes import shapes_out


def topology(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]) -> tuple[list[Node], list[Any]]:
    """-> (nodes from the inputs to the outputs, layers by decreasing depth and, within one, as a search from the outputs meets them).

    Raises ValueError for a graph with a cycle, for outputs that the inputs do not lead to (naming the tensor and the layer), and for two
    layers of one name.
    """
    given, order = set(inputs), []
    met: dict[Any, int] = {}
    for node in _visit(inputs, outputs, met):
        order.append(node)
    layers = _by_depth(order, given, met)
    for tensor in inputs:  # one that leads nowhere belongs to the model all the same
        layer = tensor.node.layer
        if isinstance(layer, InputLayer) and layer not in layers:
            layers.append(layer)
    names = [layer.name for layer in layers]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise ValueError(f"All layers of a model must have names of their own. Received: {', '.join(map(repr, twice))} more than once.")
    return order, layers


def between(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]) -> list[Node]:
    """The calls from the inputs to the outputs, each after those it needs."""
    return list(_visit(inputs, outputs, {}))


def _visit(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor], met: dict[Any, int]) -> Iterator[Node]:
    """Nodes after those they need, depth first. `met` takes the layers in the order they are met."""
    given, done, open_nodes = set(inputs), set(), set()
    for output in outputs:
        if output in given:
            if isinstance(output.node.layer, InputLayer):
                met.setdefault(output.node.layer, len(met))
            continue
        stack: list[tuple[KerasTensor, Any, Iterator[KerasTensor]]] = []

        def enter(tensor: KerasTensor, before: Any, stack: Any = stack) -> None:
            node = tensor.node
            if isinstance(node.layer, InputLayer):
                if tensor not in given:
                    where = f"which layer {before.layer.name!r} takes" if before is not None else "which is an output"
                    raise ValueError(
                        f"Graph disconnected: tensor {tensor.name!r} {tensor.shape}, {where}, does not come from the model's inputs. "
                        f"Expected inputs with it among them. Received: {[t.name for t in inputs]}."
                    )
                met.setdefault(node.layer, len(met))
                return
            if tensor in given or node in done:
                return
            if node in open_nodes:
                raise ValueError(f"Tensor {tensor.name!r} from layer {node.layer.name!r} is part of a cycle.")
            met.setdefault(node.layer, len(met))
            open_nodes.add(node)
            stack.append((tensor, node, iter(node.inputs)))

        enter(output, None)
        while stack:
            _, node, rest = stack[-1]
            tensor = next(rest, None)
            if tensor is not None:
                enter(tensor, node)
                continue
            stack.pop()
            open_nodes.discard(node)
            done.add(node)
            yield node


def _by_depth(order: list[Node], given: set[KerasTensor], met: dict[Any, int]) -> list[Any]:
    """Layers by their largest distance from the outputs, the farthest first."""
    depths: dict[Node, int] = {}
    of_layer: dict[Any, int] = dict.fromkeys(met, 0)
    for node in reversed(order):
        depth = max(depths.get(node, 0), of_layer[node.layer])
        depths[node] = of_layer[node.layer] = depth
        for tensor in node.inputs:
            before = tensor.node
            if isinstance(before.layer, InputLayer):
                of_layer[before.layer] = max(of_layer[before.layer], depth + 1)
            elif tensor not in given:
                depths[before] = max(depths.get(before, 0), depth + 1)
    return sorted(met, key=lambda layer: (-of_layer[layer], met[layer]))


def get_source_inputs(tensor: KerasTensor) -> list[KerasTensor]:
    """The tensors of `Input` that a symbolic tensor is worked out from, in the order in which they are met."""
    found, seen, stack = [], set(), [tensor]
    while stack:
        here = stack.pop()
        if here in seen:
            continue
        seen.add(here)
        if isinstance(here.node.layer, InputLayer):
            found.append(here)
        stack += reversed(here.node.inputs)
    return found


def cut(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]) -> tuple[list[KerasTensor], list[KerasTensor]]:
    """The same graph with inputs of its own where those given are in the middle of another: its calls are made again on them."""
    nodes = between(inputs, outputs)
    own = {t: t if isinstance(t.node.layer, InputLayer) else InputLayer(t.shape[1:], dtype=t.dtype).output for t in inputs}
    return list(own.values()), replay(nodes, dict(own), outputs)


def replay(nodes: Sequence[Node], known: dict[KerasTensor, KerasTensor], outputs: Sequence[KerasTensor], layers: Any = None) -> list[Any]:
    """Make calls again on other tensors, `known` by those they stand for, and of other `layers`, where that is a dict of them."""
    for node in nodes:
        layer = node.layer if layers is None else layers[node.layer]
        out = layer(*swapped(node.arguments, known), training=node.training, **swapped(node.options, known))
        known.update(zip(node.outputs, flat(out), strict=True))
    return [known[t] for t in outputs]


def swapped(structure: Any, known: dict[KerasTensor, Any]) -> Any:
    """Lists and dicts with other things in place of their tensors."""
    if isinstance(structure, dict):
        return {name: swapped(v, known) for name, v in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)([swapped(v, known) for v in structure])
    return known[structure] if isinstance(structure, KerasTensor) else structure


def find_shapes(nodes: Sequence[Node], found: dict[KerasTensor, Any]) -> None:
    """Add to `found`, which has those that go in, the shapes of what calls give; of a layer that was traced by what it does within."""
    for node in nodes:
        if not node.inputs:
            found.update((t, t.shape) for t in node.outputs if t not in found)
        elif node.inside is not None:
            inputs, calls, outputs = node.inside[False]
            within = {t: found[given] for t, given in zip(inputs, node.inputs, strict=True)}
            find_shapes(calls, within)
            found.update((t, within[inner]) for t, inner in zip(node.outputs, outputs, strict=True))
        else:
            given: Any = [found[t] for t in node.inputs] if node.many_in else found[node.inputs[0]]
            out = node.layer.outputs_of_call(shapes_out(node.layer.compute_output_shape, given), given, node.options)
            found.update(zip(node.outputs, out if node.many_out else [out], strict=True))
