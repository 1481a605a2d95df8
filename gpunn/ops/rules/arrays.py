"""Rules of what moves elements, adds them up, or picks them."""

from gpunn.layers.tensor import Tensor
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops.at_once import operate
from gpunn.ops.gather import GATHER
from gpunn.ops.images import RESIZE
from gpunn.ops.moves import Join, Move
from gpunn.ops.open_reshape import RESHAPE_TO
from gpunn.ops.reductions import LARGEST, Sum, axes_of
from gpunn.ops.rules.base import Asked, Found, Linear, linear, rule, shaped
from gpunn.ops.sorting import AT_PLACES

rule(Move, Join, Sum, RESHAPE_TO, RESIZE)(linear)


@rule(GATHER, AT_PLACES)
def gather(asked: Asked) -> Found:
    """Linear in the first operand. The places are no numbers to be differentiated."""
    table, places = asked.operands
    if not asked.needs[0]:
        return [None, None]
    taken = Linear(lambda tensors: [operate(asked.call.definition, [tensors[0], places], {})])
    tensors = [isinstance(v, Tensor) for v in (table, places)]
    return [taken(asked.record, [asked.dy], [True, False][: sum(tensors)])[0], None]


@rule(LARGEST)
def largest(asked: Asked) -> Found:
    """dy in equal parts for those that are the largest; which ones these are does not change."""
    (x,), options = asked.operands, asked.call.options
    axes = axes_of(options["axis"], len(x.shape))
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    best = a.cast(a.equal(x, shaped(asked.y, kept)), x.computed_in)
    share = a.divide(best, along.sum(best, axis=axes, keepdims=True))
    return [a.multiply(shaped(asked.dy, kept), a.stop_gradient(share))]
