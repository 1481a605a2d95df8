"""Which module of gpunn stands behind each import path of Keras 1, 2 and 3, of TensorFlow, and of scikit-learn."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gpunn.compat import absent, networks
from gpunn.compat.arithmetic_names import BACKEND, NN, OTHERWISE, OWN, SAME, SELECTING


@dataclass(frozen=True)
class Place:
    """One served module.

    Attributes:
        source: the module of gpunn whose public names it has; all of them, or those in `only`.
        names: further names, each as "module:attribute".
        old: a path of Keras 1 or 2 only; it works, but no list of what there is names it.
        answers: whether what its functions give has ``.numpy()``.
    """

    source: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] | None = None
    old: bool = False
    answers: bool = False


_TOP = Place(names={
    "__version__": "gpunn.compat.versions:KERAS", "version": "gpunn.compat.versions:version",
    "Input": "gpunn.models:Input", "Model": "gpunn.models:Model", "Sequential": "gpunn.models:Sequential",
    "KerasTensor": "gpunn.layers:KerasTensor", "Layer": "gpunn.layers:Layer", "Initializer": "gpunn.initializers:Initializer",
    "Loss": "gpunn.losses:Loss", "Regularizer": "gpunn.regularizers:Regularizer", "InputSpec": "gpunn.layers:InputSpec",
    "DTypePolicy": "gpunn.dtype_policies:DTypePolicy", "FloatDTypePolicy": "gpunn.dtype_policies:DTypePolicy",
    "Function": "gpunn.compat.functions:Function", "Operation": "gpunn.layers:Layer", "Quantizer": "gpunn.compat.absent:Quantizer",
    **{name: f"gpunn.compat.scopes:{name}" for name in ("RematScope", "StatelessScope", "SymbolicScope", "remat")},
    "Metric": "gpunn.metrics:Metric", "Optimizer": "gpunn.optimizers:Optimizer", "Variable": "gpunn.compat.variables:Variable",
    "device": "gpunn.compat.tensorflow:device", "name_scope": "gpunn.compat.tensorflow:name_scope",
})
_POLICY = {name: f"gpunn.dtype_policies:{name}" for name in ("dtype_policy", "set_dtype_policy")}
_SETTINGS = ("backend", "epsilon", "floatx", "image_data_format", "set_epsilon", "set_floatx", "set_image_data_format")
_ARITHMETIC = {
    name: f"gpunn.compat.arithmetic:{name}" for name in (*SAME, *OTHERWISE, "constant", "norm", "int32", "int64")
}
_TENSORS = {
    **{name: f"gpunn.compat.tensors:{name}" for name in OWN}, **{name: f"gpunn.compat.selecting:{name}" for name in SELECTING},
}
_BACKEND = Place("gpunn.compat.keras_backend", {
    **_ARITHMETIC, **{name: f"gpunn.compat.arithmetic:{name}" for name in ("random_normal", "random_uniform")},
    **{name: f"gpunn.compat.old_backend:{name}" for name in BACKEND}, "l2_normalize": "gpunn.compat.neural:l2_normalize",
    **{name: f"gpunn.config:{name}" for name in _SETTINGS}, "size": "gpunn.compat.tensors:size",
    **{name: f"gpunn.compat.keras2:{name}" for name in ("image_dim_ordering", "set_image_dim_ordering")},
})
_UTILS = Place("gpunn.utils", {"clear_session": "gpunn.compat.keras_backend:clear_session"})
_INITIALIZERS = Place("gpunn.initializers", {
    "normal": "gpunn.initializers:RandomNormal", "one": "gpunn.initializers:Ones", "uniform": "gpunn.initializers:RandomUniform",
    "zero": "gpunn.initializers:Zeros",
})
_SETS = ("boston_housing", "california_housing", "cifar10", "cifar100", "fashion_mnist", "imdb", "mnist", "reuters")
_OLD_UTILS = replace(_UTILS, old=True)

# Where Keras 1 and 2 kept families of layers; each has all layers here.
_LAYER_FAMILIES = (
    "advanced_activations", "convolutional", "convolutional_recurrent", "core", "embeddings", "local", "merge", "merging", "noise",
    "normalization", "pooling", "recurrent", "regularization", "reshaping", "rnn", "wrappers",
)

KERAS: dict[str, Place] = {
    "": _TOP,
    "activations": Place("gpunn.activations"),
    "applications": Place("gpunn.applications", {name: where for names in networks.MODULES.values() for name, where in names.items()}),
    **{f"applications.{module}": Place(names=names | networks.beside(module)) for module, names in networks.MODULES.items()},
    "applications.imagenet_utils": Place("gpunn.applications.imagenet", only=("decode_predictions", "preprocess_input")),
    "backend": _BACKEND,
    "callbacks": Place("gpunn.callbacks", {
        "CallbackList": "gpunn.compat.callback_list:CallbackList", "OrbaxCheckpoint": "gpunn.compat.absent:OrbaxCheckpoint",
    }),
    "config": Place("gpunn.config", _POLICY),
    "constraints": Place("gpunn.constraints"),
    "datasets": Place(),
    **{f"datasets.{name}": Place(f"gpunn.datasets.{name}") for name in _SETS},
    "distillation": Place("gpunn.distillation"),
    "dtype_policies": Place("gpunn.dtype_policies", {name: f"gpunn.compat.absent:{name}" for name in absent.POLICIES}),
    "engine": Place("gpunn.layers", {"Model": "gpunn.models:Model"}, old=True),
    "engine.topology": Place("gpunn.layers", old=True),
    "engine.training": Place("gpunn.models", old=True),
    "initializations": replace(_INITIALIZERS, old=True),
    "initializers": _INITIALIZERS,
    "layers": Place("gpunn.layers"),
    **{f"layers.{family}": Place("gpunn.layers", old=True) for family in _LAYER_FAMILIES},
    "layers.experimental": Place(old=True),
    "layers.experimental.preprocessing": Place("gpunn.layers", old=True),
    "losses": Place("gpunn.losses", {
        "Reduction": "gpunn.compat.keras2:Reduction", "get": "gpunn.compat.loss_names:get",
        "kullback_leibler_divergence": "gpunn.losses:kl_divergence",
    }),
    "metrics": Place("gpunn.metrics"),
    "mixed_precision": Place(names={
        **_POLICY, "DTypePolicy": "gpunn.dtype_policies:DTypePolicy", "Policy": "gpunn.dtype_policies:DTypePolicy",
        "global_policy": "gpunn.dtype_policies:dtype_policy", "set_global_policy": "gpunn.dtype_policies:set_dtype_policy",
        "LossScaleOptimizer": "gpunn.optimizers:LossScaleOptimizer",
    }),
    "mixed_precision.experimental": Place(names={
        "Policy": "gpunn.dtype_policies:DTypePolicy", "global_policy": "gpunn.dtype_policies:dtype_policy",
        "set_policy": "gpunn.dtype_policies:set_dtype_policy",
    }, old=True),
    "models": Place("gpunn.models", {"model_from_config": "gpunn.saving:deserialize_keras_object"}),
    "objectives": Place("gpunn.losses", old=True),
    **{path: Place("gpunn.ops", {"is_tensor": "gpunn.compat.tensors:is_tensor"}, answers=True) for path in (
        "ops", "ops.core", "ops.linalg", "ops.math", "ops.nn", "ops.numpy",
    )},
    "ops.image": Place("gpunn.ops.image", answers=True),
    "optimizers": Place("gpunn.optimizers", {name: f"gpunn.compat.absent:{name}" for name in ("MultiOptimizer", "OptimizerMap")}),
    "optimizers.legacy": Place("gpunn.optimizers.legacy", old=True),
    "optimizers.schedules": Place("gpunn.optimizers.schedules"),
    "preprocessing": Place("gpunn.preprocessing", {
        name: f"gpunn.utils:{name}" for name in (
            "image_dataset_from_directory", "text_dataset_from_directory", "timeseries_dataset_from_array",
        )
    }),
    "preprocessing.image": Place("gpunn.preprocessing.image"),
    "preprocessing.sequence": Place("gpunn.preprocessing.sequence"),
    "preprocessing.text": Place("gpunn.preprocessing.text"),
    "random": Place("gpunn.ops.distributions", {
        name: f"gpunn.ops.drawing:{name}" for name in ("SeedGenerator", "dropout", "normal", "uniform")
    }, answers=True),
    "regularizers": Place("gpunn.regularizers"),
    "saving": Place("gpunn.saving", {"KerasFileEditor": "gpunn.compat.absent:KerasFileEditor"}),
    "tree": Place("gpunn.tree"),
    "utils": _UTILS,
    "utils.bounding_boxes": Place("gpunn.utils.bounding_boxes", {
        name: f"gpunn.utils.box_overlap:{name}" for name in ("compute_ciou", "compute_iou")
    }),
    "utils.legacy": Place(names={
        name: f"gpunn.compat.keras2:{name}" for name in ("deserialize_keras_object", "serialize_keras_object")
    }),
    "visualization": Place("gpunn.visualization"),
    "wrappers": Place(names={
        name: f"gpunn.compat.estimators:{name}" for name in ("SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer")
    }),
    "wrappers.scikit_learn": Place("gpunn.compat.wrappers", old=True),
    "utils.data_utils": _OLD_UTILS,
    "utils.generic_utils": _OLD_UTILS,
    "utils.layer_utils": Place("gpunn.compat.keras_backend", only=("count_params",), old=True),
    "utils.np_utils": _OLD_UTILS,
    "utils.vis_utils": _OLD_UTILS,
}
# Where Keras 3 keeps the same inside, which editors like to import from; and the file format's module, which scikeras takes.
_INSIDE: dict[str, Place] = {
    **{
        f"{inside}.{path}".rstrip("."): replace(place, old=True) for inside in ("src", "api", "_tf_keras.keras")
        for path, place in KERAS.items()
    },
    "_tf_keras": Place(old=True), "src.legacy": Place(old=True),
    **{f"src.legacy.{path}": replace(KERAS[path], old=True) for path in KERAS if path.startswith("preprocessing")},
    "src.saving.saving_lib": Place("gpunn.compat.saving_lib", only=("load_model", "save_model"), old=True),
}

def _tensorflow(*names: str, **others: str) -> Place:
    """Names of `gpunn.compat.tensorflow`; `others` under the names they have there."""
    places = {name: name for name in names} | others
    return Place(names={name: f"gpunn.compat.tensorflow:{where}" for name, where in places.items()})


def _inside(*names: str, **others: str) -> Place:
    """The same in a module that is TensorFlow's own affair, from which scikeras takes them."""
    return replace(_tensorflow(*names, **others), old=True)


