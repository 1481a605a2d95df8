"""Several launches of a train step in one, for devices, where each launch costs about a microsecond.

The references are the parts', one after another. There is no text for the CPU: its programs run the parts, which cost nothing extra there
(see `gpunn.backend.fuse_nodes`, which puts these in place of the parts).
"""

from collections.abc import Callable

from gpunn.kernels import categorical, data, optimizers, softmax
from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import REGISTRY, Kernel, columns_of, first_rows, matrix, parse, register, rows_of
from gpunn.kernels.reductions import COLUMN_SUM, column_sum_then


def _gather_batch_reference(values, labels, order, position, scale, out, label):
    data.GATHER["float"].reference(values, order, position, scale, out)
    data.PICK_LABELS.reference(labels, order, position, label)


def _gather_batch(name: str, dtype: str, source: str) -> Kernel:
    signature = f"values:whole:{dtype}, labels:row:i4, order:row:i4, position:row:i8, scale:const -> out, label:col:i4"
    return register(
        Kernel(
            name=name, operands=parse(signature),
            extent=lambda *a: rows_of(a[-1]), reference=_gather_batch_reference,
            cuda=cuda_kernel("step.cu", "gather_batch", name, S=source), geometry="rows", per_thread=4,
        )
    )


GATHER_BATCH = {
    data.GATHER["uint8"].name: _gather_batch("gather_batch_u8", "u1", "unsigned char"),
    data.GATHER["float"].name: _gather_batch("gather_batch_float", "T", "T"),
}


def _softmax_hit_reference(z, bias, label, weight, scale, loss, dz, hit):
    biased = matrix(z) + bias.reshape(-1)
    p = biased.copy()
    softmax.SOFTMAX_CE_SPARSE.reference(biased, label, weight, scale, p, loss, dz)
    categorical.HIT_SPARSE.reference(p, label, hit)


SOFTMAX_CE_SPARSE_HIT = register(
    Kernel(
        name="softmax_ce_sparse_hit", operands=parse("z, bias:row, label:col:i4, weight:col, scale:const -> loss:col, dz, hit:col"),
        extent=first_rows, reference=_softmax_hit_reference, cuda=cuda_kernel("step.cu", "softmax_ce_sparse_hit"), geometry="warps",
    )
)


def _gradient_sum_reference(gradient: Kernel) -> Callable[..., None]:
    def reference(d, *others):
        *values, add, out = others
        gradient.reference(d, *values, d)
        COLUMN_SUM.reference(d, add, out)

    return reference


def sums(gradient: Kernel) -> bool:
    """Whether `gradient_sum` can be made: for the gradient of an activation, perhaps with the bias in it."""
    read = [o for o in gradient.operands if o.read]
    kinds = [o.kind for o in read]
    if gradient.formula is None or len(gradient.outputs) != 1 or gradient.outputs[0].read or kinds[:2] != ["full", "full"]:
        return False
    few = kinds.count("full") == 2 and kinds.count("row") <= 1 and set(kinds) <= {"full", "row", "const"}
    return few and gradient.name.endswith("_bwd")


def gradient_sum(gradient: Kernel) -> Kernel:
    """d = gradient(d, ...); out (+)= the sum of d over its rows. For an activation's gradient, made once."""
    name = f"{gradient.name}_sum"
    if name in REGISTRY:
        return REGISTRY[name]
    others = [o for o in gradient.operands if o.read][1:]
    whole = [f"{o.name}:{'whole' if o.kind == 'full' else o.kind}" for o in others]
    at = {"full": "v.b", "row": "{}[c]", "const": "{}"}
    return register(
        Kernel(
            name=name, operands=parse(f"d:whole, {', '.join(whole)}, add:const, out:row -> d:whole, out:row"),
            extent=lambda *a: columns_of(a[0]), reference=_gradient_sum_reference(gradient), geometry="columns",
            formulas=gradient.formulas, family=gradient.family,
            cuda=cuda_kernel(
                "step.cu", "gradient_sum", name, GRADIENT=gradient.name, VALUES=", ".join(at[o.kind].format(o.name) for o in others),
                SAVED=next(o.name for o in others if o.kind == "full"),
                OPERANDS=", ".join(f"T {o.name}" if o.kind == "const" else f"const T* __restrict__ {o.name}" for o in others),
            ),
        )
    )


def is_gradient_sum(kernel: Kernel) -> bool:
    """Whether a kernel is one that `gradient_sum` has made."""
    return kernel.geometry == "columns" and kernel.name.endswith("_bwd_sum")


for _name in ("relu_bwd", "sigmoid_bwd", "tanh__bwd"):
    gradient_sum(REGISTRY[_name])

_FINISH = (
    "values:row, weights:row, more:row, more_weights:row, sums:row:f8, more_sums:row:f8, position:row:i8, step:row:i8, "
    "count:row:i8, by:const:i8, steps:const:i8, counts:const:i8{} -> sums:row:f8, more_sums:row:f8, position:row:i8, "
    "step:row:i8, count:row:i8{}"
)


def _finish_reference(values, weights, more, more_weights, sums, more_sums, position, step, count, by, steps, counts):
    data.ACCUMULATE.reference(values, weights, step, sums)
    data.ACCUMULATE.reference(more, more_weights, step, more_sums)
    data.ADVANCE.reference(position, step, by, steps)
    data.ADVANCE.reference(position, count, 0, counts)


def _finish_adam_reference(
    values, weights, more, more_weights, sums, more_sums, position, step, count, by, steps, counts, rate, beta_1, beta_2, alpha
):
    optimizers.adam_rate.reference(rate, count, beta_1, beta_2, alpha)
    _finish_reference(values, weights, more, more_weights, sums, more_sums, position, step, count, by, steps, counts)


FINISH = register(
    Kernel(
        name="finish", operands=parse(_FINISH.format("", "")), extent=lambda *a: 1, reference=_finish_reference,
        cuda=cuda_kernel("step.cu", "finish"), geometry="one",
    )
)
FINISH_ADAM = register(
    Kernel(
        name="finish_adam", operands=parse(_FINISH.format(", rate:scalar, beta_1:const:f8, beta_2:const:f8", ", alpha:scalar")),
        extent=lambda *a: 1, reference=_finish_adam_reference, cuda=cuda_kernel("step.cu", "finish_adam"), geometry="one",
        formulas=optimizers.adam_rate.formulas,
    )
)

column_sum_then(optimizers.adam, 3)
