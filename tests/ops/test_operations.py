"""Every operation on a device as on NumPy's arrays, and its gradient along a random direction."""

import further_operation_cases as further
import numpy as np
import operation_cases as first
import pytest
from kernel_targets import needs_numba
from operation_runs import Unchained, ran

from gpunn import config, ops
from gpunn.backend import get_backend
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.ops.tracing import Traced

# further ones that launch what others do not
ALONE = ("attended", "conv_transposed", "error_functions", "aligned", "inverse", "solved", "scanned", "windows_added", "segments", "frames")
GRADED = [*first.CASES, *further.CASES]
FIRST, FURTHER = [*first.CASES, *first.PLAIN], [*further.CASES, *further.PLAIN]


@pytest.fixture(scope="module")
def registered(request):
    """Every kernel of the cases that are run, so that a device compiles them at once."""
    config.set_floatx("float64")
    for case in {item.callspec.params["case"] for item in request.session.items if getattr(item, "function", None) is test_on_a_device}:
        ran(case, 0, Unchained(compiled=False), check=False)
    config.set_floatx("float32")


@pytest.mark.parametrize("case", FIRST)
def test_as_numpy_with_its_gradient(case, float64, numpy_cpu):
    for seed in range(2):
        ran(case, seed)


# their kernels are compared one by one in tests/kernels: here some stand for the others
@needs_numba
@pytest.mark.parametrize("case", [c if i % 4 == 0 else pytest.param(c, marks=pytest.mark.slow) for i, c in enumerate(FIRST)])
def test_compiled_as_numpy_with_its_gradient(case, float64, cpu):
    ran(case, 0)


@pytest.mark.parametrize("case", FURTHER)
def test_further_ones_as_numpy_with_their_gradient(case, float64, numpy_cpu):
    for seed in range(2):
        ran(case, seed)


@pytest.mark.parametrize("case", GRADED)
def test_the_check_sees_a_gradient_off_by_a_thousandth(case, float64, numpy_cpu):
    with pytest.raises(AssertionError, match=r"analytic .* numeric"):
        ran(case, 0, spoil=1.001)


@pytest.mark.parametrize("case", [*FIRST, *(pytest.param(c, marks=() if c in ALONE else pytest.mark.slow) for c in FURTHER)])
def test_on_a_device(case, float64, registered, shared_sim):
    ran(case, 0, shared_sim)


def test_ties_share_a_gradient(float64, cpu):
    ops_of = get_backend()
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    _, back = Traced(lambda a: ops.max(a, axis=1), [(None, 3)], "float64").run(ops_of, [x])
    np.testing.assert_allclose(back(np.array([2.0, 3.0]))[0], [[0, 1, 1], [1, 1, 1]])


def test_arrays_give_arrays():
    x = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    assert isinstance(ops.add(x, 1), np.ndarray) and ops.add(x, 1).dtype == np.float32
    assert ops.convert_to_tensor([1.0, 2.0]).dtype == config.floatx() and ops.convert_to_tensor([1]).dtype == np.int32
    assert ops.shape(x) == (2, 3) and ops.zeros((2,)).dtype == np.float32 and ops.softmax(x).shape == (2, 3)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x: ops.sum(x, axis=4), Exception, "axis 4"),
        (lambda x: ops.squeeze(x, 1), ValueError, r"squeeze: expected axes of length 1. Received: axis=1 of shape \(None, 3\)"),
        (lambda x: x[x], TypeError, "Expected numbers, slices"),
        (lambda x: ops.einsum("ii->i", x), ValueError, "a letter stands twice"),
        (lambda x: ops.einsum("bi,i*", x, x), ValueError, "einsum: expected letters for the axes"),
        (lambda x: ops.argmax(x, axis=0), ValueError, "argmax: expected an axis within a row"),
        (list, TypeError, "cannot be gone through"),
        (lambda x: 1 if x > 0 else 0, TypeError, "a graph cannot depend on them"),
        (lambda x: ops.concatenate([x, x[:, :2]], axis=0), ValueError, "match"),
    ],
)
def test_what_is_wrong_is_said(make, error, message):
    with pytest.raises(error, match=message):
        make(Input((3,)))


def test_a_model_with_operations_is_recorded(float64, cpu):
    from gpunn.models import Model

    x = Input((4,))
    h = Dense(3)(x)
    model = Model(x, ops.mean(ops.square(h) + 2 * h, axis=-1, keepdims=True))
    model.compile("sgd", "mse")
    X = np.random.default_rng(0).standard_normal((20, 4))
    h = X @ model.get_weights()[0]
    np.testing.assert_allclose(model.predict(X, verbose=0), (h * h + 2 * h).mean(axis=-1, keepdims=True), rtol=1e-9)
    assert "Nodes:" in model.explain(print_fn=str)
    assert isinstance(model, Model) and not isinstance(model, Sequential)


@pytest.mark.parametrize(
    ("make", "want"),
    [
        (ops.mean, lambda parts: np.array([p.mean() for p in parts])),
        (ops.transpose, None),
        (lambda x: ops.sum(x, axis=0), lambda parts: np.concatenate([p.sum(axis=0) for p in parts])),
        (lambda x: ops.sum(x, axis=0, keepdims=True), lambda parts: np.stack([p.sum(axis=0) for p in parts])),
        (lambda x: ops.concatenate([x, 2 * x], axis=0), lambda parts: np.concatenate([v for p in parts for v in (p, 2 * p)])),
    ],
)
@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_outputs_with_other_rows_than_the_batch(make, want, device, float64):
    """Each batch's come out one behind the other, as they are; a loss of them is refused."""
    from gpunn.models import Model

    x = Input((3,))
    model = Model(x, make(x)).to(device)
    X = np.random.default_rng(0).standard_normal((10, 3))
    np.testing.assert_allclose(model(X), make(X), rtol=1e-12)
    np.testing.assert_allclose(model.predict(X, verbose=0), make(X), rtol=1e-12)
    if want is not None:
        parts = [X[i : i + 4] for i in range(0, 10, 4)]
        np.testing.assert_allclose(model.predict(X, batch_size=4, verbose=0), want(parts), rtol=1e-12)
    with pytest.raises(ValueError, match=r"Output '\w+': a loss takes a row for each of the batch's.* Received: shape \("):
        model.compile("sgd", "mse")
        model.fit(X, X, batch_size=4, verbose=0)
