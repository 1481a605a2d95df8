"""What a FeatureSpace makes numbers of: single columns, and groups of them."""

from dataclasses import dataclass
from typing import Any

from gpunn import layers, saving

OUTPUTS = ("one_hot", "int", "float")


@dataclass
class Feature:
    """One column: its type, the layer that makes numbers of it, and whether these are "int", "float", or become "one_hot" columns."""

    dtype: str
    preprocessor: Any
    output_mode: str

    def __post_init__(self) -> None:
        if self.output_mode not in OUTPUTS:
            raise ValueError(f"A feature's output_mode must be one of {OUTPUTS}. Received: output_mode={self.output_mode!r}.")

    def get_config(self) -> dict[str, Any]:
        """As plain values."""
        preprocessor = saving.serialize_keras_object(self.preprocessor)
        return {"dtype": self.dtype, "preprocessor": preprocessor, "output_mode": self.output_mode}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Feature":
        """The same way back, also from what Keras wrote."""
        given = config["preprocessor"]
        if isinstance(given, dict) and given.get("class_name") == "TFDIdentity":  # Keras's layer of that name, of no module of its own
            return cls(**(config | {"preprocessor": layers.Identity(name=given["config"]["name"])}))
        return cls(**(config | {"preprocessor": saving.deserialize_keras_object(given)}))


@dataclass
class Cross:
    """What several features are together: one of `crossing_dim` numbers, by a hash, "int" or "one_hot"."""

    feature_names: tuple[str, ...]
    crossing_dim: int
    output_mode: str = "one_hot"

    def __post_init__(self) -> None:
        self.feature_names = tuple(self.feature_names)
        if self.output_mode not in OUTPUTS[:2]:
            raise ValueError(f"A cross's output_mode must be one of {OUTPUTS[:2]}. Received: output_mode={self.output_mode!r}.")

    @property
    def name(self) -> str:
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        """As plain values."""
        return {"feature_names": self.feature_names, "crossing_dim": self.crossing_dim, "output_mode": self.output_mode}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Cross":
        return cls(**config)