_LOGGING = Place(names={
    "set_verbosity": "gpunn.compat.tensorflow:nothing",
    **{level: f"logging:{level}" for level in ("DEBUG", "ERROR", "FATAL", "INFO", "WARN")},
})
_STARTS = {
    "constant": "Constant", "ones": "Ones", "random_normal": "RandomNormal", "random_uniform": "RandomUniform", "zeros": "Zeros",
}
_TYPES = (
    "float16", "float32", "float64", "int16", "int32", "int64", "int8", "string", "uint16", "uint32", "uint64", "uint8",
)
_DATA = ("AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY")
_DECODED = ("decode_image", "decode_jpeg", "decode_png")
_DRAWN = ("random", "stateless_random")  # tf.image.random_...
_CHANGES = ("brightness", "contrast", "crop", "flip_left_right", "flip_up_down", "hue", "saturation")
_TENSORFLOW: dict[str, Place] = {
    "": Place(names={
        "__version__": "gpunn.compat.versions:TENSORFLOW", **_ARITHMETIC, **_TENSORS, "bool": "gpunn.compat.arithmetic:bool_",
        "GradientTape": "gpunn.training.tape:GradientTape", "Variable": "gpunn.layers.variable:Variable",
        "custom_gradient": "gpunn.ops.own_gradient:custom_gradient", "function": "gpunn.training.function:function",
        "Tensor": "gpunn.layers.graph:KerasTensor", "TensorShape": "gpunn.compat.shapes:TensorShape",
        "TensorSpec": "gpunn.utils.element_spec:TensorSpec", "Module": "gpunn.compat.modules:Module",
        "name_scope": "gpunn.compat.tensorflow:name_scope", "range": "gpunn.compat.tensors:range_", **_TENSORS,
        **{f"{name}_initializer": f"gpunn.initializers:{where}" for name, where in _STARTS.items()},
        **{name: f"gpunn.compat.arithmetic:{name}" for name in ("clip_by_global_norm", "clip_by_norm", "squared_difference")},
        **{f"assert_{word}": f"gpunn.compat.debugging:assert_{word}" for word in ("equal", "greater", "less", "rank")},
        "UnconnectedGradients": "gpunn.compat.tensorflow:UnconnectedGradients",
        **_tensorflow("device", "executing_eagerly", "get_logger", *_TYPES, set_random_seed="set_seed", print="print_").names,
        **_tensorflow("numpy_function", "py_function").names,
    }),
    "autograph": _tensorflow(set_verbosity="nothing"),
    "compat": Place(),
    "compat.v1": _tensorflow(
        "get_logger", set_random_seed="set_seed", enable_eager_execution="nothing", enable_v2_behavior="nothing",
        disable_eager_execution="nothing", disable_v2_behavior="nothing",
    ),
    "compat.v1.logging": _LOGGING,
    "config": Place(names={
        **_tensorflow(
            "list_physical_devices", "set_visible_devices",
            list_logical_devices="list_physical_devices", set_soft_device_placement="nothing",
        ).names,
        "run_functions_eagerly": "gpunn.training.function:run_functions_eagerly",
    }),
    "config.experimental": _tensorflow(
        "list_physical_devices", "set_memory_growth", enable_op_determinism="nothing", list_logical_devices="list_physical_devices",
    ),
    "config.optimizer": _tensorflow(set_jit="nothing"),
    "config.threading": _tensorflow(set_inter_op_parallelism_threads="nothing", set_intra_op_parallelism_threads="nothing"),
    "debugging": Place("gpunn.compat.debugging", {"set_log_device_placement": "gpunn.compat.tensorflow:nothing"}),
    "errors": Place(names={"InvalidArgumentError": "gpunn.compat.debugging:InvalidArgumentError"}),
    "data": Place("gpunn.utils.dataset", {"TextLineDataset": "gpunn.datasets.text_folder:TextLineDataset"}),
    "data.experimental": Place("gpunn.utils.dataset", {
        "cardinality": "gpunn.utils.element_spec:cardinality",
        **{name: f"gpunn.compat.csv_files:{name}" for name in ("CsvDataset", "make_csv_dataset")},
    }, only=_DATA),
    "image": Place("gpunn.compat.pictures", {
        **{name: f"gpunn.compat.files:{name}" for name in _DECODED},
        **{f"{kind}_{change}": f"gpunn.compat.random_pictures:{kind}_{change}" for change in _CHANGES for kind in _DRAWN},
    }),
    "io": Place(names={
        name: f"gpunn.compat.files:{name}" for name in (*_DECODED, "decode_csv", "matching_files", "read_file", "write_file")
    }),
    "initializers": KERAS["initializers"],
    "logging": replace(_LOGGING, old=True),
    "losses": KERAS["losses"],
    "metrics": KERAS["metrics"],
    "math": Place(names={
        **_ARITHMETIC, **_TENSORS, **{name: f"gpunn.compat.neural:{name}" for name in ("l2_normalize", "top_k")},
        **{name: f"gpunn.compat.selecting:{name}" for name in ("bincount", "confusion_matrix")},
        "squared_difference": "gpunn.compat.arithmetic:squared_difference",
    }),
    "linalg": Place(names={
        **{name: f"gpunn.compat.arithmetic:{name}" for name in ("global_norm", "norm")},
        **{name: f"gpunn.compat.tensors:{name}" for name in ("band_part", "matmul", "svd")},
        **{name: f"gpunn.ops:{name}" for name in ("cholesky", "det", "diag", "eigh", "inv", "qr", "solve", "trace")},
        "diag_part": "gpunn.ops:diagonal", "l2_normalize": "gpunn.compat.neural:l2_normalize",
    }, answers=True),
    "nn": replace(KERAS["activations"], names={
        **{name: f"gpunn.compat.neural:{name}" for name in NN}, "avg_pool2d": "gpunn.compat.neural:avg_pool",
        "max_pool2d": "gpunn.compat.neural:max_pool",
        **{k: v for k, v in _ARITHMETIC.items() if k in ("softmax", "relu", "sigmoid", "tanh")},
    }),
    "optimizers": KERAS["optimizers"],
    **{path: Place(old=True) for path in ("python", "python.eager", "python.framework", "python.framework.ops")},
    "python.eager.context": _inside("executing_eagerly", "global_seed"),
    "python.framework.config": _inside(
        "is_op_determinism_enabled", enable_op_determinism="nothing", disable_op_determinism="nothing",
    ),
    "dtypes": Place(names={
        **_tensorflow(*_TYPES).names, "bool": "gpunn.compat.arithmetic:bool_",
    }),
    "strings": Place("gpunn.compat.strings"),
    "train": Place(names={
        name: f"gpunn.compat.checkpoints:{name}" for name in ("Checkpoint", "CheckpointManager", "latest_checkpoint")
    }),
    "random": Place(names={
        **_tensorflow("set_seed").names, "normal": "gpunn.compat.arithmetic:normal",
        **{name: f"gpunn.compat.draws:{name}" for name in ("Generator", "categorical", "gamma", "shuffle", "truncated_normal", "uniform")},
    }),
    "summary": Place("gpunn.compat.summary"),
    "summary.experimental": Place("gpunn.compat.summary", only=("get_step", "set_step")),
    "test": _tensorflow("gpu_device_name", "is_built_with_cuda", "is_gpu_available", is_built_with_gpu_support="is_built_with_cuda"),
    "version": Place(names={"VERSION": "gpunn.compat.versions:TENSORFLOW"}),
}

