"""Files of a model: written whole or its weights alone, read, exported."""

from collections.abc import Callable
from typing import Any


class Kept:
    """What a model inherits to be saved."""

    name: str
    built: bool
    build: Callable[..., Any]
    _setup: Any
    needs_loss = False  # whether it cannot be compiled without one

    def __reduce__(self) -> Any:
        from gpunn.models.pickled import reduced

        return reduced(self)

    def save(self, filepath: Any, overwrite: bool = True, include_optimizer: bool = True, save_format: Any = None) -> None:
        """Write architecture, weights and optimizer state to one file; `gpunn.models.load_model` reads it.

        The suffix says the format: ``.keras`` and ``.h5`` are Keras 3's, which it loads (they need h5py: ``pip install "gpunn[hdf5]"``);
        any other is gpunn's own, an .npz archive; Keras 2's `save_format` changes nothing.
        Raises ValueError for a file that is there where `overwrite` is False.
        """
        from gpunn.models.saving import save

        save(self, filepath, overwrite, include_optimizer)

    def save_weights(self, filepath: Any, overwrite: bool = True, save_format: Any = None) -> None:
        """Write the weights, and the state of the optimizer where the model is compiled, to one file; `load_weights` reads it.

        The suffix says the format: ``.weights.h5`` is Keras 3's; ``.h5``, Keras 2's, and ``.safetensors`` hold weights alone; any other is
        gpunn's own.
        """
        from gpunn.models.state import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False) -> None:
        """Read the weights (and the optimizer's state) that `save_weights` or Keras 3 wrote, or those of a whole .keras file; of another
        whole model's file the weights alone.

        Raises FileNotFoundError for no file; ValueError, changing nothing, for one that is not whole or has weights of other shapes. Warns
        where the file holds the state of another kind of optimizer, which stays out. With `skip_mismatch`, of .weights.h5 and .keras files,
        layers whose number or shapes of weights differ from the file's keep theirs, with a warning for each. `by_name` must be False.
        """
        if by_name:
            raise ValueError(f"load_weights reads weights in the model's order. Expected by_name=False. Received: {by_name!r}.")
        from gpunn.models.state import load_weights

        load_weights(self, filepath, skip_mismatch)

    def get_build_config(self) -> dict[str, Any] | None:
        """The shape of the inputs that the model was built for, for `build_from_config`; None where it is not built."""
        from gpunn.models.own_classes import built_for

        return {"input_shape": built_for(self)} if self.built else None

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Make all weights for the inputs that `get_build_config` gave."""
        if config and not self.built:
            self.build(config["input_shape"])

    def compile_written_down(self) -> dict[str, Any]:
        """Losses and metrics that compile was given, as a file keeps them."""
        return self._setup.written_down()

    def get_compile_config(self) -> dict[str, Any] | None:
        """What compile was given, as Keras writes it, for `compile_from_config`; None where the model is not compiled."""
        from gpunn.models.files.keras_json import compile_to_keras
        from gpunn.models.saving import describe

        found = describe(self).get("compile")
        return None if found is None else compile_to_keras(found)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as `get_compile_config` of gpunn's or Keras's says, with an optimizer that begins anew."""
        from gpunn.models.files.keras_json import compile_from_keras
        from gpunn.models.saving import compile_as

        compile_as(self, {"compile": compile_from_keras(config)}, None)

    def export(self, path: Any, format: str = "onnx") -> None:
        """Write the model as ONNX, for inference elsewhere, with any number of rows (``pip install "gpunn[onnx]"``).

        Raises ValueError for a layer that has no ONNX form, naming it, and for another `format`.
        """
        from gpunn.models.onnx import export

        if format != "onnx":
            raise ValueError(f"Model {self.name!r}: models are exported as 'onnx'. Received: format={format!r}.")
        export(self, path)

    def to_json(self, **options: Any) -> str:
        """The architecture, and what compile was given, as Keras 3's JSON text; `gpunn.models.model_from_json` makes a model of it.

        `options` are `json.dumps`'s, ``indent=2``, say. Raises NotImplementedError where a class of the user's gives no get_config.
        """
        from gpunn.models.as_json import to_json

        return to_json(self, **options)
