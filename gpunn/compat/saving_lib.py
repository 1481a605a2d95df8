"""``keras.src.saving.saving_lib``, from which other libraries take models to and from bytes in memory."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from gpunn.models import saving

NAME = "model.npz"


def save_model(model: Any, filepath: Any, **options: Any) -> None:
    """`Model.save` to a file by its name, or to an open one, in gpunn's own format."""
    if not hasattr(filepath, "write"):
        saving.save_model(model, filepath, **options)
        return
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder, NAME))
        with Path(folder, NAME).open("rb") as written:
            shutil.copyfileobj(written, filepath)


def load_model(filepath: Any, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True) -> Any:
    """The model of a file by its name, or of an open one. Raises as `gpunn.models.load_model`."""
    if not hasattr(filepath, "read"):
        return saving.load_model(filepath, custom_objects, compile, safe_mode)
    with tempfile.TemporaryDirectory() as folder:
        with Path(folder, NAME).open("wb") as written:
            shutil.copyfileobj(filepath, written)
        return saving.load_model(Path(folder, NAME), custom_objects, compile, safe_mode)
