"""Inputs of the kernels in `gpunn.kernels.arithmetic`."""

import numpy as np


def _largest(m, rows, columns):
    """The largest of one and of several columns."""
    counts = m.rng.integers(1, 4, columns + 2)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    order = m.rng.integers(0, columns, int(counts.sum())).astype(np.int32)
    return [m.real(rows, columns), starts, order, columns + 2, m.blank(rows, columns + 2)]


MAKERS = {"largest_columns": _largest}
FLAGS = {"a": "flags", "b": "flags"}
ELEMENTWISE = {
    **{name: {} for name in (
        "negative", "negative_bwd", "absolute", "absolute_bwd", "square", "square_bwd", "sign_of", "rounded_down", "rounded_up", "rounded",
        "towards_zero", "no_number", "nonzero", "zero_of", "multiply_two_a", "multiply_two_b", "root_bwd", "inverse_root_bwd",
        "logarithm_bwd", "power_of_e_bwd", "power_of_e_minus_one_bwd",
    )},
    **dict.fromkeys((
        "where_larger", "where_smaller", "is_greater", "is_greater_equal", "is_less", "is_less_equal", "is_equal", "is_not_equal",
        "are_both", "is_either",
    ), FLAGS),
    **{name: {"x": "small"} for name in (
        "power_of_e", "power_of_e_minus_one", "sine", "sine_bwd", "cosine", "cosine_bwd", "error_function", "error_function_bwd",
    )},
    "root": {"x": "positive"}, "root_bwd": {"y": "positive"}, "inverse_root": {"x": "positive"}, "logarithm": {"x": "positive"},
    "logarithm_bwd": {"x": "positive"}, "logarithm_of_one_more": {"x": "positive"}, "logarithm_of_one_more_bwd": {"x": "positive"},
    "quotient_of_two": {"b": "positive"}, "quotient_of_two_a": {"b": "positive"}, "quotient_of_two_b": {"b": "positive"},
    "remainder_of_two": {"a": "flags", "b": "positive"}, "power_of_two": {"a": "positive", "b": "small"},
    "power_of_two_a": {"a": "positive", "b": "flags"}, "power_of_two_b": {"a": "positive"},
    "chosen": {"c": "flags"}, "chosen_a": {"c": "flags"}, "chosen_b": {"c": "flags"},
    "among_ties": {"x": "flags", "best": "flags", "ties": "positive"},
}
