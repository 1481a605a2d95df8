"""What both gpunn and Keras 3 have takes the same arguments by position, with the same defaults."""

import importlib
import inspect

import pytest

from gpunn import compat, layers
from gpunn.compat.finder import there
from gpunn.compat.tree import KERAS

pytest.importorskip("keras_twin")  # Keras, on JAX

# What differs on purpose, by (name, argument)
ON_PURPOSE = {
    ("Dense", "units"),  # has a default, so that Keras 1's output_dim may stand for it
    ("categorical_generalized_cross_entropy", "q"),  # the class's default holds for the function
    ("load_data", "path"),  # a folder here
    ("Input", "name"), ("Input", "batch_shape"), ("InputLayer", "name"), ("InputLayer", "batch_shape"),  # without sparse and ragged
    *((f"{name}{rank}D", "pool_size") for name in ("AveragePooling", "AvgPool") for rank in (1, 2)),  # Keras 2's default
    ("KerasTensor", "name"),  # without sparse, ragged and a history
    ("clone_model", "recursive"),  # without call_function
    ("circle", "gamma"), ("circle", "margin"),  # without the embeddings of others to compare with
}


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
            (place, default), (wanted, real) = mine[name], reals[name]
            alike = default == real or name == "name" or str(default).lower() == str(real).lower()  # None: the name Keras writes out
            if (place != wanted or not alike) and (where.rpartition(".")[2], name) not in ON_PURPOSE:
                yield f"{where}({name}=): {mine[name]}, in Keras {reals[name]}"


def test_arguments_stand_where_they_stand_in_keras():
    assert not list(differences())


def test_the_comparison_sees_what_differs(monkeypatch):
    assert len(list(pairs())) > 250

    class Dropout:
        def __init__(self, seed=None, rate=0.5): ...

    monkeypatch.setattr(layers, "Dropout", Dropout)
    assert {line.partition(":")[0] for line in differences()} == {"keras.layers.Dropout(rate=)", "keras.layers.Dropout(seed=)"}
