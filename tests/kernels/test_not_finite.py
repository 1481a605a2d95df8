"""NaN and infinity that go in come out: no target hides them."""

import numpy as np
import pytest
from kernel_inputs import NAMES, arguments
from kernel_targets import TARGETS, copies, needs_gxx, needs_numba, outputs, run_numba, run_numpy, run_sim, with_targets

from gpunn.backend.sim import HostModule
from gpunn.kernels import REGISTRY, elementwise
from gpunn.kernels.device import module_text

RECURRENT = ("simple_rnn", "lstm", "gru")
# (kernel, operand): why a value that is not finite may leave no trace
PIECEWISE = tuple(f"{n}_bwd" for n in ("hard_sigmoid", "sparse_sigmoid", "hard_tanh", "clipped_relu", "leaky_relu", "squareplus", "shrink"))
COMPARISONS = (
    "is_greater", "is_greater_equal", "is_less", "is_less_equal", "is_equal", "is_not_equal", "are_both", "is_either", "where_larger",
    "where_smaller",
)
SILENT = {
    ("step_bwd", "dy"): "0 everywhere", ("step_bwd", "y"): "0 everywhere",
    **{(n, "y"): "a comparison; the output itself shows it" for n in (*PIECEWISE, "sparsemax_bwd")},
    **{(n, "x"): "the same" for n in ("rectifier_bwd", "prelu_bwd", "threshold_bwd")},
    ("kept_between", "before"): "not used where the gate is open",
    ("linear_bwd", "y"): "not used", ("relu_bwd", "y"): "y > 0 is false for NaN, as in NumPy",
    ("relu_bwd_sum", "y"): "the same", ("product_nt_16x16_relu_bwd", "of_y"): "the same", ("cleared", "g"): "the point of it",
    ("l1_l2__l1_l2_gradient_value", "coefficients"): "the one that is poisoned is for the gradient",
    **{(f"hit_{n}", "p"): "a hit is a comparison" for n in ("sparse", "dense", "binary", "equal", "top_sparse", "top_dense")},
    **{(n, "target"): "a hit is a comparison" for n in ("hit_dense", "hit_binary", "hit_equal", "hit_top_dense")},
    **{(n, "p"): "a choice is a comparison" for n in ("decide", "top_only", "argmax", "as_class", "bucket")},
    **{("bucket", n): "a comparison" for n in ("target", "edges")},
    **{(n, o): "a mask is a comparison" for n in ("attend", "attend_bwd") for o in ("queries", "keys", "whole")},
    **{(n, "mask"): "the same" for n in NAMES if n.startswith(RECURRENT) and "mask" in [o.name for o in REGISTRY[n].operands]},
    **{(n, "x"): "the same" for n in ("step_mask", "unequal")}, ("choose_columns", "choose"): "the same",
    **{(n, "m"): "the same" for n in ("choose_rows", "choose_rows_bwd", "bar")},
    **{("larger_of_two_bwd", n): "the same; the output itself shows it" for n in ("a", "b")},
    **{("global_max_bwd", n): "the same" for n in ("x", "y")},
    ("augment_gather", "field"): "coordinates: what is no number lies outside",
    **{(n, "x"): "a comparison" for n in ("no_number", "nonzero", "order", "zero_of")},
    **{(n, o): "a comparison" for n in COMPARISONS for o in ("a", "b")}, ("power_of_two_b", "b"): "not used; the output itself shows it",
    **{(n, "c"): "a choice is a comparison" for n in ("chosen", "chosen_a", "chosen_b")},
    **{("among_ties", o): "the same; the output itself shows it" for o in ("x", "best")},
    **{(n, "tokens"): "a number of a row; what is none is looked for when data come" for n in ("embed", "embed_bwd", "merge_words")},
    **{(n, "at"): "a place of a row" for n in ("at_places", "from_places")},
    ("add_words", "leader"): "the same",
}
# Of these a launch uses parts only, which parts the other operands say: all of it is poisoned.
WHOLE = {
    ("augment_salt", "x"), ("augment_paste", "fill"), ("put_columns", "y"), ("pad", "x"), ("embed", "table"), ("at_places", "x"),
    ("embed_bwd", "table"), ("choose_columns", "b"), ("choose_columns", "g"), ("average_pool", "shares"), ("average_pool_bwd", "shares"),
    ("choose_rows", "a"), ("choose_rows", "b"), ("moment_join", "parts"), ("conv_sum", "parts"), ("conv_sum", "out"),
    *((n, o) for n in ("chosen", "chosen_a", "chosen_b") for o in ("a", "b", "dy")), ("power_of_two_a", "dy"), ("among_ties", "dy"),
    ("largest_columns", "x"),
    *((n, o) for n in NAMES if n.startswith(RECURRENT) and n.endswith("_bwd") for o in ("z", "cs", "hs", "r")),
}
OPEN = {  # a second operand with which the gradient is not 0
    "relu_bwd": 1, "clipped_relu_bwd": 1, "threshold_bwd": 1, "rectifier_bwd": 1, "hard_tanh_bwd": 0.5, "hard_sigmoid_bwd": 0.5,
    "sparse_sigmoid_bwd": 0.5, "shrink_bwd": 1, "hard_silu_bwd": 1, "prelu_alpha": -1, "prelu_sum": -1, "sparsemax_bwd": 1,
}
ZEROS = {  # where 0 times infinity counts as 0, as in products
    ("conv_pool_dx", "w"): "only the winners of a window have a gradient", ("augment_gather", "x"): "a corner of weight 0 is not read",
}
CASES = [
    (n, o.name) for n in NAMES for o in REGISTRY[n].operands
    if o.read and o.dtype == "T" and o.kind not in ("const", "scalar") and (n, o.name) not in SILENT
]
ADDING = ("column_sum", "group_sum", "prelu_sum", "embed_bwd", "add_words", "conv_sum", "choose_columns")
GEMM = tuple(n for n in NAMES if REGISTRY[n].geometry == "library")


