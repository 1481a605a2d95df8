"""Inputs of the kernels of optimizers, of what they do to a whole vector, and of schedules."""

import numpy as np
from draws import added, whole


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


MAKERS = {
    "transpose": lambda m, r, c: [m.real(r, c), added(r, c), m.real(c, r)],
    "chunk_squares": _squares,
    "clip": _of_parts(1, 0.7, 0.25),
    "clip_model": _of_parts(1, 0.7, 0.25),
    "trust_ratio": _of_parts(2),
    "inverse_norm": _of_parts(1, 1e-7),
    "value_of_part": lambda m, r, c: [m.labels(r, c), m.rng.uniform(0, 1, c), m.blank(r)],
    "look_up": lambda m, r, c: [whole(2**40 + r), whole(2**40), m.rng.uniform(0, 1, r + 1), np.array([np.nan])],
}
ELEMENTWISE = {
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
    "gradient_of_own": {}, "numbers_of_own": {"rate": 0.1, "updates": 41}, "kept_between": {"gate": 1}, "weights_of_own": {},
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
}
