"""The operations of `further_operation_cases` as on NumPy's arrays, with their gradients; on a device too."""

import pytest
from further_operation_cases import CASES, PLAIN
from operation_runs import Unchained, ran

from gpunn import config

# those that launch what others do not
ALONE = ("attended", "conv_transposed", "error_functions", "aligned", "inverse", "solved", "scanned", "windows_added", "segments", "frames")


@pytest.fixture(scope="module")
def registered(request):
    """Every kernel of the cases that are run, so that a device compiles them at once."""
    config.set_floatx("float64")
    for case in {item.callspec.params["case"] for item in request.session.items if item.function is test_on_a_device}:
        ran(case, 0, Unchained(compiled=False), check=False)
    config.set_floatx("float32")


@pytest.mark.parametrize("case", [*CASES, *PLAIN])
def test_as_numpy_with_its_gradient(case, float64, numpy_cpu):
    for seed in range(2):
        ran(case, seed)


@pytest.mark.parametrize("case", CASES)
def test_the_check_sees_a_gradient_off_by_a_thousandth(case, float64, numpy_cpu):
    with pytest.raises(AssertionError, match=r"analytic .* numeric"):
        ran(case, 0, spoil=1.001)


@pytest.mark.parametrize("case", [pytest.param(c, marks=() if c in ALONE else pytest.mark.slow) for c in [*CASES, *PLAIN]])
def test_on_a_device(case, float64, registered, shared_sim):
    ran(case, 0, shared_sim)
