"""Inputs for every kernel of the registry. A new kernel needs an entry in `ELEMENTWISE` or a function in `MAKERS`: test_parity.py says so.

All numbers are made in float32, so that a float32 launch and its float64 truth start from the same values; outputs start as NaN or -1.
"""

import importlib
import pathlib

import inputs_columns
import inputs_images
import numpy as np

from gpunn.kernels.record import REGISTRY, Kernel

FAMILIES = [importlib.import_module(f.stem) for f in sorted(pathlib.Path(__file__).parent.glob("inputs_*.py"))]  # files of their own
SHAPES = [(0, 5), (1, 1), (3, 1), (1, 33), (31, 10), (33, 31), (257, 3), (6, 257)]


class Maker:
    """Draws arrays of one floating type."""

    def __init__(self, dtype, seed=0):
        self.dtype, self.rng = np.dtype(dtype), np.random.default_rng(seed)

    def _as(self, values):
        return np.asarray(values, np.float32).astype(self.dtype)

    def real(self, *shape):
        """Normal, with exact zeros and some large magnitudes."""
        values = self.rng.standard_normal(shape) * 3
        kind = self.rng.random(shape)
        return self._as(np.where(kind < 0.1, 0.0, np.where(kind > 0.95, values * 1e4, values)))

    def small(self, *shape):
        return self._as(self.rng.standard_normal(shape))

    def positive(self, *shape):
        return self._as(self.rng.uniform(0.01, 10.0, shape))

    def large(self, *shape):
        return self._as(self.rng.uniform(1e5, 1e6, shape))

    def flags(self, *shape):
        """0 or 1."""
        return self._as(self.rng.integers(0, 2, shape))

    def probability(self, *shape):
        """Between 0 and 1, both of them included."""
        values = self.rng.uniform(0.001, 0.999, shape)
        kind = self.rng.random(shape)
        return self._as(np.where(kind < 0.1, 0.0, np.where(kind > 0.9, 1.0, values)))

    def distribution(self, *shape):
        """Rows that sum to about one."""
        values = self.rng.uniform(0.01, 1.0, shape)
        return self._as(values / values.sum(axis=1, keepdims=True))

    def unnormalized(self, *shape):
        """Positive rows with some exact zeros, never all of a row."""
        values = self.rng.uniform(0.05, 1.0, shape)
        values[:, 1:][self.rng.random((shape[0], shape[1] - 1)) < 0.2] = 0
        return self._as(values)

    def labels(self, rows, columns):
        return self.rng.integers(0, columns, rows).astype(np.int32)

    def order(self, n):
        return self.rng.permutation(n).astype(np.int32)

    def blank(self, *shape):
        return np.full(shape, np.nan, self.dtype)

    def number(self, value):
        return float(np.float32(value))


def whole(*values):
    return np.array(values, np.int64)


