"""Losses that are a mean or a sum over the columns of a row: value and gradient in one pass, from two formulas each.

`row_loss` makes the kernel ``<name>``: ``p, t, weight:col, scale:const, ... -> loss:col, dp`` with loss = mean_j value(p, t, ...) and
dp = weight * scale / columns * gradient(p, t, ...); a sum is not divided by the columns. What the formulas take beyond p and t are numbers
that a launch gives. The formulas themselves stand here and in `loss_formulas`.
"""

from collections.abc import Callable

import numpy as np

from gpunn.kernels.cuda_text import SUFFIX, typed
from gpunn.kernels.formula import Formula
from gpunn.kernels.record import Kernel, columns_of, first_rows, parse, register

EPSILON = 1e-7  # Keras's clip of probabilities
SLOPES: dict[str, tuple[Formula, bool]] = {}  # of each kernel: its gradient's formula, and whether it is of a mean


def row_loss(name: str, value: Callable, gradient: Callable, mean: bool = True, family: str | None = None) -> Kernel:
    """The kernel of a loss from its value and gradient for a single output; `mean` over a row's columns, else their sum. On a device it is
    compiled by itself, unless a `family` is named: a model has but one loss."""
    f, g = Formula(value, f"{name}_value"), Formula(gradient, f"{name}_gradient")
    if f.parameters[2:] != g.parameters[2:]:
        raise ValueError(f"{name}: value and gradient take the same numbers. Received: {f.parameters[2:]} and {g.parameters[2:]}.")
    SLOPES[name] = g, mean
    numbers = f.parameters[2:]
    space: dict = {"np": np}
    formulas = [*f.closure(), *(h for h in g.closure() if h not in f.closure())]
    for formula in formulas:
        exec(formula.python("numpy"), space)

    def reference(p, t, weight, scale, *rest):
        *given, loss, dp = rest
        given = [float(number) for number in given]  # a weak scalar: the arrays' type wins
        rows, columns = p.shape[0], columns_of(p)
        p2, t2 = p.reshape(rows, columns), t.reshape(rows, columns)
        share = columns if mean else 1
        with np.errstate(all="ignore"):
            values = space[f.name](p2, t2, *given)
            slope = space[g.name](p2, t2, *given) * (weight.reshape(-1, 1) * p.dtype.type(scale / share))
            loss[...] = values.mean(axis=1) if mean else values.sum(axis=1)
        dp.reshape(rows, columns)[...] = slope

    listed = "".join(f", {n}" for n in numbers)
    ready = "".join(f", {n}_" for n in numbers)
    native = "\n".join(
        [
            *("@inlined\n" + h.python("numba") for h in formulas),
            f"def body(p, t, weight, scale{listed}, loss, dp, lo, hi, scratch):",
            "    columns = p.shape[1]",
            *(f"    {n}_ = T({n}[0])" for n in numbers),
            "    for i in range(lo, hi):",
            "        total = T(0)",
            f"        factor = weight[i] * T({'scale[0] / columns' if mean else 'scale[0]'})",
            "        for j in range(columns):",
            "            a, b = p[i, j], t[i, j]",
            f"            total += {f.name}(a, b{ready})",
            f"            dp[i, j] = {g.name}(a, b{ready}) * factor",
            f"        loss[i] = {'total / T(columns)' if mean else 'total'}",
        ]
    )

    def cuda(dtype: str) -> str:
        return typed(
            f'extern "C" __global__ void {name}_{SUFFIX[dtype]}(const T* __restrict__ p, const T* __restrict__ t, '
            f"const T* __restrict__ weight, T scale{''.join(f', T {n}_' for n in numbers)}, T* __restrict__ loss, T* __restrict__ dp, "
            "long long rows, long long columns) {\n"
            "  const int lane = threadIdx.x & 31;\n"
            "  const long long row = warp_row();\n"
            "  if (row >= rows) return;\n"
            f"  const T factor = weight[row] * scale{' / (T)columns' if mean else ''};\n"
            "  T total = T(0);\n"
            "  at_once<2>(lane, columns, 32, [&](long long j) {\n"
            "    return two<T>{p[row * columns + j], t[row * columns + j]};\n"
            "  }, [&](long long j, two<T> v) {\n"
            f"    total += {f.name}(v.a, v.b{ready});\n"
            f"    dp[row * columns + j] = {g.name}(v.a, v.b{ready}) * factor;\n"
            "  });\n"
            "  total = warp_sum(total);\n"
            f"  if (lane == 0) loss[row] = total{' / (T)columns' if mean else ''};\n"
            "}\n",
            dtype,
        )

    operands = parse(f"p, t, weight:col, scale:const{''.join(f', {n}:const' for n in numbers)} -> loss:col, dp")
    return register(
        Kernel(
            name=name, operands=operands, extent=first_rows, reference=reference, native_text=native, cuda=cuda, geometry="warps",
            formulas=tuple(formulas), family=name if family is None else family, cost=lambda p, *a: 5.0 * columns_of(p),
        )
    )


def _squared(p, t):
    return (p - t) * (p - t)


def _squared_gradient(p, t):
    return 2.0 * (p - t)


def _absolute(p, t):
    return abs(p - t)


def _absolute_gradient(p, t):
    return 1.0 if p > t else (-1.0 if p < t else 0.0)


def _binary(p, t):
    q = minimum(maximum(p, EPSILON), 1.0 - EPSILON)  # noqa: F821
    return -(t * log(q) + (1.0 - t) * log(1.0 - q))  # noqa: F821


def _binary_gradient(p, t):
    return (p - t) / (p * (1.0 - p)) if p > EPSILON and p < 1.0 - EPSILON else 0.0


def _binary_logits(z, t):
    return maximum(z, 0.0) - z * t + log1p(exp(-abs(z)))  # noqa: F821


def _binary_logits_gradient(z, t):
    return 1.0 / (1.0 + exp(-z)) - t  # noqa: F821


def _poisson(z, t):
    return exp(z) - t * z + (t * log(t) - t if t > 0.0 else 0.0)  # noqa: F821  half the deviance of the rate exp(z)


def _poisson_gradient(z, t):
    return exp(z) - t  # noqa: F821


def _perceptron(z, t):
    return abs((1.0 if z >= 0.0 else (0.0 if z < 0.0 else z)) - t)  # a NaN stays one


def _perceptron_gradient(z, t):
    return (1.0 if z >= 0.0 else (0.0 if z < 0.0 else z)) - t


MEAN_SQUARED_ERROR = row_loss("mean_squared_error", _squared, _squared_gradient, family="")
MEAN_ABSOLUTE_ERROR = row_loss("mean_absolute_error", _absolute, _absolute_gradient, family="")
BINARY_CROSSENTROPY = row_loss("binary_crossentropy", _binary, _binary_gradient, family="")
BINARY_CROSSENTROPY_LOGITS = row_loss("binary_crossentropy_logits", _binary_logits, _binary_logits_gradient, family="")
POISSON_DEVIANCE = row_loss("poisson_deviance", _poisson, _poisson_gradient)
PERCEPTRON = row_loss("perceptron", _perceptron, _perceptron_gradient)