NETWORKS = "sklearn.neural_network"
_SKLEARN: dict[str, Place] = {
    "neural_network": Place("gpunn.neural_network", {"BernoulliRBM": "sklearn.neural_network._rbm:BernoulliRBM"}),  # its own
    # Served only where scikit-learn is missing:
    "": Place(),
    "linear_model": Place("gpunn.linear_model", only=("Perceptron",)),
    "metrics": Place("gpunn.metrics", only=("accuracy_score",)),
}


def _under(root: str, tree: Mapping[str, Place]) -> dict[str, Place]:
    return {f"{root}.{path}" if path else root: place for path, place in tree.items()}


TREE: dict[str, Place] = {
    **_under("keras", KERAS | _INSIDE), **_under("tf_keras", KERAS), **_under("tensorflow", _TENSORFLOW),
    **_under("tensorflow.keras", KERAS), **_under("tensorflow.python.keras", KERAS), **_under("sklearn", _SKLEARN),
    "tensorflow_datasets": Place("gpunn.compat.datasets"),
}
ROOTS = frozenset(path.partition(".")[0] for path in TREE)
# The tensorboard library asks for an (empty) module of this name to learn that the TensorFlow around is not for writing its files.
TREE[NO_TENSORFLOW := "tensorboard.compat.notf"] = Place()
REPLACED = ("keras", "tf_keras", "tensorflow", "tensorflow_datasets", NETWORKS)  # with all below them: put aside while gpunn serves them