# Elementwise kernels: how each input that is not `real` is drawn; numbers are constants and scalars.
ELEMENTWISE = {
    **{name: {} for name in ("linear", "linear_bwd", "relu", "relu_bwd", "sigmoid", "tanh_", "add")},
    **{name: {} for name in ("bias_linear", "bias_relu", "bias_sigmoid", "bias_tanh")},
    "sigmoid_bwd": {"y": "probability"},
    "tanh__bwd": {"y": "probability"},
    **{name: {} for name in ("step", "step_bwd", "bipolar_sigmoid", "hard_sigmoid", "sparse_sigmoid", "hard_tanh", "log_sigmoid")},
    **{name: {} for name in ("arctan", "arctan_bwd", "softsign", "gelu", "gelu_bwd", "gelu_tanh", "gelu_tanh_bwd", "silu", "silu_bwd")},
    **{name: {} for name in ("mish", "mish_bwd", "hard_silu", "hard_silu_bwd", "softplus", "sparse_plus", "tanh_shrink")},
    "tanh_shrink_bwd": {},
    **{name: {"y": "probability"} for name in ("bipolar_sigmoid_bwd", "hard_sigmoid_bwd", "sparse_sigmoid_bwd", "hard_tanh_bwd")},
    **{name: {"y": "probability"} for name in ("softsign_bwd", "exponential_bwd", "log_sigmoid_bwd")},
    **{name: {"y": "positive"} for name in ("softplus_bwd", "sparse_plus_bwd")},
    "exponential": {"x": "small"},
    "clipped_relu": {"top": 2.0, "threshold": 0.5},
    "clipped_relu_bwd": {"top": 2.0},
    "rectifier": {"slope": 0.2, "top": 2.0, "threshold": -0.5},
    "rectifier_bwd": {"slope": 0.2, "top": 2.0, "threshold": -0.5},
    **{name: {"slope": 0.2} for name in ("leaky_relu", "leaky_relu_bwd")},
    **{name: {} for name in ("prelu", "prelu_bwd", "prelu_alpha", "selu", "selu_bwd", "shrink_bwd")},
    **{name: {"alpha": 1.5} for name in ("elu", "elu_bwd", "celu", "celu_bwd")},
    "squareplus": {"smoothness": 4.0},
    "squareplus_bwd": {"y": "positive", "smoothness": 4.0},
    **{name: {"limit": 0.5} for name in ("soft_shrink", "hard_shrink", "threshold_bwd")},
    "threshold": {"limit": 0.5, "value": -3.0},
    "sgd": {"rate": 0.01},
    "sgd_momentum": {"rate": 0.01, "momentum": 0.9},
    "sgd_nesterov": {"rate": 0.01, "momentum": 0.9},
    "adam_rate": {"rate": 0.001, "step": 41, "beta_1": 0.9, "beta_2": 0.999},
    "adam": {"v": "positive", "alpha": 0.001, "share_1": 0.1, "share_2": 0.001, "epsilon": 1e-7},
    "adam_amsgrad": {"v": "positive", "top": "positive", "alpha": 0.001, "share_1": 0.1, "share_2": 0.001, "epsilon": 1e-7},
    "adagrad": {"n": "positive", "rate": 0.01, "epsilon": 1e-7},
    "adadelta": {"n": "positive", "d": "positive", "rate": 1.0, "rho": 0.95, "share": 0.05, "epsilon": 1e-7},
    "rmsprop": {"v": "positive", "rate": 0.01, "rho": 0.9, "share": 0.1, "epsilon": 1e-7},
    "rmsprop_momentum": {"v": "positive", "rate": 0.01, "rho": 0.9, "share": 0.1, "epsilon": 1e-7, "momentum": 0.9},
    "rmsprop_centered": {"v": "large", "a": "small", "rate": 0.01, "rho": 0.9, "share": 0.1, "epsilon": 1e-7},
    "rmsprop_centered_momentum": {"v": "large", "a": "small", "rate": 0.01, "rho": 0.9, "share": 0.1, "epsilon": 1e-7, "momentum": 0.9},
    "adamax_rate": {"rate": 0.001, "step": 41, "beta_1": 0.9},
    "adamax": {"u": "positive", "alpha": 0.001, "share_1": 0.1, "beta_2": 0.999, "epsilon": 1e-7},
    "nadam_rate": {"rate": 0.001, "step": 41, "gate": 1, "product": 0.3, "beta_1": 0.9, "beta_2": 0.999},
    "nadam": {
        "v": "positive", "first": 0.001, "fresh": 0.0005, "inverse": 3.0, "share_1": 0.1, "share_2": 0.001, "epsilon": 1e-7,
    },
    "ftrl": {"n": "positive", "rate": 0.1, "power": 0.7, "l1": 0.5, "l2": 0.1, "shrinkage": 0.2, "beta": 0.3},
    "ftrl_root": {"n": "positive", "rate": 0.1, "l1": 0.5, "l2": 0.1, "shrinkage": 0.2, "beta": 0.3},
    "lion": {"rate": 0.01, "beta_1": 0.5, "share_1": 0.5, "beta_2": 0.99, "share_2": 0.01},
    "lamb_corrections": {"step": 41, "beta_1": 0.9, "beta_2": 0.999},
    "lamb_moments": {"v": "positive", "inverse_1": 1.5, "inverse_2": 3.0, "share_1": 0.1, "share_2": 0.001, "epsilon": 1e-7},
    "scaled_step": {"rate": 0.01},
    "muon_moments": {
        "v": "positive", "matrix": "flags", "alpha": 0.001, "ratio": 0.5, "momentum": 0.9, "nesterov": 1, "share_1": 0.1, "share_2": 0.001,
        "epsilon": 1e-7,
    },
    "scale_rows": {},
    "blend": {"a": 0.3, "b": -1.7},
    "gather_gradient": {"unscale": 0.125},
    "applied_rate": {"rate": 0.1, "gate": 1},
    "update_counters": {"step": 41, "every": 3, "momentum": 0.99, "frequency": 2},
    "exponential_decay": {"step": 41, "initial": 0.1, "steps": 7, "decay": 0.9, "stairs": 0},
    "inverse_time_decay": {"step": 41, "initial": 0.1, "steps": 7, "decay": 0.9, "stairs": 1},
    "polynomial_decay": {"step": 41, "initial": 0.1, "steps": 7, "end": 0.01, "power": 2.5, "cycle": 1},
    "cosine_decay": {"step": 41, "initial": 0.1, "steps": 70, "alpha": 0.01, "target": 0.5, "warm": 5},
    "cosine_decay_restarts": {"step": 41, "initial": 0.1, "steps": 7, "times": 1.5, "factor": 0.9, "alpha": 0.01},
    "step_decay": {"step": 41, "initial": 0.1, "factor": 0.5, "every": 7},
    "one_cycle": {"step": 41, "initial": 0.01, "top": 0.1, "bottom": 0.001, "up": 9, "down": 99},
    "time_decay": {"rate": 0.1, "step": 41, "decay": 0.01, "every": 3},
    "piecewise_constant_2": {"step": 41, "bound_0": 41, "value_0": 0.1, "value_1": 0.01},
    "piecewise_constant_3": {"step": 41, "bound_0": 7, "bound_1": 40, "value_0": 0.1, "value_1": 0.01, "value_2": 0.2},
    "warm_up_cosine_decay": {
        "step": 3, "o_initial_1": 0.01, "o_warm_1": 5, "initial": 0.1, "steps": 70, "alpha": 0.01, "target": 0.5, "warm": 0,
    },
    "inverse_deviation": {"variance": "positive", "epsilon": 1e-3},
    "moving_average": {"momentum": 0.99},
    "mask": {"keep": "positive"},
    "is_positive": {},
    "times_rows": {"scale": 0.1},
    "normalize": {"inverse": "positive"},
    "normalize_bwd": {"inverse": "positive", "share": 0.125},
    "normalize_fixed_bwd": {"inverse": "positive"},
    "l1_l2": {"l1": 0.25, "l2": 0.5, "pull": 0.25},
    "l1_l2_gradient": {"l1": 0.25, "l2": 0.5, "pull": 0.125},
    "l1_l2__l1_l2_gradient_rows_bwd": {"scale": 0.75, "c0": 0.25, "c1": 0.5, "c2": 0.125},
    "shrink": {"rate": 0.5, "l1": 2.0},
    "cleared": {},
    "non_negative": {},
    "norm_factor": {"norm": "positive", "low": 0.5, "high": 2.0, "rate": 0.75},
}


