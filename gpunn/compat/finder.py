"""The meta-path finder, and the modules it makes. What they hold is in `tree`."""

import difflib
import functools
import importlib.util
import inspect
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from gpunn.compat.tree import NETWORKS, NO_TENSORFLOW, ROOTS, TREE, Place
from gpunn.results import dressed

MANY = 60  # names: of more an error lists those like the one that was asked for


def there(path: str) -> bool:
    """Whether gpunn has what the path of `TREE` stands for."""
    source = TREE[path].source
    try:
        return source is None or importlib.util.find_spec(source) is not None
    except ModuleNotFoundError:  # nor has it the package around it
        return False


class Served(ModuleType):
    """A module whose names are looked up in gpunn when asked for."""

    def __getattr__(self, name: str) -> Any:
        path = self.__name__
        if name == "__all__":
            return _names(path)
        place = TREE[path]
        if f"{path}.{name}" in TREE and there(f"{path}.{name}"):
            return importlib.import_module(f"{path}.{name}")
        if name in place.names:
            found = _load(place.names[name])
            return _answering(found) if place.answers else found
        if not name.startswith("_") and place.source is not None:
            source = importlib.import_module(place.source)
            if _is_public(source, name, place):
                return _answering(getattr(source, name)) if place.answers else getattr(source, name)
        if name.startswith("__"):
            raise AttributeError(f"module {path!r} has no attribute {name!r}")
        raise AttributeError(_missing(path, name))

    def __dir__(self) -> list[str]:
        return _names(self.__name__)

    def __repr__(self) -> str:
        return f"<module {self.__name__!r} served by gpunn>"


class Finder(MetaPathFinder, Loader):
    """Finds the modules of `tree.TREE`; a module of the same package that gpunn does not have raises, whatever is installed."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname == NO_TENSORFLOW:
            return ModuleSpec(fullname, self)
        if fullname.partition(".")[0] not in ROOTS:
            return None
        parent, _, name = fullname.rpartition(".")
        learn = self._real("sklearn", None) if parent.startswith("sklearn") or fullname == "sklearn" else None
        if learn is not None and fullname != NETWORKS:  # scikit-learn is here: all else is its own, private modules of this package too
            if not fullname.startswith(f"{NETWORKS}.") or self._real(fullname, path) is not None:
                return None
        elif fullname in TREE and there(fullname):
            spec = ModuleSpec(fullname, self, is_package=True)
            if learn is not None:
                spec.submodule_search_locations = [f"{folder}/neural_network" for folder in learn.submodule_search_locations or ()]
            return spec
        # Without a `name`: importlib would take an exception that has it for "no such submodule", and say its own "cannot import name".
        raise ModuleNotFoundError(_missing(parent, name))

    def _real(self, fullname: str, path: Sequence[str] | None) -> ModuleSpec | None:
        """What would be imported without gpunn."""
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(fullname, path)) is not None:
                return spec
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Served(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: names are looked up when asked for."""


@functools.cache
def _answering(function: Any) -> Any:
    """A function whose results have ``.numpy()``; anything else as it is."""
    if not inspect.isfunction(function):
        return function

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        return dressed(function(*arguments, **options))

    return call


def _load(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


def _is_public(source: ModuleType, name: str, place: Place) -> bool:
    """Whether the source offers a name itself, rather than having imported it for its own use."""
    if place.only is not None and name not in place.only:
        return False
    if name in getattr(source, "__all__", ()):
        return True
    value = getattr(source, name, None)
    return not isinstance(value, ModuleType) and str(getattr(value, "__module__", "")).startswith(source.__name__)


def _names(path: str) -> list[str]:
    """The public names of a served module, its submodules among them."""
    place = TREE[path]
    out = {name for name, where in place.names.items() if not name.startswith("_")}
    out |= {p.rpartition(".")[2] for p in TREE if p.rpartition(".")[0] == path and not TREE[p].old and there(p)}
    if place.source is not None:
        source = importlib.import_module(place.source)
        out |= {n for n in {*dir(source), *getattr(source, "__all__", ())} if not n.startswith("_") and _is_public(source, n, place)}
    return sorted(out)


def _missing(path: str, name: str) -> str:
    if path not in TREE or not there(path):
        known = sorted(p for p in TREE if p.partition(".")[0] == path.partition(".")[0] and not TREE[p].old and there(p))
        return f"gpunn has no {path}.{name}. It serves: {', '.join(known)}."
    rest = " The rest comes with scikit-learn: pip install scikit-learn." if path.startswith("sklearn") and path != NETWORKS else ""
    names = _names(path)
    near = difflib.get_close_matches(name, names, 5, 0.5) if len(names) > MANY else names
    has = f" It has: {', '.join(near)}." if near else ""
    return f"{path}, as gpunn serves it, has no {name!r}.{has}{f' dir({path}) lists all names.' if near is not names else ''}{rest}"
