"""Which types layers compute in and keep their weights in, as Keras's dtype policies say it.

Layers here compute in the type of their weights. A mixed policy, which scripts for a rented GPU often set, is accepted: one warning says
that everything is computed in float32, the policy keeps the name it was asked for by, and its types are those that are really used.
"""

from typing import Any

from gpunn import config
from gpunn.lookup import serialize
from gpunn.printed import warn

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "dtype_policy", "get", "serialize", "set_dtype_policy"]
__dir__ = __all__.copy

PLAIN = ("float32", "float64")
MIXED = ("mixed_float16", "mixed_bfloat16")
WHOLE = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")  # of layers without weights
_said: set[str] = set()  # mixed policies that somebody was warned of
_mixed: str | None = None  # the one in force, if any


class DTypePolicy:
    """``DTypePolicy("float32")``, ``"float64"``, of single layers ``"int32"`` and its like, or a mixed one, ``"mixed_float16"``,
    ``"mixed_bfloat16"``; without a name that in force.

    Attributes: ``name``; ``compute_dtype`` and ``variable_dtype``, here always the same: of a mixed policy "float32". The first of each
    mixed policy warns. Raises TypeError for a name that is no string, ValueError for any other policy.
    """

    quantization_mode = None

    def __init__(self, name: str | None = None):
        self.name: str = dtype_policy().name if name is None else name
        if not isinstance(self.name, str):
            raise TypeError(f"DTypePolicy: expected a name, such as 'float32'. Received: {name!r} (of type {type(name).__name__}).")
        if self.name not in (*PLAIN, *MIXED, *WHOLE):
            raise ValueError(f"Unknown dtype policy. Expected one of: {', '.join((*PLAIN, *MIXED))}. Received: {name!r}.")
        if self.name in MIXED and self.name not in _said:
            _said.add(self.name)
            warn(
                f"Dtype policy {self.name!r}: gpunn computes in float32. Training goes on in it, as exact or more so, and without the "
                "time or the memory that half precision would save."
            )

    @property
    def compute_dtype(self) -> str:
        """The type that layers compute in."""
        return "float32" if self.name in MIXED else self.name

    @property
    def variable_dtype(self) -> str:
        """The type of their weights."""
        return self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DTypePolicy":
        return cls(**config)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


FloatDTypePolicy = DTypePolicy


def dtype_policy() -> DTypePolicy:
    """The policy of layers made from now on: `gpunn.config.floatx`, or the mixed one that was set."""
    return DTypePolicy(_mixed if _mixed is not None and config.floatx() == "float32" else config.floatx())


def set_dtype_policy(policy: Any) -> None:
    """Choose the policy of layers made from now on, by name or as a `DTypePolicy`. It is one setting with `gpunn.config.set_floatx`, as all
    layers of a model compute in one type. Raises ValueError for what is no policy."""
    global _mixed
    found = get(policy)
    if found.name in WHOLE:
        raise ValueError(f"set_dtype_policy: expected a policy of floats, one of: {', '.join((*PLAIN, *MIXED))}. Received: {policy!r}.")
    config.set_floatx(found.variable_dtype)
    _mixed = found.name if found.name in MIXED else None


def get(identifier: Any) -> DTypePolicy:
    """A policy from itself, its name, its configuration or a type; None for the one in force. Raises ValueError for anything else."""
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if identifier is None or isinstance(identifier, str):
        return DTypePolicy(identifier)
    name = getattr(identifier, "__name__", None) or getattr(identifier, "name", None)  # of NumPy's types
    if not isinstance(name, str):
        raise ValueError(f"Expected a dtype policy: its name, a DTypePolicy or its configuration. Received: {identifier!r}.")
    return DTypePolicy(name)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """What `serialize` gave. Raises ValueError for another class."""
    if config.get("class_name") not in ("DTypePolicy", "FloatDTypePolicy"):
        raise ValueError(f"Expected the configuration of a DTypePolicy. Received: {config!r}.")
    return DTypePolicy.from_config(config["config"])


def type_of(dtype: Any) -> Any:
    """What a layer's argument `dtype` says: of a policy, its name or its configuration the type of weights; any other as it is."""
    if isinstance(dtype, (DTypePolicy, dict)) or (isinstance(dtype, str) and dtype in MIXED):
        return get(dtype).variable_dtype
    return dtype
