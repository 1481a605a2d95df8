"""Inputs of the kernels of activations, softmax and their relatives, and the sums along the way back."""

from draws import added, logits


def _gradient_sum(y):
    return lambda m, r, c: [m.real(r, c), getattr(m, y)(r, c), added(r, c), m.real(c)]


MAKERS = {
    "relu_bwd_sum": _gradient_sum("real"),
    "sigmoid_bwd_sum": _gradient_sum("probability"),
    "tanh__bwd_sum": _gradient_sum("probability"),
    "column_sum": lambda m, r, c: [m.real(r, c), added(r, c), m.real(c)],
    "softmax": lambda m, r, c: [logits(m, r, c), m.blank(r, c)],
    "softmax_bwd": lambda m, r, c: [m.real(r, c), m.distribution(r, c), m.blank(r, c)],
    "log_softmax": lambda m, r, c: [logits(m, r, c), m.blank(r, c)],
    "log_softmax_bwd": lambda m, r, c: [m.real(r, c), -m.positive(r, c), m.blank(r, c)],
    "sparsemax": lambda m, r, c: [m.small(r, c), m.blank(r, c)],
    "sparsemax_bwd": lambda m, r, c: [m.real(r, c), m.unnormalized(r, c), m.blank(r, c)],
    "glu": lambda m, r, c: [m.real(r, 2 * c), m.blank(r, c)],
    "glu_bwd": lambda m, r, c: [m.real(r, c), m.real(r, 2 * c), m.blank(r, 2 * c)],
    "turn": lambda m, r, c: [m.real(r, 6 * c), 3 if c % 2 else 2, m.blank(r, 6 * c)],
    "spread": lambda m, r, c: [m.real(r * c), 7, c, m.blank(r * 7 * c)],
    "group_sum": lambda m, r, c: [m.real(r * 7 * c), 7, c, added(r, c), m.real(r * c)],
    "prelu_sum": lambda m, r, c: [m.real(r, c), m.real(r, c), added(r, c), m.real(c)],
}
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
}