def _elementwise(kernel: Kernel, m: Maker, rows: int, columns: int):
    how = ELEMENTWISE[kernel.name]
    out = []
    for o in kernel.operands:
        value = how.get(o.name, "real")
        if o.kind == "const":
            out.append(value if o.dtype == "i8" else m.number(value))
        elif o.kind == "scalar":
            value = value if o.read else -1 if o.dtype == "i8" else np.nan
            out.append(whole(value) if o.dtype == "i8" else np.array([value], np.float32).astype(np.float64))
        else:
            shape = {"full": (rows, columns), "row": (columns,), "col": (rows,)}[o.kind]
            out.append(getattr(m, value)(*shape) if o.read else m.blank(*shape))
    return out


def _row_loss(m, rows, columns):
    return [m.real(rows, columns), m.real(rows, columns), m.positive(rows), m.number(0.25), m.blank(rows), m.blank(rows, columns)]


def _binary(m, rows, columns):
    p, t = m.probability(rows, columns), m.probability(rows, columns)
    t[p == 1] = 1  # else the loss hangs on 1 - (1 - 1e-7), which float32 cannot tell from 1.2e-7
    return [p, t, m.positive(rows), m.number(0.25), m.blank(rows), m.blank(rows, columns)]


def _losses(p, t, *numbers):
    """Inputs of a loss by how its predictions and targets are drawn, and the numbers it takes."""

    def make(m, rows, columns):
        given, target = (getattr(m, draw)(rows, columns) for draw in (p, t))
        return [given, target, m.positive(rows), m.number(0.25), *map(m.number, numbers), m.blank(rows), m.blank(rows, columns)]

    return make


