# ruff: noqa: F821  (names of the formula language)
"""More losses that are a mean or a sum over a row's columns, each a formula for its value and one for its gradient.

p is the prediction, t the target; the formulas are Keras 3's. EPSILON is Keras's guard of divisions and logarithms.
"""

from gpunn.kernels.row_losses import EPSILON, row_loss


# ------------------------------------------------------------------ regression
def _scaled_square(p, t, factor):
    return factor * (p - t) * (p - t)


def _scaled_square_gradient(p, t, factor):
    return 2.0 * factor * (p - t)


def _percentage(p, t):
    return 100.0 * abs(p - t) / maximum(abs(t), EPSILON)


def _percentage_gradient(p, t):
    return (100.0 if p > t else (-100.0 if p < t else 0.0)) / maximum(abs(t), EPSILON)


def _percentage_of_prediction(p, t):
    return 100.0 * abs(p - t) / maximum(abs(p), EPSILON)


def _percentage_of_prediction_gradient(p, t):
    side = 1.0 if p > t else (-1.0 if p < t else 0.0)
    # where nothing is guarded |p - t| / |p| = side * (p - t) / |p|, whose derivative is side * t / (p |p|)
    return 100.0 * side * (t / (p * abs(p)) if abs(p) > EPSILON else 1.0 / EPSILON)


def _squared_logarithmic(p, t):
    d = log1p(maximum(p, EPSILON)) - log1p(maximum(t, EPSILON))
    return d * d


def _squared_logarithmic_gradient(p, t):
    return 2.0 * (log1p(p) - log1p(maximum(t, EPSILON))) / (1.0 + p) if p > EPSILON else 0.0


def _huber(p, t, delta):
    e = abs(p - t)
    return 0.5 * e * e if e <= delta else delta * (e - 0.5 * delta)


def _huber_gradient(p, t, delta):
    return maximum(-delta, minimum(p - t, delta))


def _log_cosh(p, t):
    e = abs(p - t)
    return e + log1p(exp(-2.0 * e)) - 0.6931471805599453


def _log_cosh_gradient(p, t):
    return tanh(p - t)


def _poisson(p, t):
    return p - t * log(p + EPSILON)


def _poisson_gradient(p, t):
    return 1.0 - t / (p + EPSILON)


SCALED_SQUARED_ERROR = row_loss("scaled_squared_error", _scaled_square, _scaled_square_gradient, mean=False)
MEAN_ABSOLUTE_PERCENTAGE_ERROR = row_loss("mean_absolute_percentage_error", _percentage, _percentage_gradient)
PERCENTAGE_OF_PREDICTION = row_loss("percentage_of_prediction", _percentage_of_prediction, _percentage_of_prediction_gradient)
MEAN_SQUARED_LOGARITHMIC_ERROR = row_loss("mean_squared_logarithmic_error", _squared_logarithmic, _squared_logarithmic_gradient)
HUBER = row_loss("huber", _huber, _huber_gradient)
LOG_COSH = row_loss("log_cosh", _log_cosh, _log_cosh_gradient)
POISSON = row_loss("poisson", _poisson, _poisson_gradient)


# ------------------------------------------------------------------ probabilities
def _divergence(p, t):
    s = minimum(maximum(t, EPSILON), 1.0)
    return s * log(s / minimum(maximum(p, EPSILON), 1.0))


def _divergence_gradient(p, t):
    return -(minimum(maximum(t, EPSILON), 1.0) / p) if p > EPSILON and p < 1.0 else 0.0


def _focal(p, t, alpha, gamma, balanced):
    q = minimum(maximum(p, EPSILON), 1.0 - EPSILON)
    miss = t * (1.0 - p) + (1.0 - t) * p
    share = t * alpha + (1.0 - t) * (1.0 - alpha) if balanced > 0.0 else 1.0
    return -share * pow(miss, gamma) * (t * log(q) + (1.0 - t) * log(1.0 - q))


def _focal_gradient(p, t, alpha, gamma, balanced):
    inside = p > EPSILON and p < 1.0 - EPSILON
    q = minimum(maximum(p, EPSILON), 1.0 - EPSILON)
    miss = t * (1.0 - p) + (1.0 - t) * p
    share = t * alpha + (1.0 - t) * (1.0 - alpha) if balanced > 0.0 else 1.0
    entropy = -(t * log(q) + (1.0 - t) * log(1.0 - q))
    steep = pow(miss, gamma - 1.0) if gamma > 0.0 and miss > 0.0 else 0.0
    return share * (gamma * steep * (1.0 - 2.0 * t) * entropy + (pow(miss, gamma) * (p - t) / (p * (1.0 - p)) if inside else 0.0))


def _focal_logits(z, t, alpha, gamma, balanced):
    p = 1.0 / (1.0 + exp(-z))
    miss = t / (1.0 + exp(z)) + (1.0 - t) * p
    share = t * alpha + (1.0 - t) * (1.0 - alpha) if balanced > 0.0 else 1.0
    return share * pow(miss, gamma) * (maximum(z, 0.0) - z * t + log1p(exp(-abs(z))))


def _focal_logits_gradient(z, t, alpha, gamma, balanced):
    p = 1.0 / (1.0 + exp(-z))
    rest = 1.0 / (1.0 + exp(z))
    miss = t * rest + (1.0 - t) * p
    share = t * alpha + (1.0 - t) * (1.0 - alpha) if balanced > 0.0 else 1.0
    entropy = maximum(z, 0.0) - z * t + log1p(exp(-abs(z)))
    steep = pow(miss, gamma - 1.0) if gamma > 0.0 and miss > 0.0 else 0.0
    return share * (gamma * steep * (1.0 - 2.0 * t) * p * rest * entropy + pow(miss, gamma) * (p - t))


def _generalized(p, t, q):
    return (1.0 - pow(p, q)) / q if t > 0.0 else 0.0 * t


def _generalized_gradient(p, t, q):
    return -pow(maximum(p, EPSILON), q - 1.0) if t > 0.0 else 0.0  # at 0 it would be infinite


GENERALIZED_CROSSENTROPY = row_loss("categorical_generalized_cross_entropy", _generalized, _generalized_gradient, mean=False)
KL_DIVERGENCE = row_loss("kl_divergence", _divergence, _divergence_gradient, mean=False)
BINARY_FOCAL = row_loss("binary_focal_crossentropy", _focal, _focal_gradient)
BINARY_FOCAL_LOGITS = row_loss("binary_focal_crossentropy_logits", _focal_logits, _focal_logits_gradient)


# ------------------------------------------------------------------ margins; t is -1 or 1
def _hinge(p, t):
    return maximum(1.0 - t * p, 0.0)


def _hinge_gradient(p, t):
    return -t if t * p < 1.0 else 0.0


def _squared_hinge(p, t):
    m = maximum(1.0 - t * p, 0.0)
    return m * m


def _squared_hinge_gradient(p, t):
    return -2.0 * t * maximum(1.0 - t * p, 0.0)


HINGE = row_loss("hinge", _hinge, _hinge_gradient)
SQUARED_HINGE = row_loss("squared_hinge", _squared_hinge, _squared_hinge_gradient)
