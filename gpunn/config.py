"""Settings of the whole library, under Keras's names."""

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
