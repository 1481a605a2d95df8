"""What both gpunn and Keras 3 have takes the same arguments by position, with the same defaults."""

import importlib
import inspect

from gpunn import compat
from gpunn.compat.tree import KERAS, there

SAME_IF_GIVEN = inspect.Parameter.empty


def arguments(thing):
    """name -> (position, default) of what may be given by position."""
    try:
        parameters = inspect.signature(thing.__init__ if isinstance(thing, type) else thing).parameters.values()
    except (TypeError, ValueError):
        return {}
    named = [p for p in parameters if p.name != "self" and p.kind is p.POSITIONAL_OR_KEYWORD]
    return {p.name: (place, p.default) for place, p in enumerate(named)}


def pairs():
    """(where, ours, theirs) for every callable name that both have."""
    for path in KERAS:
        full = f"keras.{path}" if path else "keras"
        try:
            theirs = importlib.import_module(full)
        except ImportError:  # a path of Keras 1 or 2
            continue
        if not there(full) or path.startswith("backend"):
            continue
        real = {name: getattr(theirs, name) for name in dir(theirs) if not name.startswith("_")}
        with compat.install():
            ours = importlib.import_module(full)
            for name in dir(ours):
                if callable(real.get(name)) and callable(getattr(ours, name)):
                    yield f"{full}.{name}", getattr(ours, name), real[name]


def differences():
    for where, ours, theirs in pairs():
        mine, reals = arguments(ours), arguments(theirs)
        for name in mine.keys() & reals.keys():
            if mine[name] != reals[name]:
                yield where, name, mine[name], reals[name]
