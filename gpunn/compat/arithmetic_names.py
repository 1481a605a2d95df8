"""Which names of TensorFlow and `keras.backend` are operations, without importing these."""

SAME = (
    "abs", "add", "add_n", "argmax", "argmin", "cast", "ceil", "clip", "concatenate", "convert_to_tensor", "cos", "divide", "dot", "einsum",
    "equal", "erf", "exp", "expand_dims", "expm1", "eye", "floor", "greater", "greater_equal", "less", "less_equal", "log", "log1p",
    "logical_and", "logical_not", "logical_or", "logsumexp", "matmul", "max", "maximum", "mean", "min", "minimum", "multiply", "negative",
    "not_equal", "one_hot", "ones", "ones_like", "prod", "relu", "repeat", "reshape", "round", "rsqrt", "shape", "sigmoid", "sign", "sin",
    "softmax", "softplus", "sqrt", "square", "squeeze", "stack", "std", "stop_gradient", "subtract", "sum", "tanh", "tensordot", "tile",
    "transpose", "unstack", "var", "where", "zeros", "zeros_like",
)
OTHERWISE = {  # TensorFlow's and Keras 2's name: that of gpunn.ops
    "concat": "concatenate", "clip_by_value": "clip", "pow": "power", "reduce_all": "all", "reduce_any": "any", "reduce_max": "max",
    "reduce_mean": "mean", "reduce_min": "min", "reduce_prod": "prod", "reduce_std": "std", "reduce_sum": "sum", "reduce_variance": "var",
    "floordiv": "floor_divide", "floormod": "mod", "reduce_logsumexp": "logsumexp", "is_nan": "isnan", "permute_dimensions": "transpose",
}
