"""Update formulas: one pass over the flat parameter vector, its gradient and its moments. Forms are Keras 3's.

In each, `p` is the parameter, `g` its gradient, `rate` the learning rate of this step. What a formula needs only once a step (a bias
correction, say) is a kernel over scalars, worked out in double. Options that every optimizer has (clipping, weight decay, averaging ...)
are written around these formulas by `gpunn.kernels.update`.
"""

from gpunn.kernels.elementwise import elementwise

# ruff: noqa: F821  (sqrt, pow ... are words of the formula language)


@elementwise("p, g, rate:scalar -> p")
def sgd(p, g, rate):
    return p - rate * g


@elementwise("p, m, g, rate:scalar, momentum:const -> p, m")
def sgd_momentum(p, m, g, rate, momentum):
    velocity = momentum * m - rate * g
    return p + velocity, velocity


@elementwise("p, m, g, rate:scalar, momentum:const -> p, m")
def sgd_nesterov(p, m, g, rate, momentum):
    velocity = momentum * m - rate * g
    return p + momentum * velocity - rate * g, velocity


@elementwise("p, n, g, rate:scalar, epsilon:const -> p, n", family="adagrad")
def adagrad(p, n, g, rate, epsilon):
    """Duchi et al. 2011; epsilon inside the root."""
    total = n + g * g
    return p - rate * g / sqrt(total + epsilon), total


@elementwise("p, n, d, g, rate:scalar, rho:const, share:const, epsilon:const -> p, n, d", family="adadelta")
def adadelta(p, n, d, g, rate, rho, share, epsilon):
    """Zeiler 2012, algorithm 1, times a rate. `share` is 1 - rho."""
    squares = rho * n + share * g * g
    delta = sqrt(d + epsilon) * g / sqrt(squares + epsilon)
    return p - rate * delta, squares, rho * d + share * delta * delta


@elementwise("p, v, g, rate:scalar, rho:const, share:const, epsilon:const -> p, v", family="rmsprop")
def rmsprop(p, v, g, rate, rho, share, epsilon):
    """Hinton 2012, lecture 6; epsilon inside the root. `share` is 1 - rho."""
    squares = rho * v + share * g * g
    return p - rate * g / sqrt(squares + epsilon), squares


@elementwise("p, v, m, g, rate:scalar, rho:const, share:const, epsilon:const, momentum:const -> p, v, m", family="rmsprop")
def rmsprop_momentum(p, v, m, g, rate, rho, share, epsilon, momentum):
    squares = rho * v + share * g * g
    moved = momentum * m + rate * g / sqrt(squares + epsilon)
    return p - moved, squares, moved


@elementwise("p, v, a, g, rate:scalar, rho:const, share:const, epsilon:const -> p, v, a", family="rmsprop")
def rmsprop_centered(p, v, a, g, rate, rho, share, epsilon):
    """Divided by the root of the variance, not of the second moment; `a` is the mean gradient."""
    squares = rho * v + share * g * g
    mean = rho * a + share * g
    return p - rate * g / sqrt(squares - mean * mean + epsilon), squares, mean


@elementwise("p, v, m, a, g, rate:scalar, rho:const, share:const, epsilon:const, momentum:const -> p, v, m, a", family="rmsprop")
def rmsprop_centered_momentum(p, v, m, a, g, rate, rho, share, epsilon, momentum):
    squares = rho * v + share * g * g
    mean = rho * a + share * g
    moved = momentum * m + rate * g / sqrt(squares - mean * mean + epsilon)
    return p - moved, squares, moved, mean


@elementwise("rate:scalar, step:scalar:i8, beta_1:const, beta_2:const -> alpha:scalar")
def adam_rate(rate, step, beta_1, beta_2):
    """Both bias corrections, folded into the rate (Kingma & Ba 2015, section 2, last paragraph). `step` counts finished steps."""
    return rate * sqrt(1.0 - pow(beta_2, step + 1.0)) / (1.0 - pow(beta_1, step + 1.0))


@elementwise("p, m, v, g, alpha:scalar, share_1:const, share_2:const, epsilon:const -> p, m, v")
def adam(p, m, v, g, alpha, share_1, share_2, epsilon):
    """Shares are 1 - beta: worked out in double, since 1 - 0.999 in float32 is off in the fifth digit."""
    second = v + (g * g - v) * share_2
    root = sqrt(second) + epsilon
    first = m + (g - m) * share_1
    return p - alpha * first / root, first, second