def poisoned(kernel, operand, value):
    """Arguments with `value` in one element that the kernel surely uses."""
    args = arguments(kernel, "float32", 31, 10, seed=3)
    names = [o.name for o in kernel.operands]
    for piecewise, slope in OPEN.items():
        if kernel.name.removesuffix("_sum") == piecewise:
            args[1][...] = slope
    if kernel.name == "product_nt_16x16_relu_bwd":
        args[names.index("of_y")][...] = 1
    if kernel.name in ("dropout", "masked"):
        args[names.index("threshold")] = 0
    if kernel.name in GEMM:
        args[0][args[0] == 0] = 1
        args[names.index("add")] = 1.0
    if kernel.name == "gemm_symmetric":
        args[0][args[0] == 0] = 1
    if kernel.name.startswith(RECURRENT) and operand == "u":  # else all rows of a small tile may be masked or dropped: zeros, and skipped
        for name in ("mask", "drop"):
            args[names.index(name)][...] = 1
    if kernel.name in ADDING or kernel.name.endswith("_bwd_sum"):
        args[names.index("add")] = 1.0
    a = args[names.index(operand)]
    if kernel.name in ("gather_float", "gather_batch_float", "pick_weights"):
        a[args[names.index("order")][4]] = value
    elif (kernel.name, operand) in WHOLE:
        a[...] = value
    else:
        a.reshape(-1)[0 if a.ndim == 1 else 5 * a.shape[1] + 2] = value
    if kernel.name == "gemm_symmetric":  # what spoils one spoils the other, its transpose
        args[operand == "a"][...] = a.T
    return args


@pytest.mark.parametrize(("name", "operand", "target"), with_targets(CASES))
def test_nan_stays_visible(name, operand, target):
    kernel = REGISTRY[name]
    args = poisoned(kernel, operand, np.nan)
    TARGETS[target](kernel, args)
    assert any(np.isnan(a).any() for a in outputs(kernel, args).values())


@pytest.mark.parametrize(("name", "operand", "target"), with_targets([case for case in CASES if case not in ZEROS]))
def test_what_infinity_spoils_in_numpy_it_spoils_everywhere(name, operand, target):
    kernel = REGISTRY[name]
    for value in (np.inf, -np.inf):
        args = poisoned(kernel, operand, value)
        want = copies(args)
        with np.errstate(all="ignore"):
            kernel.reference(*want)
            TARGETS[target](kernel, args)
        for (key, mine), reference in zip(outputs(kernel, args).items(), outputs(kernel, want).values(), strict=True):
            hidden = np.isfinite(mine) & ~np.isfinite(reference)
            assert not hidden.any(), f"{key} is finite at {np.argwhere(hidden)[0]}, where NumPy has {reference[hidden][0]}"


def test_the_silent_ones_are_the_only_ones():
    for name, operand in (*SILENT, *ZEROS):
        assert operand in [o.name for o in REGISTRY[name].operands]


@pytest.fixture
def largest():
    @elementwise("a, b -> y", name="test_largest")
    def largest(a, b):
        return maximum(a, minimum(b, 2.0))  # noqa: F821

    yield largest
    del REGISTRY["test_largest"]


@needs_gxx
@needs_numba
def test_maximum_and_minimum_let_nan_through_on_either_side(largest):
    library = HostModule(code=module_text(kernels=[largest]).source)
    for run in (run_numpy, run_numba, run_sim("forward", library=library)):
        a, b = np.array([[np.nan, 1.0, 3.0, -1.0]], "f4"), np.array([[1.0, np.nan, 5.0, -2.0]], "f4")
        y = np.empty_like(a)
        run(largest, [a, b, y])
        np.testing.assert_array_equal(y, [[np.nan, np.nan, 3.0, -1.0]])
