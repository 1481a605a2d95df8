"""The formula language: what it takes, what it refuses and how it says so, and what each target's text looks like."""

import math

import numpy as np
import pytest
from kernel_targets import needs_gxx, needs_numba, run_numba, run_numpy, run_sim

from gpunn.backend.sim import HostModule
from gpunn.kernels import REGISTRY, FormulaError, elementwise, vector_math
from gpunn.kernels.device import module_text
from gpunn.kernels.elementwise import composed
from gpunn.kernels.formula import FUNCTIONS, RESERVED, Formula
from gpunn.kernels.row_losses import row_loss

SLOPE = 0.25
LABEL = "text"
exp = log = maximum = minimum = sqrt = tanh = lambda *a: a  # for the linter: names of the formula language


@pytest.fixture(autouse=True)
def registry():
    """Kernels made here do not stay."""
    before = set(REGISTRY)
    yield
    for name in set(REGISTRY) - before:
        del REGISTRY[name]


# ------------------------------------------------------------------ what is refused
def loop(x):
    for _ in range(3):
        x = x + 1.0
    return x


def nothing(x):
    x + 1.0


def no_value(x):
    return


def unknown(x):
    return gamma(x)  # noqa: F821


def free(x):
    return x * nowhere  # noqa: F821


def text(x):
    return x * LABEL


def boolean(x):
    return x * True


def subscript(x):
    return x[0]


def attribute(x):
    return math.exp(x)


def keyword(x):
    return maximum(x, b=0.0)


def chained(x):
    return 1.0 if 0.0 < x < 1.0 else 0.0


def modulo(x):
    return x % 2.0


def unpack(x):
    a, b = x, x
    return a + b


def augmented(x):
    x += 1.0
    return x


def early(x):
    if x > 0.0:
        return x
    return -x


def infinite(x):
    return x + 1e999


def early_use(x):
    y = z + x  # noqa: F821
    z = y
    return z


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (loop, r"loop, line 2: only `name = expression` may stand before `return`"),
        (nothing, r"nothing: a formula ends with one `return`"),
        (no_value, r"no_value: a formula ends with one `return`"),
        (unknown, r"unknown, line 2: unknown function 'gamma'\. Known: exp, .*, and other formulas"),
        (free, r"free, line 2: 'nowhere' is neither an argument nor a number"),
        (text, r"text, line 2: 'LABEL' is neither an argument nor a number"),
        (boolean, r"boolean, line 2: 'True' is not in the formula language"),
        (subscript, r"subscript, line 2: 'x\[0\]' is not in the formula language"),
        (attribute, r"attribute, line 2: 'math.exp\(x\)' is not in the formula language"),
        (keyword, r"keyword, line 2: 'maximum\(x, b=0.0\)' is not in the formula language"),
        (chained, r"chained, line 2: '0.0 < x < 1.0' is not in the formula language"),
        (modulo, r"modulo, line 2: 'x % 2.0' is not in the formula language"),
        (unpack, r"unpack, line 2: only `name = expression`"),
        (augmented, r"augmented, line 2: only `name = expression`"),
        (early, r"early, line 2: only `name = expression`"),
        (infinite, r"infinite constants are not portable: use a large finite number"),
        (early_use, r"early_use, line 2: 'z' is neither an argument nor a number"),
    ],
)
def test_what_is_outside_the_language_is_named(function, message):
    with pytest.raises(FormulaError, match=message):
        Formula(function)


def test_source_must_be_readable():
    space = {}
    exec("def made(x):\n    return x", space)
    with pytest.raises(FormulaError, match="made: the source text of a formula must be readable"):
        Formula(space["made"])


@pytest.mark.parametrize("word", ["register", "double", "T", "i_", "np", "threadIdx", "ill_named"])
def test_names_that_the_targets_have_are_refused(word):
    assert "ill_named" not in REGISTRY  # a name that is there already gives its kernel, whatever the arguments
    with pytest.raises(FormulaError, match=rf"ill_named: '{word}' cannot name a variable of a formula\. Expected a name that is no word"):
        composed("ill_named", f"{word} -> y", word, f"{word} * {word}", {})


def test_names_of_functions_are_taken():
    for name in ("exp", "double"):
        with pytest.raises(FormulaError, match=f"{name}: the name is taken"):
            composed(name, "x -> y", "x", "x + 1.0", {})
    assert "square" not in RESERVED | set(FUNCTIONS)


def test_a_decorator_without_a_signature():
    with pytest.raises(TypeError, match=r"as in @gpunn.elementwise\(\"x -> y\"\)\. Received: the function 'bare'"):

        @elementwise
        def bare(x):
            return x


def test_signature_and_function_must_agree():
    with pytest.raises(ValueError, match=r"'x, b -> y' and the function disagree\. Expected 2 arguments and 1 results\. Received: 1 and 1"):

        @elementwise("x, b -> y")
        def one(x):
            return x

    with pytest.raises(ValueError, match=r"Expected 1 arguments and 1 results\. Received: 1 and 2"):

        @elementwise("x -> y")
        def two(x):
            return x, x


# ------------------------------------------------------------------ what comes out
def leaky(x):
    """A docstring is no statement."""
    slope = SLOPE if x < 0 else 1
    return x * slope


def test_constants_are_typed():
    f = Formula(leaky)
    assert f.cuda() == (
        "__device__ __forceinline__ T leaky(T x) { T slope = ((x < T(0.0)) ? T(0.25) : T(1.0)); return (x * slope); }"
    )
    assert "T(0.25) if (x < T(0.0)) else T(1.0)" in f.python("numba")
    assert "np.where((x < 0.0), 0.25, 1.0)" in f.python("numpy")