@elementwise("p, m, v, top, g, alpha:scalar, share_1:const, share_2:const, epsilon:const -> p, m, v, top", family="adam_amsgrad")
def adam_amsgrad(p, m, v, top, g, alpha, share_1, share_2, epsilon):
    """Reddi et al. 2018: divided by the root of the largest second moment so far."""
    second = v + (g * g - v) * share_2
    largest = maximum(top, second)
    first = m + (g - m) * share_1
    return p - alpha * first / (sqrt(largest) + epsilon), first, second, largest


@elementwise("rate:scalar, step:scalar:i8, beta_1:const -> alpha:scalar", family="adamax")
def adamax_rate(rate, step, beta_1):
    return rate / (1.0 - pow(beta_1, step + 1.0))


@elementwise("p, m, u, g, alpha:scalar, share_1:const, beta_2:const, epsilon:const -> p, m, u", family="adamax")
def adamax(p, m, u, g, alpha, share_1, beta_2, epsilon):
    """Kingma & Ba 2015, section 7.1: `u` is the exponentially weighted infinity norm."""
    first = m + (g - m) * share_1
    norm = maximum(beta_2 * u, abs(g))
    return p - alpha * first / (norm + epsilon), first, norm


@elementwise(
    "rate:scalar, step:scalar:i8, gate:scalar, product:scalar, beta_1:const, beta_2:const -> product:scalar, first:scalar, fresh:scalar, "
    "inverse:scalar", family="nadam"
)
def nadam_rate(rate, step, gate, product, beta_1, beta_2):
    """Dozat 2015, with the momentum's warm-up: the rate's factors of the moment and of the gradient, and 1 / (1 - beta_2^t).

    `product` is that of all momenta so far; `gate` 0 leaves it as it was.
    """
    now = beta_1 * (1.0 - 0.5 * pow(0.96, step + 1.0))
    later = beta_1 * (1.0 - 0.5 * pow(0.96, step + 2.0))
    through = product * now
    kept = through if gate > 0.0 else product
    inverse = 1.0 / (1.0 - pow(beta_2, step + 1.0))
    return kept, rate * later / (1.0 - through * later), rate * (1.0 - now) / (1.0 - through), inverse


@elementwise(
    "p, m, v, g, first:scalar, fresh:scalar, inverse:scalar, share_1:const, share_2:const, epsilon:const -> p, m, v", family="nadam"
)
def nadam(p, m, v, g, first, fresh, inverse, share_1, share_2, epsilon):
    mean = m + (g - m) * share_1
    second = v + (g * g - v) * share_2
    return p - (first * mean + fresh * g) / (sqrt(second * inverse) + epsilon), mean, second


@elementwise("p, n, z, g, rate:scalar, power:const, l1:const, l2:const, shrinkage:const, beta:const -> p, n, z", family="ftrl")
def ftrl(p, n, z, g, rate, power, l1, l2, shrinkage, beta):
    """McMahan et al. 2013; `power` is minus Keras's learning_rate_power."""
    total = n + g * g
    grown = pow(total, power)
    linear = z + g + 2.0 * shrinkage * p - (grown - pow(n, power)) / rate * p
    return (minimum(maximum(linear, -l1), l1) - linear) / (grown / rate + 2.0 * l2 + beta / rate), total, linear


@elementwise("p, n, z, g, rate:scalar, l1:const, l2:const, shrinkage:const, beta:const -> p, n, z", family="ftrl")
def ftrl_root(p, n, z, g, rate, l1, l2, shrinkage, beta):
    """The same for the usual power, a half."""
    total = n + g * g
    grown = sqrt(total)
    linear = z + g + 2.0 * shrinkage * p - (grown - sqrt(n)) / rate * p
    return (minimum(maximum(linear, -l1), l1) - linear) / (grown / rate + 2.0 * l2 + beta / rate), total, linear


@elementwise("p, m, g, rate:scalar, beta_1:const, share_1:const, beta_2:const, share_2:const -> p, m", family="lion")
def lion(p, m, g, rate, beta_1, share_1, beta_2, share_2):
    """Chen et al. 2023: the sign of a mean (a NaN stays one). Shares are 1 - beta."""
    mean = beta_1 * m + share_1 * g
    sign = 1.0 if mean > 0.0 else (-1.0 if mean < 0.0 else mean)
    return p - rate * sign, beta_2 * m + share_2 * g


