"""Initial weights: Keras's set, by name, as classes, or any callable. All are drawn on the CPU, so that they are equal on every device."""

from typing import Any

import numpy as np

from gpunn import lookup
from gpunn.initializers.base import FromFunction, Initializer
from gpunn.initializers.drawn import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomInitializer,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    fans,
)
from gpunn.initializers.given import STFT, Constant, Identity, Ones, Zeros

IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT  # Keras's second names
zeros, ones, constant, identity, stft = Zeros, Ones, Constant, Identity, STFT
random_uniform, random_normal, truncated_normal, variance_scaling = RandomUniform, RandomNormal, TruncatedNormal, VarianceScaling
glorot_uniform, glorot_normal, he_uniform, he_normal = GlorotUniform, GlorotNormal, HeUniform, HeNormal
lecun_uniform, lecun_normal, orthogonal = LecunUniform, LecunNormal, Orthogonal
NAMES: dict[str, Any] = {  # Keras 1 called some otherwise
    "zero": Zeros, "one": Ones, "uniform": RandomUniform, "normal": RandomNormal,
}
for _name, _class in list(globals().items()):
    if isinstance(_class, type) and issubclass(_class, Initializer) and _class not in (Initializer, RandomInitializer, FromFunction):
        NAMES[_name] = _class


def get(identifier: Any) -> Initializer:
    """An initializer from a name, object, configuration, array, or any callable. Raises ValueError listing the names."""
    if isinstance(identifier, np.ndarray):
        def given_array(shape: tuple[int, ...]) -> np.ndarray:
            return identifier

        return FromFunction(given_array)
    return lookup.optional("initializer", identifier, NAMES, Initializer, _wrapped) or _wrapped(identifier)


def _wrapped(thing: Any) -> Initializer:
    if not callable(thing):
        raise ValueError(f"Could not interpret initializer. Expected a name, an Initializer, an array or a callable. Received: {thing!r}.")
    return FromFunction(thing)


def serialize(initializer: Initializer) -> dict[str, Any]:
    """Its configuration, for `deserialize`. A function or an array is not written down: zeros stand for it, as weights are saved anyway."""
    return lookup.serialize(Zeros() if isinstance(initializer, FromFunction) else initializer)  # type: ignore[return-value]


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Initializer:
    """An initializer from its configuration; classes of your own are found in `custom_objects`."""
    with lookup.custom_objects(custom_objects):
        return get(config)


__all__ = [
    "NAMES", "STFT", "Constant", "FromFunction", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity",
    "IdentityInitializer", "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal", "OrthogonalInitializer",
    "RandomInitializer", "RandomNormal", "RandomUniform", "STFTInitializer", "TruncatedNormal", "VarianceScaling", "Zeros", "constant",
    "deserialize", "fans", "get", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal",
    "lecun_uniform", "ones", "orthogonal", "random_normal", "random_uniform", "serialize", "stft", "truncated_normal",
    "variance_scaling", "zeros",
]
__dir__ = __all__.copy
