"""Every kernel on every target against its NumPy reference in float64, on nasty inputs."""

import types

import numpy as np
import pytest
from kernel_inputs import CASES, ELEMENTWISE, MAKERS, NAMES, arguments, dtypes, shapes
from kernel_targets import H200, MARKED, TARGETS, copies, needs_gxx, on_device, outputs, run_sim, with_targets

from gpunn.kernels import REGISTRY, products, vector_math
from gpunn.kernels.formula import FUNCTIONS, Formula

RTOL = {"float32": 2e-5, "float64": 1e-12}  # of the value
ATOL = {"float32": 2e-6, "float64": 1e-13}  # of the largest value: for sums that cancel
EPS = {"float32": 1.2e-7, "float64": 2.3e-16}


def truth(kernel, args):
    """The outputs of the reference in float64, from the same numbers."""
    wide = [a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in copies(args)]
    kernel.reference(*wide)
    return outputs(kernel, wide)


def slack(kernel, args, name, value):
    """How far an output may be off, an array or a number."""
    own = kernel.has_float_arrays and kernel.operands[0].dtype == "T" and args[0].dtype.kind == "f"
    kind = args[0].dtype.name if own else kernel.dtype(args).name
    if kernel.geometry == "library":  # a sum of products: by the size of its terms
        a, b = (np.abs(x.astype(np.float64)) for x in args[:2])
        a, b = (a.T if kernel.name == "gemm_tn" else a), (b.T if kernel.name == "gemm_nt" else b)
        return EPS[kind] * (8 + b.shape[0] ** 0.5) * (a @ b + np.abs(args[3])) if a.size and b.size else 0.0
    if kernel.geometry == "tiles" and not any(o.name == "last" for o in kernel.operands):  # an update: of exact sums
        left, right = products.KINDS[kernel.name.split("_")[1]]
        a, b = (np.abs(x.astype(np.float64)) for x in args[:2])
        a, b = (a.T if left else a), (b.T if right else b)
        return EPS[kind] * (8 + b.shape[0] ** 0.5) * (a @ b + np.abs(args[3]) + np.abs(args[-1] if np.isfinite(args[-1]).all() else 0))
    if kernel.name == "gemm_symmetric":
        a, b = (np.abs(x.astype(np.float64)) for x in args[:2])
        return EPS[kind] * (8 + b.shape[0] ** 0.5) * (a @ b)
    if kernel.name == "gemm_parts":
        a, b, terms = (np.abs(args[0]).astype(np.float64), np.abs(args[1]).astype(np.float64), np.zeros(value.shape))
        kernel.reference(a, b, args[2], terms)
        return EPS[kind] * (8 + args[2] ** 0.5) * terms
    if kernel.name == "embed_bwd":  # a sum over all places of a word: by the size of its terms
        terms = np.abs(args[4]).astype(np.float64) * args[3]
        kernel.reference(args[0], np.abs(args[1]).astype(np.float64), args[2], args[3], terms)
        return EPS[kind] * (8 + (args[2] / len(terms)) ** 0.5) * terms
    near = RTOL[kind] * np.abs(value) + ATOL[kind] * np.max(np.abs(value), initial=0.0) + EPS[kind]  # EPS: 1 - 1e-7 in float32
    if kernel.name == "softmax_ce_sparse_hit" and name != "hit" and args[0].size:  # z + bias is rounded
        near += EPS[kind] * np.abs(args[0]).max() * (np.abs(args[3])[:, None] * args[4] if name == "dz" else 1.0)
    return near


def compare(kernel, args, got, want, where):
    for name, value in want.items():
        mine = got[name]
        if mine.dtype.kind != "f":
            np.testing.assert_array_equal(mine, value, err_msg=f"{where}: {name}")
            continue
        assert np.isfinite(value).all(), f"{where}: the reference's {name} is not finite: these inputs prove nothing"
        assert np.isfinite(mine).all(), f"{where}: {name} is not finite"
        off = np.abs(mine.astype(np.float64) - value) - slack(kernel, args, name, value)
        worst = np.unravel_index(np.argmax(off), off.shape) if off.size else ()
        assert not off.size or off[worst] <= 0, f"{where}: {name}{list(map(int, worst))} is {mine[worst]}, should be {value[worst]}"


def test_every_kernel_has_inputs():
    missing = [n for n in NAMES if n not in ELEMENTWISE and n not in MAKERS]
    assert not missing, f"add inputs for {missing} to a file inputs_*.py of tests/kernels"
    for name in ELEMENTWISE:
        assert REGISTRY[name].formula is not None, f"{name} is no elementwise kernel"


def test_every_kernel_has_cuda_text():
    missing = [n for n in NAMES if (REGISTRY[n].cuda is None) != (REGISTRY[n].geometry in ("library", "cpu"))]
    assert not missing


def weighed(case):
    """Compiling takes the time. A formula's text in float64 is that in float32 but for its types, and gradient checks run it."""
    name, dtype, target = case.values
    twice = target == "numba" and dtype == "float64" and REGISTRY[name].formula is not None
    return pytest.param(*case.values, marks=[*case.marks, pytest.mark.slow]) if twice else case


