"""Inputs of the kernels in `gpunn.kernels.error_functions`."""

ELEMENTWISE = {
    "error_function_rest": {"x": "small"}, "error_function_rest_bwd": {"x": "small"}, "inverse_error_near": {"x": "small"},
    "inverse_error_far": {"x": "share"}, "inverse_error_function": {"x": "signed_share"}, "inverse_error_function_bwd": {"y": "small"},
    "step_of_newton": {"y": "positive", "logarithm": "small"},
}
