"""Which names of TensorFlow and `keras.backend` are operations, without importing these."""

SAME = (
    "abs", "add", "add_n", "cast", "ceil", "clip", "concatenate", "cond", "convert_to_tensor", "cos", "cumprod", "divide", "dot", "einsum",
    "equal", "erf", "exp", "expand_dims", "expm1", "eye", "floor", "greater", "greater_equal", "less", "less_equal", "log", "log1p",
    "logical_and", "logical_not", "logical_or", "logsumexp", "matmul", "max", "maximum", "mean", "min", "minimum", "multiply", "negative",
    "not_equal", "one_hot", "ones", "ones_like", "prod", "relu", "repeat", "reshape", "round", "rsqrt", "shape", "sigmoid", "sign", "sin",
    "softmax", "softplus", "sqrt", "square", "squeeze", "stack", "std", "stop_gradient", "subtract", "sum", "tanh", "tensordot", "tile",
    "transpose", "unstack", "var", "where", "zeros", "zeros_like", "broadcast_to", "cosh", "floor_divide", "linspace", "log_softmax",
    "logical_xor", "meshgrid", "mod", "reciprocal", "selu", "elu", "sinh", "swapaxes", "take", "tan", "trace",
    "vectorized_map", "while_loop",
)
OTHERWISE = {  # TensorFlow's and Keras 2's name: that of gpunn.ops
    "concat": "concatenate", "clip_by_value": "clip", "pow": "power", "reduce_all": "all", "reduce_any": "any", "reduce_max": "max",
    "reduce_mean": "mean", "reduce_min": "min", "reduce_prod": "prod", "reduce_std": "std", "reduce_sum": "sum", "reduce_variance": "var",
    "reduce_logsumexp": "logsumexp", "is_nan": "isnan", "permute_dimensions": "transpose", "acos": "arccos", "acosh": "arccosh",
    "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan", "atan2": "arctan2", "atanh": "arctanh",
    "count_nonzero": "count_nonzero", "floordiv": "floor_divide", "floormod": "mod", "is_finite": "isfinite", "is_inf": "isinf",
    "divide_no_nan": "divide_no_nan", "reduce_euclidean_norm": "norm", "searchsorted": "searchsorted",
    "map_fn": "map", "truediv": "divide", "tensor_scatter_nd_update": "scatter_update", "scatter_nd": "scatter",
}
OWN = (  # functions of `tensors`, under TensorFlow's own arguments
    "argsort", "cumsum", "fill", "gather", "identity", "is_tensor", "matmul", "newaxis", "one_hot", "pad", "rank", "reverse", "roll",
    "size", "sort", "split", "tensor_scatter_nd_add", "tensor_scatter_nd_max", "tensor_scatter_nd_min", "tensor_scatter_nd_sub",
    "transpose",
)
BACKEND = (  # functions of `old_backend`
    "all", "any", "arange", "batch_dot", "batch_flatten", "binary_crossentropy", "categorical_crossentropy", "cumsum", "dropout", "dtype",
    "eval", "flatten", "gather", "hard_sigmoid", "in_top_k", "moving_average_update", "ndim", "repeat_elements", "reverse",
    "softsign", "sparse_categorical_crossentropy", "switch", "truncated_normal", "update", "update_add", "update_sub", "variable",
)
SELECTING = (  # functions of `selecting`, under TensorFlow's own arguments
    "argmax", "argmin", "boolean_mask", "ensure_shape", "gather_nd", "sequence_mask", "slice", "unique", "where",
)
NN = (  # those of tf.nn
    "avg_pool", "bias_add", "conv2d", "depth_to_space", "dropout", "embedding_lookup", "gelu", "l2_loss", "l2_normalize", "leaky_relu",
    "max_pool", "moments", "sigmoid_cross_entropy_with_logits", "softmax_cross_entropy_with_logits", "space_to_depth",
    "sparse_softmax_cross_entropy_with_logits", "top_k",
)
