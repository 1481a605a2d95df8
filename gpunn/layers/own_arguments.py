"""What the constructor of a class of the user's was given: its configuration, where the class says none."""

import inspect
from typing import Any

PLAIN = (str, int, float, bool, type(None))


def given(owner: Any, what: str, else_: str) -> dict[str, Any]:
    """By name what the constructor was given. Raises NotImplementedError, with advice and `else_`, where these are not plain values."""
    arguments, named = owner._given
    bound = inspect.signature(type(owner).__init__).bind(owner, *arguments, **named)
    out: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        kind = bound.signature.parameters[name].kind
        out |= value if kind is inspect.Parameter.VAR_KEYWORD else {name: value}
    odd = [name for name, value in out.items() if not _plain(value)]
    if odd:
        raise NotImplementedError(
            f"{what} {owner.name!r}: {type(owner).__name__} gives no get_config(), and its argument {odd[0]!r} is no plain value "
            f"({type(out[odd[0]]).__name__}). Give get_config(), the constructor's arguments as numbers, strings, lists and dicts, and "
            f"perhaps the class method from_config(config){else_}."
        )
    return out


def taken(kind: type, config: dict[str, Any]) -> dict[str, Any]:
    """Of a configuration what the constructor of a class takes."""
    known = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
    more = any(p.kind is p.VAR_KEYWORD for p in known.values())
    return dict(config) if more else {name: value for name, value in config.items() if name in known}


def _plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_plain(v) for v in value)
    if isinstance(value, dict):
        return all(isinstance(k, str) and _plain(v) for k, v in value.items())
    return isinstance(value, PLAIN)