def test_powers_of_two_and_three_are_products():
    formula = composed("cube", "x -> y", "x", "x ** 3 + x ** 2 + x ** 0.5", {}).formula
    assert "((x * x * x) + (x * x)) + pow(x, T(0.5))" in formula.cuda()


def test_logic_of_each_target():
    formula = composed("logic", "a, b -> y", "a, b", "1.0 if a > 0.0 and not (b > 0.0 or a == b) else -1.0", {}).formula
    assert "((a > T(0.0)) && (!((b > T(0.0)) || (a == b))))" in formula.cuda()
    assert "((a > T(0.0)) and (not ((b > T(0.0)) or (a == b))))" in formula.python("numba")
    assert "((a > 0.0) & np.logical_not(((b > 0.0) | (a == b))))" in formula.python("numpy")


def numpy_function(text):
    """The function that a formula's NumPy text calls."""
    module, _, name = text.partition(".")
    return getattr({"np": np, "vector_math": vector_math}[module], name)


def run_everywhere(kernel, args):
    library = HostModule(code=module_text(kernels=[kernel]).source)
    out = []
    for run in (run_numpy, run_numba, run_sim("forward", library=library)):
        mine = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
        run(kernel, mine)
        out.append(mine)
    return out


@needs_gxx
@needs_numba
def test_formulas_call_formulas():
    """Through two levels, with variables of the same name in each."""
    leak = elementwise("x -> y")(leaky)

    @elementwise("x -> y")
    def twice(x):
        slope = leak(x) + 1.0
        return leak(slope) - x

    kernel = composed("thrice", "x, b:row -> y", "x, b", "twice(x + b) * leak(b)", {"twice": twice, "leak": leak})
    assert [f.name for f in kernel.formulas] == ["leaky", "twice", "thrice"]
    x, b = np.linspace(-3, 3, 21, dtype="f4").reshape(7, 3), np.array([-1, 0.5, 2], "f4")

    def leaky_(v):
        return np.where(v < 0, 0.25 * v, v)

    want = (leaky_(leaky_(x + b) + 1) - (x + b)) * leaky_(b)
    for args in run_everywhere(kernel, [x, b, np.empty_like(x)]):
        np.testing.assert_allclose(args[2], want, rtol=1e-6)
    assert composed("thrice", "x -> y", "x", "x", {}) is kernel, "made once a name"


def test_a_call_with_the_wrong_number_of_arguments():
    leak = elementwise("x -> y")(leaky)
    with pytest.raises(FormulaError, match=r"bad, line 2: leak takes 1 arguments and returns one value"):
        composed("bad", "x, b -> y", "x, b", "leak(x, b)", {"leak": leak})


@needs_gxx
@needs_numba
def test_operands_of_every_kind_and_awkward_names():
    """Names that generated code might use itself: i, j, n, c, r, lo, hi, columns, rows, result, scratch."""

    @elementwise("i, j:row, n:col, c:const, r:scalar, rows:scalar:i8 -> columns, result")
    def awkward(i, j, n, c, r, rows):
        lo = i * j
        hi = n + c
        return lo + hi, r * rows + i

    rng = np.random.default_rng(0)
    i, j, n = rng.random((5, 3), "f4"), rng.random(3, "f4"), rng.random(5, "f4")
    args = [i, j, n, 0.5, np.array([2.0]), np.array([3]), np.empty_like(i), np.empty_like(i)]
    for got in run_everywhere(awkward, args):
        np.testing.assert_allclose(got[6], i * j + n[:, None] + 0.5, rtol=1e-6)
        np.testing.assert_allclose(got[7], 6 + i, rtol=1e-6)


@needs_gxx
@needs_numba
def test_every_function_of_the_language():
    """One kernel with an output for each."""
    two = ("pow", "maximum", "minimum")
    names = [f"y{k}" for k in range(len(FUNCTIONS))]
    calls = ", ".join(f"{name}(a, b)" if name in two else f"{name}(a) + 0.0 * b" for name in FUNCTIONS)
    kernel = composed("all_functions", f"a, b -> {', '.join(names)}", "a, b", calls, {})
    a, b = np.linspace(0.1, 3, 33, dtype="f4").reshape(11, 3), np.full((11, 3), 1.5, "f4")
    for got in run_everywhere(kernel, [a, b, *(np.empty_like(a) for _ in names)]):
        for (name, (_, _, numpy)), y in zip(FUNCTIONS.items(), got[2:], strict=True):
            function = numpy_function(numpy)
            np.testing.assert_allclose(y, function(a, b) if name in two else function(a), rtol=1e-6, err_msg=name)


@needs_gxx
@needs_numba
def test_row_losses_may_call_formulas():
    leak = elementwise("x -> y")(leaky)

    def value(p, t):
        return leak(p - t)

    def gradient(p, t):
        return SLOPE if p < t else 1.0

    kernel = row_loss("leaky_loss", value, gradient)
    assert [f.name for f in kernel.formulas] == ["leaky", "leaky_loss_value", "leaky_loss_gradient"]
    p, t = np.array([[1.0, -2.0]]), np.zeros((1, 2))
    for got in run_everywhere(kernel, [p, t, np.ones(1), 1.0, np.empty(1), np.empty((1, 2))]):
        assert got[4][0] == 0.25
        np.testing.assert_array_equal(got[5], [[0.5, 0.125]])
