"""The activations by name: which formulas each runs for its parameters. Names, parameters and defaults are Keras 3's where it has them."""

import math
from typing import Any

from gpunn.activations.base import Activation, Formulas, Linear, number
from gpunn.kernels import activations as f
from gpunn.kernels import rectifiers as r


def _relu(negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Formulas:
    """max(x, 0). With parameters: x above `threshold`, at most `max_value`; below it negative_slope * (x - threshold)."""
    slope, limit = number("relu", "negative_slope", negative_slope), number("relu", "threshold", threshold)
    top = math.inf if max_value is None else number("relu", "max_value", max_value, 0)
    if slope == limit == 0 and max_value is None:
        return Formulas(r.relu, r.relu_bwd)
    if slope > 0 and limit == 0 and max_value is None:
        return Formulas(r.leaky_relu, r.leaky_relu_bwd, {"slope": slope})
    constants = {"slope": slope, "top": top, "threshold": limit}
    if slope == 0:  # where the threshold is negative, y does not tell whether x was above it
        return Formulas(r.clipped_relu, r.clipped_relu_bwd if limit >= 0 else r.rectifier_bwd, constants)
    return Formulas(r.rectifier, r.rectifier_bwd, constants)


def _relu6() -> Formulas:
    """min(max(x, 0), 6)."""
    return _relu(max_value=6.0)


def _leaky_relu(negative_slope: float = 0.2) -> Formulas:
    """x where it is positive, negative_slope * x elsewhere (Maas et al. 2013)."""
    return _relu(number("leaky_relu", "negative_slope", negative_slope))


def _elu(alpha: float = 1.0) -> Formulas:
    """x where it is positive, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016)."""
    return Formulas(r.elu, r.elu_bwd, {"alpha": number("elu", "alpha", alpha, 0)})


def _selu() -> Formulas:
    """1.0507 * elu(x, 1.6733): keeps mean 0 and variance 1 (Klambauer et al. 2017)."""
    return Formulas(r.selu, r.selu_bwd)


def _celu(alpha: float = 1.0) -> Formulas:
    """x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere (Barron 2017)."""
    return Formulas(r.celu, r.celu_bwd, {"alpha": number("celu", "alpha", alpha, 0, above=True)})


def _gelu(approximate: bool = False) -> Formulas:
    """x times the share of the normal distribution below x; `approximate` writes that with a tanh (Hendrycks & Gimpel 2016)."""
    return Formulas(r.gelu_tanh, r.gelu_tanh_bwd) if approximate else Formulas(r.gelu, r.gelu_bwd)


def _silu() -> Formulas:
    """x * sigmoid(x) (Ramachandran et al. 2017)."""
    return Formulas(r.silu, r.silu_bwd)


def _mish() -> Formulas:
    """x * tanh(softplus(x)) (Misra 2019)."""
    return Formulas(r.mish, r.mish_bwd)


def _hard_silu() -> Formulas:
    """x * hard_sigmoid(x) (Howard et al. 2019)."""
    return Formulas(r.hard_silu, r.hard_silu_bwd)


def _softplus() -> Formulas:
    """log(1 + exp(x))."""
    return Formulas(r.softplus, r.softplus_bwd)


def _squareplus(b: float = 4) -> Formulas:
    """(x + sqrt(x^2 + b)) / 2 (Barron 2021)."""
    return Formulas(r.squareplus, r.squareplus_bwd, {"smoothness": number("squareplus", "b", b, 0)})


def _sparse_plus() -> Formulas:
    """0 up to -1, (x + 1)^2 / 4 up to 1, then x."""
    return Formulas(r.sparse_plus, r.sparse_plus_bwd)


def _soft_shrink(threshold: float = 0.5) -> Formulas:
    """x brought nearer to 0 by `threshold`, and 0 within it."""
    return Formulas(r.soft_shrink, r.shrink_bwd, {"limit": number("soft_shrink", "threshold", threshold, 0)})


def _hard_shrink(threshold: float = 0.5) -> Formulas:
    """x, but 0 where |x| <= threshold."""
    return Formulas(r.hard_shrink, r.shrink_bwd, {"limit": number("hard_shrink", "threshold", threshold, 0)})


def _tanh_shrink() -> Formulas:
    """x - tanh(x)."""
    return Formulas(r.tanh_shrink, r.tanh_shrink_bwd)


def _threshold(threshold: float, default_value: float) -> Formulas:
    """x where it is above `threshold`, `default_value` elsewhere."""
    given = {"limit": number("threshold", "threshold", threshold), "value": number("threshold", "default_value", default_value)}
    return Formulas(r.threshold, r.threshold_bwd, given)


def _linear() -> Formulas:
    """x."""
    return Formulas(f.linear, f.linear_bwd)


def _step() -> Formulas:
    """1 where x >= 0, else 0. Its gradient is 0 everywhere, so training through it warns."""
    return Formulas(f.step, f.step_bwd, flat=True)


def _sigmoid() -> Formulas:
    """1 / (1 + exp(-x))."""
    return Formulas(f.sigmoid, f.sigmoid_bwd)


def _bipolar_sigmoid() -> Formulas:
    """2 * sigmoid(x) - 1 = tanh(x / 2)."""
    return Formulas(f.bipolar_sigmoid, f.bipolar_sigmoid_bwd)


def _hard_sigmoid() -> Formulas:
    """x / 6 + 1/2, cut at 0 and 1."""
    return Formulas(f.hard_sigmoid, f.hard_sigmoid_bwd)


def _sparse_sigmoid() -> Formulas:
    """(x + 1) / 2, cut at 0 and 1 (Blondel et al. 2019)."""
    return Formulas(f.sparse_sigmoid, f.sparse_sigmoid_bwd)


def _log_sigmoid() -> Formulas:
    """log(sigmoid(x))."""
    return Formulas(f.log_sigmoid, f.log_sigmoid_bwd)


def _tanh() -> Formulas:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return Formulas(f.tanh_, f.tanh_bwd)


def _hard_tanh() -> Formulas:
    """x, cut at -1 and 1."""
    return Formulas(f.hard_tanh, f.hard_tanh_bwd)


def _arctan() -> Formulas:
    """The arc tangent."""
    return Formulas(f.arctan, f.arctan_bwd)


def _softsign() -> Formulas:
    """x / (1 + |x|)."""
    return Formulas(f.softsign, f.softsign_bwd)


def _exponential() -> Formulas:
    """exp(x)."""
    return Formulas(f.exponential, f.exponential_bwd)


relu = Activation("relu", _relu, old={"alpha": "negative_slope"})
relu6 = Activation("relu6", _relu6)
leaky_relu = Activation("leaky_relu", _leaky_relu, old={"alpha": "negative_slope"})
elu = Activation("elu", _elu)
selu = Activation("selu", _selu)
celu = Activation("celu", _celu)
gelu = Activation("gelu", _gelu)
silu = swish = Activation("silu", _silu)
mish = Activation("mish", _mish)
hard_silu = hard_swish = Activation("hard_silu", _hard_silu)
softplus = Activation("softplus", _softplus)
squareplus = Activation("squareplus", _squareplus)
sparse_plus = Activation("sparse_plus", _sparse_plus)
soft_shrink = Activation("soft_shrink", _soft_shrink)
hard_shrink = Activation("hard_shrink", _hard_shrink)
tanh_shrink = Activation("tanh_shrink", _tanh_shrink)
threshold = Activation("threshold", _threshold)
linear = Linear("linear", _linear)
step = Activation("step", _step)
sigmoid = logistic = Activation("sigmoid", _sigmoid)
bipolar_sigmoid = Activation("bipolar_sigmoid", _bipolar_sigmoid)
hard_sigmoid = Activation("hard_sigmoid", _hard_sigmoid)
sparse_sigmoid = Activation("sparse_sigmoid", _sparse_sigmoid)
log_sigmoid = Activation("log_sigmoid", _log_sigmoid)
tanh = Activation("tanh", _tanh)
hard_tanh = Activation("hard_tanh", _hard_tanh)
arctan = Activation("arctan", _arctan)
softsign = Activation("softsign", _softsign)
exponential = Activation("exponential", _exponential)

NAMES: dict[str, Any] = {a.name: a for a in list(globals().values()) if isinstance(a, Activation)}
NAMES |= {"swish": silu, "hard_swish": hard_silu, "logistic": sigmoid, "identity": linear}
