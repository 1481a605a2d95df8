"""Configurations of models that are classes of the user's: their constructor's arguments, and the shape they were built for."""

import functools
from typing import Any

from gpunn import config as settings
from gpunn import lookup
from gpunn.layers import own_arguments


def given(model: Any) -> dict[str, Any]:
    """What the constructor was given, by name. Raises NotImplementedError, saying what to do, where that is not plain values."""
    return own_arguments.given(model, "Model", "; or save its weights alone: save_weights")


def built_for(model: Any) -> Any:
    """What `build` needs to be told: the shape of the inputs, a list of them, or a dict by name."""
    shapes = [[None, *t.shape[1:]] for t in model.inputs]
    if isinstance(model._input, dict):
        return dict(zip(model.input_names, shapes, strict=True))
    return shapes if isinstance(model._input, (list, tuple)) else shapes[0]


def made(kind: Any, entry: dict[str, Any], own: dict[str, Any] | None) -> Any:
    """A model of a class of the user's, from what a file says, built. Raises ValueError where its constructor does not take that.

    Its layers may get other names than they had: weights get those that the file knows, by which it knows the optimizer's state."""
    config, shape = entry["config"], entry.get("build")
    before = settings.floatx()
    settings.set_floatx(entry.get("dtype", before))
    try:
        with lookup.custom_objects(own):
            model = kind.from_config(dict(config))
        if shape is not None and not model.built:
            if isinstance(shape, dict):
                model._like = sorted(shape)
                shape = [shape[name] for name in model._like]
            several = isinstance(shape[0], (list, tuple))
            model.build([tuple(s) for s in shape] if several else tuple(shape))
    except TypeError as error:
        raise ValueError(
            f"{kind.__name__}.from_config does not take the configuration in the file ({error}). Received: {config}."
        ) from error
    finally:
        settings.set_floatx(before)
    names, parameters = entry.get("names", []), model.parameters
    if len(names) == len(parameters):
        for p, name in zip(parameters, names, strict=True):
            p.name = name
    return model


def with_the_graph(cls: Any, build: Any) -> Any:
    """A `build` of the user's, who makes layers there, after which the model's graph is made too."""

    @functools.wraps(build)
    def built(self: Any, input_shape: Any = None) -> None:
        if not self.built:
            build(self, input_shape)
        if not self.built or self._traced is None:  # Keras's habit is to say self.built = True at its end
            self.built = False
            super(cls, self).build(input_shape)

    return built
