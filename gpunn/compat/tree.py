"""Which module of gpunn stands behind each import path of Keras 1, 2 and 3, of TensorFlow, and of scikit-learn."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gpunn.compat.arithmetic_names import OTHERWISE, SAME


@dataclass(frozen=True)
class Place:
    """One served module.

    Attributes:
        source: the module of gpunn whose public names it has; all of them, or those in `only`.
        names: further names, each as "module:attribute".
        old: a path of Keras 1 or 2 only; it works, but no list of what there is names it.
    """

    source: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] | None = None
    old: bool = False


_TOP = Place(names={
    "__version__": "gpunn.compat.versions:KERAS",
    "Input": "gpunn.models:Input", "Model": "gpunn.models:Model", "Sequential": "gpunn.models:Sequential",
    "KerasTensor": "gpunn.layers:KerasTensor", "Layer": "gpunn.layers:Layer", "Initializer": "gpunn.initializers:Initializer",
    "Loss": "gpunn.losses:Loss",
    "Metric": "gpunn.metrics:Metric", "Optimizer": "gpunn.optimizers:Optimizer",
})
_ARITHMETIC = {
    name: f"gpunn.compat.arithmetic:{name}" for name in (*SAME, *OTHERWISE, "constant", "size", "norm", "int32", "int64")
}
_BACKEND = Place("gpunn.compat.keras_backend", {**_ARITHMETIC, "floatx": "gpunn.config:floatx", "set_floatx": "gpunn.config:set_floatx"})
_UTILS = Place("gpunn.utils", {"clear_session": "gpunn.compat.keras_backend:clear_session"})
_OLD_UTILS = replace(_UTILS, old=True)

# Where Keras 1 and 2 kept families of layers; each has all layers here.
_LAYER_FAMILIES = (
    "advanced_activations", "convolutional", "convolutional_recurrent", "core", "embeddings", "local", "merge", "merging", "noise",
    "normalization", "pooling", "recurrent", "regularization", "reshaping", "rnn", "wrappers",
)

KERAS: dict[str, Place] = {
    "": _TOP,
    "activations": Place("gpunn.activations"),
    "applications": Place("gpunn.applications"),
    "backend": _BACKEND,
    "callbacks": Place("gpunn.callbacks"),
    "config": Place("gpunn.config"),
    "constraints": Place("gpunn.constraints"),
    "datasets": Place(),
    "datasets.fashion_mnist": Place("gpunn.datasets.fashion_mnist"),
    "datasets.mnist": Place("gpunn.datasets.mnist"),
    "engine": Place(old=True),
    "engine.topology": Place("gpunn.layers", old=True),
    "engine.training": Place("gpunn.models", old=True),
    "initializations": Place("gpunn.initializers", old=True),
    "initializers": Place("gpunn.initializers"),
    "layers": Place("gpunn.layers"),
    **{f"layers.{family}": Place("gpunn.layers", old=True) for family in _LAYER_FAMILIES},
    "losses": Place("gpunn.losses"),
    "metrics": Place("gpunn.metrics"),
    "models": Place("gpunn.models"),
    "objectives": Place("gpunn.losses", old=True),
    "ops": Place("gpunn.ops"),
    "optimizers": Place("gpunn.optimizers"),
    "optimizers.legacy": Place("gpunn.optimizers.legacy", old=True),
    "optimizers.schedules": Place("gpunn.optimizers.schedules"),
    "preprocessing": Place("gpunn.preprocessing"),
    "preprocessing.image": Place("gpunn.preprocessing.image"),
    "preprocessing.sequence": Place("gpunn.preprocessing.sequence"),
    "preprocessing.text": Place("gpunn.preprocessing.text"),
    "regularizers": Place("gpunn.regularizers"),
    "utils": _UTILS,
    "wrappers": Place(old=True),
    "wrappers.scikit_learn": Place("gpunn.compat.wrappers", old=True),
    "utils.generic_utils": _OLD_UTILS,
    "utils.np_utils": _OLD_UTILS,
    "utils.vis_utils": _OLD_UTILS,
}

_FUNCTIONS = "gpunn.compat.tensorflow"
_TENSORFLOW: dict[str, Place] = {
    "": Place(names={
        "__version__": "gpunn.compat.versions:TENSORFLOW", "device": f"{_FUNCTIONS}:device", "get_logger": f"{_FUNCTIONS}:get_logger",
        **_ARITHMETIC, "bool": "gpunn.compat.arithmetic:bool_",
        "float32": f"{_FUNCTIONS}:float32", "float64": f"{_FUNCTIONS}:float64",
    }),
    "config": Place(names={"list_physical_devices": f"{_FUNCTIONS}:list_physical_devices"}),
    "config.experimental": Place(names={
        "list_physical_devices": f"{_FUNCTIONS}:list_physical_devices", "set_memory_growth": f"{_FUNCTIONS}:set_memory_growth",
    }),
    "initializers": KERAS["initializers"],
    "losses": KERAS["losses"],
    "metrics": KERAS["metrics"],
    "math": Place(names=_ARITHMETIC),
    "nn": replace(KERAS["activations"], names={k: v for k, v in _ARITHMETIC.items() if k in ("softmax", "relu", "sigmoid", "tanh")}),
    "optimizers": KERAS["optimizers"],
    "python": Place(old=True),
    "random": Place(names={
        "set_seed": f"{_FUNCTIONS}:set_seed", "normal": "gpunn.compat.arithmetic:normal", "uniform": "gpunn.compat.arithmetic:uniform",
    }),
    "test": Place(names={"is_gpu_available": f"{_FUNCTIONS}:is_gpu_available"}),
}

NETWORKS = "sklearn.neural_network"
_SKLEARN: dict[str, Place] = {
    "neural_network": Place("gpunn.neural_network"),
    # Served only where scikit-learn is missing:
    "": Place(),
    "linear_model": Place("gpunn.linear_model", only=("Perceptron",)),
    "metrics": Place("gpunn.metrics", only=("accuracy_score",)),
}


def _under(root: str, tree: Mapping[str, Place]) -> dict[str, Place]:
    return {f"{root}.{path}" if path else root: place for path, place in tree.items()}


TREE: dict[str, Place] = {
    **_under("keras", KERAS), **_under("tf_keras", KERAS), **_under("tensorflow", _TENSORFLOW), **_under("tensorflow.keras", KERAS),
    **_under("tensorflow.python.keras", KERAS), **_under("sklearn", _SKLEARN),
}
ROOTS = frozenset(path.partition(".")[0] for path in TREE)
# The tensorboard library asks for an (empty) module of this name to learn that the TensorFlow around is not for writing its files.
TREE[NO_TENSORFLOW := "tensorboard.compat.notf"] = Place()
REPLACED = ("keras", "tf_keras", "tensorflow", NETWORKS)  # with all below them: put aside while gpunn serves them


def there(path: str) -> bool:
    """Whether gpunn has what the path of `TREE` stands for."""
    source = TREE[path].source
    try:
        return source is None or importlib.util.find_spec(source) is not None
    except ModuleNotFoundError:  # nor has it the package around it
        return False
