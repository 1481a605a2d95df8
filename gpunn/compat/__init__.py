"""Course code untouched: ``import keras``, ``import tensorflow``, ``from sklearn.neural_network import ...`` give gpunn.

After `install` these names are served from gpunn, under the paths of Keras 1, 2 and 3:

* ``keras`` and ``tensorflow.keras`` (also as ``import tensorflow as tf``, ``tf_keras``, ``tensorflow.python.keras``);
* ``sklearn.neural_network``. Every other module of scikit-learn stays scikit-learn's; without scikit-learn, ``accuracy_score`` and
  ``Perceptron`` come from gpunn too;
* ``tensorflow_datasets``, as far as `gpunn.datasets` has the sets.

Nothing is imitated: a name that gpunn does not have raises AttributeError or ImportError, saying what is missing and what there is.
Numbers and arrays that models, layers, losses, metrics and activations give in calls have ``.numpy()`` meanwhile.
``gpunn run script.py`` does the same for a script; ERRATA.md beside this file lists where the courses' slides are wrong.
"""

import importlib
import sys
from types import ModuleType, TracebackType
from typing import Any

from gpunn import results
from gpunn.compat.finder import Finder, Served
from gpunn.compat.shapes import TensorShape
from gpunn.compat.tree import REPLACED

__all__ = ["Installation", "install", "installed", "uninstall"]

_finder: Finder | None = None
_real: dict[str, ModuleType] = {}


class Installation:
    """What `install` returns: ``with gpunn.compat.install():`` takes it back at the end, unless it was there already."""

    def __init__(self, fresh: bool):
        self._fresh = fresh

    def __enter__(self) -> "Installation":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._fresh:
            uninstall()


def install() -> Installation:
    """Serve ``keras``, ``tensorflow`` and ``sklearn.neural_network`` from gpunn in this process, from now on.

    Modules of these names that were imported before are put aside, not changed: who holds them keeps them, and `uninstall` puts them back.
    A second call does nothing.
    """
    global _finder
    if _finder is not None:
        return Installation(fresh=False)
    _real.update(_take_out())
    _finder = Finder()
    sys.meta_path.insert(0, _finder)
    results.dress_with(_dress, TensorShape)
    return Installation(fresh=True)


def uninstall() -> None:
    """Undo `install`; without one, do nothing. Code that has imported something meanwhile keeps what it has."""
    global _finder
    if _finder is None:
        return
    sys.meta_path.remove(_finder)
    results.dress_with(None)
    _finder = None
    _take_out()
    for name, module in _real.items():
        sys.modules[name] = module
        _bind(name, module)
    _real.clear()
    importlib.invalidate_caches()


def installed() -> bool:
    """Whether `install` is in force."""
    return _finder is not None


def _dress(value: Any) -> Any:
    from gpunn.compat.numpy_results import dress  # which needs NumPy

    return dress(value)


def _take_out() -> dict[str, ModuleType]:
    """Remove the modules that are served or would be, and what packages that stay hold of them."""
    # type(m), for isinstance would wake lazy modules that other libraries keep there
    names = [n for n, m in list(sys.modules.items()) if type(m) is Served or any(n == r or n.startswith(f"{r}.") for r in REPLACED)]
    out = {name: sys.modules.pop(name) for name in names}
    for name in names:
        _bind(name, None)
    return out


def _bind(name: str, module: Any) -> None:
    """Set (or with None remove) a submodule as its parent's attribute, where the parent is another's package that stays."""
    parent, _, child = name.rpartition(".")
    holder = sys.modules.get(parent)
    if holder is None:
        return
    if module is not None:
        setattr(holder, child, module)
    else:
        vars(holder).pop(child, None)
