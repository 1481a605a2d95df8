"""What a model that trains must give, and what is noted of it: the base of `compiling`."""

from abc import ABC, abstractmethod
from typing import Any

from gpunn.training.heads import Shape
from gpunn.training.setup import Setup


class Declared(ABC):
    """What a model must give is declared here."""

    backend: Any
    dtype: str
    built: bool
    row_shape: Any
    storage: Any
    parameters: Any
    inputs: Any
    outputs: Any
    name: str
    reopen: Any
    _setup: Setup | None = None
    _flags: tuple[bool, ...] = ()
    _without_targets = False  # whether what was checked last had no targets
    _targets_like: list[Any] | None = None  # no rows of the targets of what was checked last, one for each loss
    run_eagerly = False  # whether a `train_step` of a user's class runs as it is written in every step
    _like: list[str] | None = None  # names of inputs in the dict that a class of the user's is called with

    @property
    @abstractmethod
    def input_names(self) -> list[str] | None:
        """None as long as nobody knows how many inputs there are."""

    @property
    @abstractmethod
    def output_names(self) -> list[str]:
        """One for each output, in order."""

    @property
    @abstractmethod
    def steps_itself(self) -> bool:
        """Whether a class of the user's gives `train_step`."""

    @property
    @abstractmethod
    def names_outputs(self) -> bool:
        """Whether outputs have names in logs."""

    @property
    @abstractmethod
    def varies(self) -> bool:
        """Whether its graph may be another one in training than otherwise."""

    @abstractmethod
    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape."""

    @abstractmethod
    def output_shapes(self, row_shape: Any) -> list[Shape]:
        """Of each output, for inputs of such rows. Raises ValueError where they do not fit."""

    @abstractmethod
    def first_layers(self, converted: bool = False) -> list[Any]:
        """The layer that each input goes to first; `converted`: behind layers whose work is done at the model's door."""

    @abstractmethod
    def pack(self) -> None:
        """Lay the weights into flat vectors."""

    @abstractmethod
    def set_flags(self) -> tuple[bool, ...]:
        """Tell the layers which weights learn; -> what was told."""

    @abstractmethod
    def follow_activations(self) -> None:
        """Forget what was fused with activations that layers have no more."""

    @abstractmethod
    def storage_fits(self) -> bool:
        """Whether the flat vectors still are what the layers ask for."""
