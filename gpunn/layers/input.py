"""Input: where a model's graph begins."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn import config
from gpunn.layers.base import Layer, Pullback, one_shape
from gpunn.layers.graph import KerasTensor, Node

TEXT = "string"  # Keras's name of such a type


class InputLayer(Layer):
    """What a model's rows look like: shape without the batch axis. ``output`` is the symbolic tensor of them.

    None is an open axis: every call of the model may bring another size. Weights cannot depend on it.

    A dtype of integers is what the rows are expected to be, "string" that they are texts for a `TextVectorization`; layers compute in
    `gpunn.config.floatx` all the same.
    """

    recordable = True
    supports_masking = True

    def __init__(
        self, shape: Any = None, batch_size: int | None = None, dtype: Any = None, name: str | None = None, batch_shape: Any = None,
        **common: Any,
    ):
        self.given_dtype = TEXT if dtype in (TEXT, "str", str) else np.dtype(dtype or config.floatx()).name
        computed = self.given_dtype if self.given_dtype != TEXT and np.dtype(self.given_dtype).kind == "f" else None
        super().__init__(name=name, dtype=computed, **({"batch_input_shape": batch_shape} if batch_shape is not None else {}), **common)
        given = one_shape(shape, None, None) if shape is not None else self.given_shape
        if given is None:
            raise ValueError("Input needs a shape, without the batch axis: Input(shape=(784,)).")
        self.given_shape: tuple[int | None, ...] = given
        self.built = True
        Node(self, [], [KerasTensor(self.shape, self.given_dtype, self.name)])

    @property
    def shape(self) -> tuple[int | None, ...]:
        return (None, *self.given_shape)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        return x, lambda dy, need_dx=True: dy

    def config(self) -> dict[str, Any]:
        return {"shape": self.given_shape}

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.given_dtype, "shape": self.given_shape}


def of_texts(tensor: KerasTensor) -> bool:
    """Whether a symbolic tensor is of texts, as an Input of them is and what operations move of it."""
    if tensor.dtype == TEXT:
        return True
    return tensor.node is not None and hasattr(tensor.node.layer, "definition") and any(map(of_texts, tensor.node.inputs))


@dataclass
class InputSpec:
    """What a layer says of its inputs, as Keras's layers do in ``input_spec``: kept, not checked, as layers here check what they take."""

    dtype: Any = None
    shape: Any = None
    ndim: int | None = None
    max_ndim: int | None = None
    min_ndim: int | None = None
    axes: dict[int, int] | None = None
    allow_last_axis_squeeze: bool = False
    name: str | None = None
    optional: bool = False


def Input(
    shape: Any = None, batch_size: int | None = None, dtype: Any = None, name: str | None = None, batch_shape: Any = None
) -> KerasTensor:
    """A symbolic tensor of a model's rows, without the batch axis: ``Input(shape=(784,))``; or with it: ``Input(batch_shape=(None, 784))``.

    Layers are called on it to make a graph; `Sequential` takes it as its first entry.
    """
    return InputLayer(shape, batch_size, dtype, name, batch_shape).output