@elementwise("step:scalar:i8, beta_1:const, beta_2:const -> inverse_1:scalar, inverse_2:scalar", family="lamb")
def lamb_corrections(step, beta_1, beta_2):
    return 1.0 / (1.0 - pow(beta_1, step + 1.0)), 1.0 / (1.0 - pow(beta_2, step + 1.0))


@elementwise("m, v, g, inverse_1:scalar, inverse_2:scalar, share_1:const, share_2:const, epsilon:const -> m, v, u", family="lamb")
def lamb_moments(m, v, g, inverse_1, inverse_2, share_1, share_2, epsilon):
    """You et al. 2020: Adam's direction `u`, whose length is still to be fitted to each parameter's."""
    first = m + (g - m) * share_1
    second = v + (g * g - v) * share_2
    return first, second, first * inverse_1 / (sqrt(second * inverse_2) + epsilon)


@elementwise("p, u, ratio:col, rate:scalar -> p", family="lamb")
def scaled_step(p, u, ratio, rate):
    """Along `u`, each parameter by a ratio of its own: the end of Lamb and Muon."""
    return p - rate * ratio * u


@elementwise(
    "p, m, v, g, alpha:scalar, matrix:col, ratio:const, momentum:const, nesterov:const, share_1:const, share_2:const, epsilon:const "
    "-> p, m, v, u", family="muon"
)
def muon_moments(p, m, v, g, alpha, matrix, ratio, momentum, nesterov, share_1, share_2, epsilon):
    """Jordan et al. 2024: rows of a matrix (`matrix` 1) gather a momentum and a direction `u`; the others (0) take Adam's step, and u is
    0."""
    other = 1.0 - matrix
    gathered = momentum * m + g
    ahead = (momentum * gathered + g) if nesterov > 0.0 else gathered
    first = m + (g - m) * share_1
    second = v + (g * g - v) * share_2
    adam_step = ratio * alpha * first / (sqrt(second) + epsilon)
    return p - other * adam_step, matrix * gathered + other * first, matrix * v + other * second, matrix * ahead


@elementwise("x, scale:col -> x", family="muon")
def scale_rows(x, scale):
    return x * scale


@elementwise("x, y, a:const, b:const -> y", family="muon")
def blend(x, y, a, b):
    return a * x + b * y


@elementwise("total, g, unscale:const -> total", family="update")
def gather_gradient(total, g, unscale):
    """One more batch of an accumulated gradient."""
    return total + g * unscale


@elementwise("rate:scalar, gate:scalar -> applied:scalar", family="update")
def applied_rate(rate, gate):
    return rate if gate > 0.0 else 0.0


@elementwise(
    "step:scalar:i8, every:const, momentum:const, frequency:const -> updates:scalar:i8, gate:scalar, mix:scalar, put:scalar",
    family="update",
)
def update_counters(step, every, momentum, frequency):
    """What a step does that accumulates `every` gradients or averages the weights, by the number of steps before it.

    Updates so far; whether this step updates; the average's share of itself; whether the weights become their average (0: never).
    """
    updates = floor(step / every)
    gate = 1.0 if step + 1.0 == every * floor((step + 1.0) / every) else 0.0
    mix = 0.0 if updates == 0.0 else momentum
    put = 1.0 if frequency > 0.0 and updates + 1.0 == frequency * floor((updates + 1.0) / frequency) else 0.0
    return updates, gate, mix, put


# ---------------------------------------------------------------------- for optimizers that give `update_step`
@elementwise("p, g -> p, u", family="update")
def gradient_of_own(p, g):
    """What the options make of the gradient, apart, for operations that follow."""
    return p, g


@elementwise("rate:scalar, updates:scalar:i8 -> r, n", family="update")
def numbers_of_own(rate, updates):
    """The rate and the count of a step as arrays of the parameters' type."""
    return rate, updates


@elementwise("x, before, gate:scalar -> x", family="update")
def kept_between(x, before, gate):
    """What a step that only accumulates leaves as it was."""
    return x if gate > 0.0 else before


@elementwise("p -> p", family="update")
def weights_of_own(p):
    """The weights as they are, for the options that follow an update."""
    return p
