"""Settings of the whole library, under Keras's names."""

import os

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