def _focal(m, rows, columns):
    p, t, *rest = _binary(m, rows, columns)
    return [p, t, *rest[:2], m.number(0.25), m.number(2.0), float(columns % 2), *rest[2:]]


def _categorical_focal(m, rows, columns):
    p, t = m.unnormalized(rows, columns), m.distribution(rows, columns)
    return [p, t, m.positive(columns), m.positive(rows), m.number(0.1), m.number(1.5), m.blank(rows), m.blank(rows, columns)]


def _circle(m, rows, columns):
    side = m.rng.standard_normal((rows, 4))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    labels = m.rng.integers(0, 1 + columns % 3, rows).astype(np.int32)
    return [m._as(side @ side.T), labels, m.number(3.0), m.number(0.4), columns % 2, m.blank(rows), m.blank(rows, rows)]


def _bucket(m, rows, columns):
    edges = np.sort(m.probability(7))
    p = m.probability(rows, columns)
    p[m.rng.random((rows, columns)) < 0.2] = edges[3]  # a tie is not above
    labels = columns if rows % 2 else 1
    return [
        p, np.round(m.probability(rows, columns)), m.positive(columns), m.positive(rows), edges, 7, labels,
        np.full((rows, columns), -1, np.int32), m.blank(rows, columns),
    ]


def _count(m, rows, columns):
    cells = m.rng.integers(-1, 12, (rows, columns)).astype(np.int32)
    return [np.arange(12.0), cells, m.positive(rows, columns), cells.size]


def _by_column(first):
    return lambda m, r, c: [getattr(m, first)(r, c), m.small(r, c), m.positive(r), np.ones((4, c))]


def _masked_labels(m, rows, columns):
    labels = m.labels(rows, columns)
    labels[m.rng.random(rows) < 0.3] = -1
    return labels


def _blank_labels(*shape):
    return np.full(shape, -7, np.int32)


def _as_class(m, rows, columns):
    p = m.real(rows) * m.dtype.type(20)
    return [p, m.number(0.5), rows % 2, _blank_labels(rows)]


def _gather(m, rows, columns, data):
    return [data, m.order(rows + 5), whole(2), m.number(1 / 255), m.blank(rows, columns)]


def _bytes(m, rows, columns):
    return m.rng.integers(0, 256, (rows + 5, columns)).astype(np.uint8)


def _add(rows, columns):
    return float((rows + columns) % 2)  # both ways of writing, over the shapes


