"""Settings of the whole library, under Keras's names."""

import os

__all__ = [
    "backend", "disable_flash_attention", "disable_interactive_logging", "disable_traceback_filtering", "enable_flash_attention",
    "enable_interactive_logging", "enable_traceback_filtering", "enable_unsafe_deserialization", "epsilon", "floatx",
    "image_data_format", "is_flash_attention_enabled", "is_interactive_logging_enabled", "is_nnx_enabled",
    "is_traceback_filtering_enabled", "max_epochs", "max_steps_per_epoch", "set_backend", "set_epsilon", "set_floatx",
    "set_image_data_format", "set_max_epochs", "set_max_steps_per_epoch", "set_streaming", "streaming",
]
__dir__ = __all__.copy

_floatx = "float32"


def floatx() -> str:
    """The type that layers made from now on compute in unless told otherwise: "float32" or "float64"."""
    return _floatx


def set_floatx(value: str) -> None:
    """Choose "float32" or "float64" for layers made from now on. Raises ValueError for any other name."""
    global _floatx
    if value not in ("float32", "float64"):
        raise ValueError(f"Unknown floatx. Expected 'float32' or 'float64'. Received: {value!r}.")
    _floatx = value


def backend() -> str:
    """The name of what computes, where Keras would say "jax"."""
    return "gpunn"


def epsilon() -> float:
    """The small number that Keras's formulas add or clip at."""
    from gpunn.kernels.row_losses import EPSILON

    return EPSILON


def set_epsilon(value: float) -> None:
    """Accepts `epsilon` alone: kernels are compiled with it. Raises ValueError for another number."""
    if value != epsilon():
        raise ValueError(
            f"set_epsilon: the formulas here are compiled with {epsilon()}. Optimizers and normalization layers take an `epsilon` of their "
            f"own. Received: {value!r}."
        )


def image_data_format() -> str:
    """Where an image's channels are."""
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Accepts "channels_last" alone. Raises ValueError for anything else."""
    if data_format != "channels_last":
        raise ValueError(
            f"set_image_data_format: images have their channels last here. Expected 'channels_last': np.moveaxis(x, 1, -1) brings "
            f"them there. Received: {data_format!r}."
        )


STREAMING = ("auto", "always", "never")
_streaming: str | None = None


def streaming() -> str:
    """When `fit`, `evaluate` and `predict` bring data to the device block by block: see `set_streaming`."""
    value = _streaming or os.environ.get("GPUNN_STREAMING", "auto")
    if value not in STREAMING:
        raise ValueError(f"Unknown value of GPUNN_STREAMING. Expected one of {STREAMING}. Received: {value!r}.")
    return value


def set_streaming(value: str) -> None:
    """Choose when data is not put on the device whole, but block by block beside the steps: "auto" (the default: on a GPU what would take
    more than half of its free memory; on a CPU what lies in a mapped or an HDF5 file), "always" or "never".

    ``GPUNN_STREAMING`` says the same from outside. The results are the same to the bit. Raises ValueError for any other word.
    """
    global _streaming
    if value not in STREAMING:
        raise ValueError(f"Unknown streaming. Expected one of {STREAMING}. Received: {value!r}.")
    _streaming = value


# ---------------------------------------------------------------------- what is shown
_interactive = True
_short_tracebacks = True


def enable_interactive_logging() -> None:
    """Progress and tables go to the standard output, as they do from the start."""
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Progress and tables go to the logger "gpunn" (level INFO), a line each and without bars."""
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Whether progress and tables go to the standard output."""
    return _interactive


def enable_traceback_filtering() -> None:
    """The traceback that ends a script under ``gpunn run`` leaves out gpunn's own lines, as it does from the start (but where
    ``GPUNN_DEBUG=1`` is set)."""
    global _short_tracebacks
    _short_tracebacks = True


def disable_traceback_filtering() -> None:
    """That traceback is whole."""
    global _short_tracebacks
    _short_tracebacks = False


def is_traceback_filtering_enabled() -> bool:
    """Whether that traceback leaves out gpunn's own lines."""
    return _short_tracebacks


# ---------------------------------------------------------------------- the longest training
_limits: dict[str, int | None] = {}


def max_epochs() -> int | None:
    """The most epochs that a `fit` runs, None for as many as it is told; ``KERAS_MAX_EPOCHS`` says the same from outside."""
    return _limit("max_epochs")


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of every `fit`, as for a quick trial of a long script. Raises ValueError for what is no number from 1."""
    _limits["max_epochs"] = _checked("max_epochs", max_epochs)


def max_steps_per_epoch() -> int | None:
    """The most batches that an epoch, an evaluation or a prediction goes through, None for all; ``KERAS_MAX_STEPS_PER_EPOCH`` says it."""
    return _limit("max_steps_per_epoch")


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the batches of every epoch, evaluation and prediction. Raises ValueError for what is no number from 1."""
    _limits["max_steps_per_epoch"] = _checked("max_steps_per_epoch", max_steps_per_epoch)


def _limit(name: str) -> int | None:
    given = os.environ.get(f"KERAS_{name.upper()}")
    return _limits.get(name, None if given is None else _checked(f"KERAS_{name.upper()}", int(given) if given.isdigit() else given))


def _checked(name: str, value: object) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError(f"{name}: expected an integer from 1, or None. Received: {value!r}.")
    return value


# ---------------------------------------------------------------------- what is the same whatever it is told
BACKENDS = ("gpunn", "jax", "numpy", "openvino", "tensorflow", "torch")


def set_backend(backend: str) -> None:
    """Nothing to do: what computes is gpunn, whichever of Keras's backends a script asks for (`gpunn.set_backend` chooses the device).
    Raises ValueError for a name that Keras does not have."""
    if backend not in BACKENDS:
        raise ValueError(f"Unknown backend. Expected one of: {', '.join(BACKENDS)}. Received: {backend!r}.")


def enable_unsafe_deserialization() -> None:
    """Nothing to do: code in a file is never run. A function that a file names is looked for in ``custom_objects``."""


def enable_flash_attention() -> None:
    """Nothing to do: attention has one form here."""


disable_flash_attention = enable_flash_attention


def is_flash_attention_enabled() -> bool:
    return False


def is_nnx_enabled() -> bool:
    return False