@pytest.mark.parametrize(("name", "dtype", "target"), [weighed(case) for case in with_targets(CASES)])
def test_parity(name, dtype, target):
    kernel = REGISTRY[name]
    for rows, columns in shapes(name):
        args = arguments(kernel, dtype, rows, columns)
        want = truth(kernel, args)
        mine = copies(args)
        TARGETS[target](kernel, mine)
        compare(kernel, args, outputs(kernel, mine), want, f"{name} {dtype} {rows}x{columns} on {target}")
        for o, before, after in zip(kernel.operands, args, mine, strict=True):
            if isinstance(before, np.ndarray) and not o.written:
                assert np.array_equal(before, after), f"{name} {rows}x{columns} on {target}: the input {o.name} was changed"


@needs_gxx
@pytest.mark.parametrize(("name", "dtype"), [c for c in CASES if on_device(c[0])])
def test_thread_orders_agree_to_the_bit(name, dtype):
    """Whatever the order of threads and blocks, a launch gives the same bits."""
    kernel = REGISTRY[name]
    for rows, columns in ((33, 31), (257, 3)):
        results = []
        for order in ("forward", "reverse", "shuffled"):
            args = arguments(kernel, dtype, rows, columns)
            run_sim(order, H200)(kernel, args)
            results.append([a.tobytes() for a in outputs(kernel, args).values()])
        assert results[0] == results[1] == results[2]


# ------------------------------------------------------------------ the Python function itself
def plain(formula: Formula):
    """The function as it was written, on scalars, with the functions of the formula language in its scope."""
    modules = {"np": np, "vector_math": vector_math}
    scope = {name: getattr(modules[numpy.split(".")[0]], numpy.split(".")[1]) for name, (_, _, numpy) in FUNCTIONS.items()}
    scope.update({f.name: plain(f) for f in formula.calls})
    return types.FunctionType(formula.function.__code__, {**formula.function.__globals__, **scope})


@pytest.mark.parametrize("name", [n for n in NAMES if REGISTRY[n].formula is not None])
def test_reference_is_the_python_function(name):
    kernel = REGISTRY[name]
    function = plain(kernel.formula)
    for rows, columns in ((1, 1), (7, 3)):
        args = arguments(kernel, "float64", rows, columns)
        names = [o.name for o in kernel.operands]
        want = truth(kernel, args)
        place = {"full": lambda a, i, j: a[i, j], "row": lambda a, i, j: a[j], "col": lambda a, i, j: a[i], "const": lambda a, i, j: a}
        for i, j in np.ndindex(rows, columns):
            inputs = [
                np.float64(place.get(o.kind, lambda a, i, j: a[0])(args[names.index(o.name)], i, j)) for o in kernel.operands if o.read
            ]
            with np.errstate(all="ignore"):
                results = function(*inputs)
            results = results if isinstance(results, tuple) else (results,)
            for result, output in zip(results, written_in_order(kernel), strict=True):
                value = want[output]
                np.testing.assert_allclose(result, value.reshape(-1)[0] if value.size == 1 else value[i, j], rtol=1e-14, equal_nan=False)


def written_in_order(kernel):
    """Outputs as the formula returns them: inputs that are written first stand in the signature's order."""
    return [o.name for o in kernel.operands if o.written]


# ------------------------------------------------------------------ an output that is an input
IN_PLACE = {
    "softmax": [("z", "y")],
    "softmax_bwd": [("dy", "dx"), ("y", "dx")],
    "log_softmax": [("z", "y")],
    "log_softmax_bwd": [("dy", "dx"), ("y", "dx")],
    "sparsemax": [("z", "y")],
    "sparsemax_bwd": [("dy", "dx"), ("y", "dx")],
    "softmax_ce_sparse": [("z", "p"), ("z", "dz")],
    "softmax_ce_dense": [("z", "p"), ("z", "dz"), ("target", "dz")],
    "crossentropy_sparse": [("p", "dp")],
    "crossentropy_dense": [("p", "dp"), ("target", "dp")],
    "group_normalize_bwd": [("dy", "dx")],
    "unit_rows_bwd": [("dy", "dx")],
    **{n: [("x", "y")] for n in ("dropout", "gaussian", "masked")},
    **{n: [("p", "dp"), ("t", "dp")] for n in NAMES if [o.name for o in REGISTRY[n].operands][:2] == ["p", "t"]},
    "categorical_hinge": [("p", "dp")],
}


def pairs(kernel):
    if kernel.formula is None:
        return IN_PLACE.get(kernel.name, [])
    full = [o for o in kernel.operands if o.kind == "full"]
    return [(i.name, o.name) for i in full if i.read and not i.written for o in full if o.written and not o.read]


@pytest.mark.parametrize("target", MARKED)
@pytest.mark.parametrize("name", [n for n in NAMES if pairs(REGISTRY[n])])
def test_in_place(name, target):
    kernel = REGISTRY[name]
    names = [o.name for o in kernel.operands]
    for source, output in pairs(kernel):
        for rows, columns in ((1, 1), (33, 31), (5, 257)):
            apart, together = (arguments(kernel, "float32", rows, columns) for _ in range(2))
            together[names.index(output)] = together[names.index(source)]
            TARGETS[target](kernel, apart)
            TARGETS[target](kernel, together)
            for o, a, b in zip(kernel.operands, apart, together, strict=True):
                if o.written:
                    near = 1e-6 * np.max(np.abs(a), initial=0.0)  # Numba takes other instructions where arrays overlap
                    np.testing.assert_allclose(b, a, 1e-5, near, False, f"{name} on {target}: {output} in the place of {source}")


def test_cases_cover_both_types():
    assert {d for n in NAMES for d in dtypes(REGISTRY[n])} == {"float32", "float64"}
    assert len(CASES) == sum(len(dtypes(REGISTRY[n])) for n in NAMES)
