"""FeatureSpace: columns of a table made numbers for a network, each in its own way."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import layers, saving
from gpunn.layers.graph import KerasTensor, mapped
from gpunn.results import dressed
from gpunn.utils import feature_space_file
from gpunn.utils.dataset import Dataset
from gpunn.utils.feature import Cross, Feature


class FeatureSpace:
    """Features by name, as Keras's class: ``FeatureSpace(features={"age": "float_normalized", "job": "string_categorical"})``.

    A feature is a kind by name ("float", "float_rescaled", "float_normalized", "float_discretized", "integer_categorical",
    "string_categorical", "integer_hashed", "string_hashed") or what the method of that name, or `feature`, gives. `crosses`: groups of
    names, or what `cross` gives; `crossing_dim`, `hashing_dim` and `num_discretization_bins` are those of what is given by name.
    output_mode: "concat", one array (rows, columns), features in order of their names, then crosses; or "dict".

    `adapt` lets the layers learn; then it is called with a dict of arrays, or `get_inputs` and `get_encoded_features` are the beginning of
    a model. Attributes: ``preprocessors``, ``crossers``, ``one_hot_encoders``, layers by name.
    Raises ValueError for features that cannot be, and for use before `adapt`.
    """

    def __init__(
        self, features: dict[str, Any], output_mode: str = "concat", crosses: Any = None, crossing_dim: int = 32, hashing_dim: int = 32,
        num_discretization_bins: int = 32, name: str | None = None,
    ):
        if not features:
            raise ValueError(f"FeatureSpace: expected features by name. Received: features={features!r}.")
        if output_mode not in ("concat", "dict"):
            raise ValueError(f"FeatureSpace: output_mode must be 'concat' or 'dict'. Received: output_mode={output_mode!r}.")
        self.name, self.output_mode = name or "feature_space", output_mode
        self.crossing_dim, self.hashing_dim, self.num_discretization_bins = crossing_dim, hashing_dim, num_discretization_bins
        by_name: dict[str, Callable[[str], Feature]] = {
            **{kind: getattr(self, kind) for kind in (
                "float", "float_rescaled", "float_normalized", "integer_categorical", "string_categorical",
            )},
            "float_discretized": lambda name: self.float_discretized(num_discretization_bins, name=name),
            "integer_hashed": lambda name: self.integer_hashed(hashing_dim, name=name),
            "string_hashed": lambda name: self.string_hashed(hashing_dim, name=name),
        }
        self.features: dict[str, Feature] = {}
        for key, given in features.items():
            if not isinstance(given, Feature) and given not in by_name:
                raise ValueError(f"FeatureSpace: feature {key!r} must be one of {sorted(by_name)}. Received: {given!r}.")
            self.features[key] = given if isinstance(given, Feature) else by_name[given](name=key)  # type: ignore[call-arg]
        self.crosses = [c if isinstance(c, Cross) else Cross(c, crossing_dim) for c in crosses or ()]
        for cross in self.crosses:
            if unknown := [n for n in cross.feature_names if n not in self.features]:
                raise ValueError(f"FeatureSpace: a cross of unknown features {unknown}. Expected some of {sorted(self.features)}.")
        self.preprocessors = {key: feature.preprocessor for key, feature in self.features.items()}
        self.crossers = {cross.name: layers.HashedCrossing(cross.crossing_dim, name=cross.name) for cross in self.crosses}
        self.one_hot_encoders: dict[str, Any] = {}
        self._inputs: dict[str, KerasTensor] = {}
        self._encoded: Any = None
        self._adapted = False

    # ------------------------------------------------------------------ kinds of features
    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """One with a layer of one's own."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def cross(cls, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """A number as it is."""
        return Feature("float32", layers.Identity(), "float")

    @classmethod
    def float_rescaled(cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None) -> Feature:
        return Feature("float32", layers.Rescaling(scale, offset), "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Of mean 0 and variance 1."""
        return Feature("float32", layers.Normalization(), "float")

    @classmethod
    def float_discretized(
        cls, num_bins: int | None = None, bin_boundaries: Any = None, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """The bin of a number, of bins that hold as many each, or between boundaries."""
        return Feature("float32", layers.Discretization(bin_boundaries, num_bins), output_mode)

    @classmethod
    def integer_categorical(
        cls, max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        return Feature("int64", layers.IntegerLookup(max_tokens, num_oov_indices), output_mode)

    @classmethod
    def string_categorical(
        cls, max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        return Feature("string", layers.StringLookup(max_tokens, num_oov_indices), output_mode)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        return Feature("int64", layers.Hashing(num_bins), output_mode)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        return Feature("string", layers.Hashing(num_bins), output_mode)

    # ------------------------------------------------------------------ learning
    def _waiting(self) -> list[str]:
        """Features whose layers must learn first."""
        return [key for key, layer in self.preprocessors.items() if hasattr(layer, "adapt") and not _knows(layer)]

    def adapt(self, dataset: Any) -> None:
        """Let the layers learn from a `Dataset` of dicts, rows or batches of them, or a dict of arrays. Raises ValueError for anything
        else."""
        if isinstance(dataset, dict):
            dataset = Dataset.from_tensor_slices(dataset).batch(1024)
        if not isinstance(dataset, Dataset):
            raise ValueError(f"FeatureSpace.adapt: expected a Dataset, or a dict of arrays. Received: {type(dataset).__name__}.")
        for key in self._waiting():
            self.preprocessors[key].adapt(dataset.map(lambda row: _column(row[key])))  # noqa: B023  gone through at once
        self._adapted = True

    def _need(self) -> None:
        if not self._adapted and (waiting := self._waiting()):
            raise ValueError(f"FeatureSpace: call adapt(dataset) first. Features that have not learned: {waiting}.")

    # ------------------------------------------------------------------ in a file
    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments in plain values, as Keras writes them. What layers learned is there where it is no weight of theirs:
        vocabularies and boundaries."""
        return {
            "features": saving.serialize_keras_object(self.features), "output_mode": self.output_mode,
            "crosses": saving.serialize_keras_object(self.crosses), "crossing_dim": self.crossing_dim, "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "FeatureSpace":
        """A fresh one, whose layers have the weights they begin with."""
        parts = {name: saving.deserialize_keras_object(config[name]) for name in ("features", "crosses") if name in config}
        return cls(**(config | parts))

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write a ``.keras`` file, which `gpunn.saving.load_model` reads: the same features then give the same numbers. Raises ValueError
        for another suffix, a file that may not be replaced, and before `adapt`; ImportError naming the extra that the format needs."""
        self._need()
        feature_space_file.save(self, filepath, overwrite)

    def learned(self) -> None:
        """From now on it counts as adapted: its layers were given what they need."""
        self._adapted = True

    # ------------------------------------------------------------------ using it
    def get_inputs(self) -> dict[str, KerasTensor]:
        """A symbolic input, (rows, 1), for each feature."""
        self._need()
        if not self._inputs:
            self._inputs = {key: layers.Input((1,), dtype=f.dtype, name=key) for key, f in self.features.items()}
        return self._inputs

    def get_encoded_features(self) -> Any:
        """What comes of the symbolic inputs."""
        if self._encoded is None:
            self._encoded = self._encode(self.get_inputs())
        return self._encoded

    def __call__(self, data: dict[str, Any]) -> Any:
        """For a dict of arrays, (rows,) or (rows, 1), or of one row's values, which gives one row. Raises ValueError for other features."""
        self._need()
        if not isinstance(data, dict) or not set(self.features) <= set(data):
            found = sorted(data) if isinstance(data, dict) else type(data).__name__
            raise ValueError(f"FeatureSpace: expected a dict of {sorted(self.features)}. Received: {found}.")
        one = any(np.ndim(data[key]) == 0 for key in self.features)
        found = self._encode({key: _column(data[key]) for key in self.features})
        return dressed(mapped(lambda v: v[0], found) if one else found)

    def _encode(self, given: dict[str, Any]) -> Any:
        ready = {key: self.preprocessors[key](given[key]) for key in self.features}
        crossed = {c.name: self.crossers[c.name]([ready[n] for n in c.feature_names]) for c in self.crosses}
        specs: dict[str, Any] = {**self.features, **{c.name: c for c in self.crosses}}
        out = {key: self._columns(key, specs[key], v) for key, v in [*sorted(ready.items()), *sorted(crossed.items())]}
        if self.output_mode == "dict":
            return out
        if plain := [key for key in out if specs[key].output_mode == "int"]:
            raise ValueError(f"FeatureSpace: features of output_mode='int' cannot be put beside others: {plain}. Use output_mode='dict'.")
        parts = list(out.values())
        if isinstance(parts[0], KerasTensor):
            return layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
        return np.concatenate([np.asarray(v) for v in parts], axis=-1)

    def _columns(self, key: str, spec: Any, value: Any) -> Any:
        if spec.output_mode != "one_hot":
            return value
        if key not in self.one_hot_encoders:
            layer = self.crossers.get(key) or self.preprocessors[key]
            size = _size(layer)
            if size is None:
                raise ValueError(
                    f"FeatureSpace: feature {key!r} of output_mode='one_hot' has a {type(layer).__name__}, which does not say how many "
                    "numbers there are. Use output_mode='int' or 'float'."
                )
            self.one_hot_encoders[key] = layers.CategoryEncoding(size, "multi_hot")
        return self.one_hot_encoders[key](value)


def _size(layer: Any) -> int | None:
    """How many numbers a layer may give."""
    if hasattr(layer, "vocabulary_size"):
        return int(layer.vocabulary_size())
    return next((getattr(layer, name) for name in ("num_tokens", "depth", "num_bins") if getattr(layer, name, None)), None)


def _knows(layer: Any) -> bool:
    """Whether a layer that can learn was given what it needs."""
    if isinstance(layer, layers.Discretization):
        return layer.num_bins is None
    return getattr(layer, "_given", False) is True or getattr(layer, "given", None) is not None


def _column(x: Any) -> np.ndarray:
    """As (rows, 1)."""
    x = np.asarray(x)
    return x.reshape(-1, 1) if x.ndim < 2 else x
