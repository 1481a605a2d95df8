"""A matrix transposed for the products that read it across. The CPU's alone."""

from gpunn.kernels.record import Kernel, columns_of, parse, register, rows_of


def _reference(x, out):
    out[...] = x.T


# out = x transposed, a range of the rows of x at a time: a core transposes the rows that it holds
FLIP = register(
    Kernel(
        name="flip", operands=parse("x -> out:cols"), extent=lambda x, out: rows_of(x), reference=_reference,
        native_text="from gpunn.kernels.gemm_native import flip_rows as body", geometry="cpu",
        cost=lambda x, out: 0.15 * columns_of(x), grain=16,
    )
)