def _sparse(m, rows, columns):
    """A matrix as an image is: borders and many other cells exactly zero."""
    a = m.real(rows, columns)
    a[m.rng.random((rows, columns)) < 0.6] = 0
    a[:, : columns // 4] = 0
    return a


INNER = (1, 7, 40, 1100)  # lengths of a product's sum; BLOCK_K is 1024


def _gemm(kind):
    def make(m, rows, columns):
        inner = INNER[(rows + columns) % len(INNER)]
        left = _sparse if (rows + columns) % 3 else type(m).real
        a = left(m, *((inner, rows) if kind == "tn" else (rows, inner)))
        b = m.real(*((columns, inner) if kind == "nt" else (inner, columns)))
        return [a, b, _add(rows, columns), m.real(rows, columns)]

    return make


def _parts(m, rows, columns):
    inner = INNER[(rows + columns) % len(INNER)]
    part = max(8, -(-inner // 3) // 8 * 8)
    return [_sparse(m, rows, inner), m.real(inner, columns), part, m.blank(-(-inner // part), rows, columns)]


def _logits(m, rows, columns):
    z = m.small(rows, columns) * m.dtype.type(4)
    z[::3] += m.dtype.type(500)
    return z


def _batch(m, rows, columns, data):
    order, label = m.order(rows + 5), np.full(rows, -1, np.int32)
    return [data, m.labels(rows + 5, columns), order, whole(2), m.number(1 / 255), m.blank(rows, columns), label]


def _gradient_sum(y):
    return lambda m, r, c: [m.real(r, c), getattr(m, y)(r, c), _add(r, c), m.real(c)]


def _finish(m, rows, columns):
    sums, more = np.array([1.5, 2.0, -1.0]), np.array([0.5, 4.0, 7.0])
    counters = [whole(2**40), whole(2**33), whole(rows * 7)]
    return [m.real(rows), m.positive(rows), m.real(rows), m.positive(rows), sums, more, *counters, rows, columns, 2]


def _finish_adam(m, rows, columns):
    return [*_finish(m, rows, columns), np.array([0.001]), 0.9, 0.999, np.array([np.nan])]


def _pieces(m, rows, columns, gradient=True):
    """Pieces of a vector that do not touch, of all lengths, with coefficients."""
    lengths = np.where(np.arange(rows) % 4 == 2, m.rng.integers(0, columns + 1, rows), columns)
    first = np.arange(rows) * (columns + 3)
    size = rows * (columns + 3) + 7
    bounds, slopes = np.stack([first, first + lengths], axis=1), [m.number(0.75), m.real(size)] if gradient else []
    return [bounds, m.positive(rows, 3), m.small(size), *slopes, m.blank(rows)]


def _norm(m, rows, columns):
    return [m.small(rows, columns) * m.positive(1, columns), m.number(0.5), m.number(2.0), m.number(0.75)]


def _rates(m, rows, columns):
    """Logarithms of rates, and counts, some of them zero."""
    counts = np.floor(m.positive(rows, columns))
    return [m.small(rows, columns), counts, m.positive(rows), m.number(0.25), m.blank(rows), m.blank(rows, columns)]


def _bits(m, rows, columns):
    bits = np.round(m.rng.random((rows, columns))).astype(m.dtype)
    return [m.real(rows, columns), bits, m.positive(rows), m.number(0.25), m.blank(rows), m.blank(rows, columns)]


def _chunks(m, size):
    """Where the chunks of three parts of a vector start and end, and which chunks each part has; the second part is empty."""
    middle = size // 3
    bounds = [(a, min(a + 5, middle)) for a in range(0, middle, 5)]
    first = len(bounds)
    bounds += [(a, min(a + 7, size)) for a in range(middle, size, 7)]
    parts = [(0, first), (first, first), (first, len(bounds))]
    return np.array(bounds, np.int64).reshape(-1, 2), np.array(parts, np.int64)


def _squares(m, rows, columns):
    bounds, _ = _chunks(m, rows * columns)
    return [bounds, m.real(rows * columns), np.full(len(bounds), np.nan)]


def _of_parts(sums, *numbers):
    def make(m, rows, columns):
        bounds, parts = _chunks(m, rows * columns)
        return [parts, *(m.rng.uniform(0.1, 9, len(bounds)) for _ in range(sums)), *numbers, np.full(3, np.nan)]

    return make


GROUPED = [(1, 1), (1, 2), (2, 1), (3, 2), (2, 3)]  # places and groups; the channels of a group are what is left of the columns


def _grouped(rows, columns):
    places, groups = next((p, g) for p, g in GROUPED[(rows + columns) % len(GROUPED) :] + GROUPED if columns % (p * g) == 0)
    return places, columns // places, groups


def _group_normalize(m, rows, columns):
    _, channels, groups = _grouped(rows, columns)
    x = m.small(rows, columns) + m.dtype.type(3)
    given = [m.real(channels), m.small(channels), channels, groups, m.number(1e-3), (rows + columns) % 2]
    return [x, *given, m.blank(rows, columns), m.blank(rows, groups), m.blank(rows, groups)]


def _group_normalize_bwd(m, rows, columns):
    _, channels, groups = _grouped(rows, columns)
    means = [m.small(rows, groups), m.positive(rows, groups)]
    return [m.small(rows, columns), m.small(rows, columns), m.small(channels), *means, channels, groups, rows % 2, m.blank(rows, columns)]


def _group_sums(m, rows, columns):
    places, channels, groups = _grouped(rows, columns)
    means = [m.small(rows, groups), m.positive(rows, groups)]
    wide = [m.small(rows * places, channels) for _ in range(2)]
    return [*wide, *means, places, groups, m.blank(channels), m.blank(channels)]


MAKERS = {
    "group_normalize": _group_normalize,
    "group_normalize_bwd": _group_normalize_bwd,
    "group_sums": _group_sums,
    "l1_l2__l1_l2_gradient_both": _pieces,
    "l1_l2__l1_l2_gradient_value": lambda m, r, c: _pieces(m, r, c, False),
    "l1_l2__l1_l2_gradient_rows": lambda m, r, c: [m.small(r, c), *map(m.number, (0.75, 0.25, 0.5, 0.125)), m.blank(r)],
    "add_penalty": lambda m, r, c: [m.real(r), float(c), whole(9), np.array([1.5, 2.0, -1.0])],
    "norm_columns": lambda m, r, c: [*_norm(m, r, c), m.blank(c)],
    "norm_rows": _norm,
    "unit_rows": lambda m, r, c: [m.small(r, c), m.number(1e3), m.blank(r, c), m.blank(r)],
    "unit_rows_bwd": lambda m, r, c: [m.real(r, c), m.small(r, c), m.positive(r), m.number(4.0), m.blank(r, c)],
    "angles": lambda m, r, c: [m.real(r, r), m.number(0.25), m.number(4.0), m.blank(r, r), m.blank(r)],
    "transpose": lambda m, r, c: [m.real(r, c), _add(r, c), m.real(c, r)],
    "chunk_squares": _squares,
    "clip": _of_parts(1, 0.7, 0.25),
    "clip_model": _of_parts(1, 0.7, 0.25),
    "trust_ratio": _of_parts(2),
    "inverse_norm": _of_parts(1, 1e-7),
    "value_of_part": lambda m, r, c: [m.labels(r, c), m.rng.uniform(0, 1, c), m.blank(r)],
    "look_up": lambda m, r, c: [whole(2**40 + r), whole(2**40), m.rng.uniform(0, 1, r + 1), np.array([np.nan])],
    "gather_batch_u8": lambda m, r, c: _batch(m, r, c, _bytes(m, r, c)),
    "gather_batch_float": lambda m, r, c: _batch(m, r, c, m.real(r + 5, c)),
    "softmax_ce_sparse_hit": lambda m, r, c: [
        _logits(m, r, c), m.small(c), m.labels(r, c), m.positive(r), m.number(0.1), m.blank(r), m.blank(r, c), m.blank(r)
    ],
    "relu_bwd_sum": _gradient_sum("real"),
    "sigmoid_bwd_sum": _gradient_sum("probability"),
    "tanh__bwd_sum": _gradient_sum("probability"),
    "finish": _finish,
    "finish_adam": _finish_adam,
    "decay_rows": lambda m, r, c: [m.small(r, c), m.positive(1), m.real(r, c), m.blank(r)],
    "poisson_deviance": _rates,
    "perceptron": _bits,
    **{n: _losses("real", "real") for n in ("mean_absolute_percentage_error", "mean_squared_logarithmic_error", "log_cosh")},
    "percentage_of_prediction": _losses("positive", "real"),
    "scaled_squared_error": _losses("real", "real", 0.5),
    "huber": _losses("real", "real", 1.5),
    "poisson": _losses("positive", "positive"),
    "kl_divergence": _losses("probability", "probability"),
    "binary_focal_crossentropy": _focal,
    "binary_focal_crossentropy_logits": _losses("small", "probability", 0.25, 1.5, 1.0),
    "hinge": _losses("small", "small"),
    "squared_hinge": _losses("small", "small"),
    "cosine_similarity": _losses("real", "real"),
    "categorical_hinge": _losses("small", "distribution"),
    "categorical_focal_crossentropy": _categorical_focal,
    "overlap": _losses("probability", "probability", 1.0, 0.2, 0.5, 0.3),
    "categorical_generalized_cross_entropy": _losses("positive", "distribution", 0.3),
    "circle": _circle,
    "hit_equal": lambda m, r, c: [np.round(m.small(r, c)), np.round(m.small(r, c)), m.blank(r)],
    "hit_top_sparse": lambda m, r, c: [np.round(m.small(r, c)), _masked_labels(m, r, c), 1 + c // 3, m.blank(r)],
    "hit_top_dense": lambda m, r, c: [np.round(m.small(r, c)), m.small(r, c), 1 + c // 3, m.blank(r)],
    "decide": lambda m, r, c: [np.round(m.small(r, c), 1), m.number(0.3), r % 2, m.blank(r, c)],
    "top_only": lambda m, r, c: [np.round(m.small(r, c)), 1 + c // 3, m.blank(r, c)],
    "argmax": lambda m, r, c: [np.round(m.small(r, c)), _blank_labels(r)],
    "as_class": _as_class,
    "pair": lambda m, r, c: [_masked_labels(m, r, c), m.labels(r, c), max(c - 1, 1), 0, _blank_labels(r)],
    "bucket": _bucket,
    "count": _count,
    "hits_by_column": _by_column("probability"),
    "squares_by_column": _by_column("small"),
    "keep": lambda m, r, c: [_masked_labels(m, r, c), m.blank(r), _blank_labels(r)],
    "weigh": lambda m, r, c: [m.positive(r), np.round(m.probability(r)), c % 2, c % 3, m.blank(r)],
    "take": lambda m, r, c: [m.real(c, r), m.order(r * c), m.blank(r, c)],
    "pick_rows": lambda m, r, c: [m.labels((r + 5) * c, 9).reshape(r + 5, c), m.order(r + 5), whole(2), _blank_labels(r, c)],
    "mean_squared_error": _row_loss,
    "mean_absolute_error": _row_loss,
    "binary_crossentropy": _binary,
    "binary_crossentropy_logits": _row_loss,
    "crossentropy_sparse": lambda m, r, c: [m.unnormalized(r, c), m.labels(r, c), m.positive(r), m.number(0.1), m.blank(r), m.blank(r, c)],
    "crossentropy_dense": lambda m, r, c: [
        m.unnormalized(r, c), m.distribution(r, c), m.positive(r), m.number(0.1), m.blank(r), m.blank(r, c)
    ],
    "hit_sparse": lambda m, r, c: [np.round(m.small(r, c)), m.labels(r, c), m.blank(r)],  # rounded: with ties
    "hit_dense": lambda m, r, c: [np.round(m.small(r, c)), np.round(m.small(r, c)), m.blank(r)],
    "hit_binary": lambda m, r, c: [m.probability(r, c), np.round(m.probability(r, c)), m.number(0.5), m.blank(r)],
    "gather_u8": lambda m, r, c: _gather(m, r, c, _bytes(m, r, c)),
    "gather_float": lambda m, r, c: _gather(m, r, c, m.real(r + 5, c)),
    "store": lambda m, r, c: [m.real(r, c), whole(2), m.real(r + 5, c)],
    "pick_labels": lambda m, r, c: [m.labels(r + 5, c), m.order(r + 5), whole(2), np.full(r, -1, np.int32)],
    "pick_weights": lambda m, r, c: [m.positive(r + 5), m.order(r + 5), whole(2), m.blank(r)],
    "advance": lambda m, r, c: [whole(2**40), whole(2**33), r, c],
    "accumulate": lambda m, r, c: [m.real(r), m.positive(r), whole(9), np.array([1.5, 2.0, -1.0])],
    "gather_columns_u8": lambda m, r, c: _gather(m, r, c, _bytes(m, r, c)),
    "gather_columns_float": lambda m, r, c: _gather(m, r, c, m.real(r + 5, c)),
    "gemm_parts": _parts,
    "sum_parts": lambda m, r, c: [m.real(3, r, c), m.blank(r, c)],
    "gemm_nn": _gemm("nn"),
    "gemm_nt": _gemm("nt"),
    "gemm_tn": _gemm("tn"),
    "dropout": lambda m, r, c: [
        m.real(r, c), whole(2**33 + 5), -(2**61) + 12345, 3, int(0.3 * 2**32), m.number(1 / 0.7), m.blank(r, c)
    ],
    "gaussian": lambda m, r, c: [m.small(r, c), whole(2**33 + 5), -(2**61) + 12345, 3, m.number(0.75), (r + c) % 2, m.blank(r, c)],
    "masked": lambda m, r, c: [
        m.real(r, c), whole(2**33 + 5), -(2**61) + 12345, 3, int(0.3 * 2**32), *map(m.number, (1 / 0.7, 0.25, -1.75)),
        *((3, c, 1, 1) if r % 3 == 0 else (1, 1, 2, c // 2) if c % 2 == 0 else (1, 1, 1, c)), m.blank(r, c)
    ],
    "column_sum": lambda m, r, c: [m.real(r, c), _add(r, c), m.real(c)],
    "moments": lambda m, r, c: [m.real(r, c) + m.dtype.type(64), m.blank(c), m.blank(c)],
    "normalize_sums": lambda m, r, c: [m.real(r, c), m.real(r, c), m.small(c), m.positive(c), m.blank(c), m.blank(c)],
    "softmax": lambda m, r, c: [_logits(m, r, c), m.blank(r, c)],
    "softmax_bwd": lambda m, r, c: [m.real(r, c), m.distribution(r, c), m.blank(r, c)],
    "log_softmax": lambda m, r, c: [_logits(m, r, c), m.blank(r, c)],
    "log_softmax_bwd": lambda m, r, c: [m.real(r, c), -m.positive(r, c), m.blank(r, c)],
    "sparsemax": lambda m, r, c: [m.small(r, c), m.blank(r, c)],
    "sparsemax_bwd": lambda m, r, c: [m.real(r, c), m.unnormalized(r, c), m.blank(r, c)],
    "glu": lambda m, r, c: [m.real(r, 2 * c), m.blank(r, c)],
    "glu_bwd": lambda m, r, c: [m.real(r, c), m.real(r, 2 * c), m.blank(r, 2 * c)],
    "turn": lambda m, r, c: [m.real(r, 6 * c), 3 if c % 2 else 2, m.blank(r, 6 * c)],
    "spread": lambda m, r, c: [m.real(r * c), 7, c, m.blank(r * 7 * c)],
    "group_sum": lambda m, r, c: [m.real(r * 7 * c), 7, c, _add(r, c), m.real(r * c)],
    "prelu_sum": lambda m, r, c: [m.real(r, c), m.real(r, c), _add(r, c), m.real(c)],
    "softmax_ce_sparse": lambda m, r, c: [
        _logits(m, r, c), m.labels(r, c), m.positive(r), m.number(0.1), m.blank(r, c), m.blank(r), m.blank(r, c)
    ],
    "softmax_ce_dense": lambda m, r, c: [
        _logits(m, r, c), m.distribution(r, c), m.positive(r), m.number(0.1), m.blank(r, c), m.blank(r), m.blank(r, c)
    ],
}
for _family in FAMILIES:
    MAKERS |= _family.MAKERS
    ELEMENTWISE |= getattr(_family, "ELEMENTWISE", {})
MAKERS |= inputs_images.MAKERS
NEEDS_ROWS = {"moments"}  # a mean over no rows is no number
MORE_SHAPES = {
    **{name: [(2, 5000)] for name in ("softmax", "softmax_ce_sparse", "softmax_ce_dense", "log_softmax", "sparsemax")},
    "column_sum": [(5000, 2)],
}
NAMES = tuple(REGISTRY)  # what gpunn itself registers: tests of other files may add to the registry later


def shapes(name):
    return [s for s in SHAPES + MORE_SHAPES.get(name, []) if s[0] or name not in NEEDS_ROWS]


for _family in (inputs_columns,):
    MAKERS |= _family.MAKERS
    ELEMENTWISE |= getattr(_family, "ELEMENTWISE", {})


def arguments(kernel: Kernel, dtype, rows: int, columns: int, seed: int = 0):
    """What a launch of the kernel takes; the same numbers for every dtype."""
    m = Maker(dtype, seed)
    if kernel.name in ELEMENTWISE:
        return _elementwise(kernel, m, rows, columns)
    return MAKERS[kernel.name](m, rows, columns)


def dtypes(kernel: Kernel):
    return ("float32", "float64") if kernel.has_float_arrays else ("float64",)


CASES = [(name, dtype) for name in NAMES for dtype in dtypes(REGISTRY[name]) if name in ELEMENTWISE or name in MAKERS]
