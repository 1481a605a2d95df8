"""Finding a class by the string, class, object or configuration a user gives, as Keras's ``get`` functions do."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_own: ContextVar[dict[str, Any]] = ContextVar("objects of the user's", default={})  # noqa: B039  never changed in place
REGISTERED: dict[str, Any] = {}  # the user's, for good: "package>Name", or what they put in themselves
_keys: dict[Any, str] = {}
_noted: ContextVar[dict[str, Any] | None] = ContextVar("objects of the user's that are written down", default=None)


def register(key: str, thing: Any) -> None:
    """A class or a function of the user's that is found under this key, ``"package>Name"``, from now on, and written down by it."""
    REGISTERED[key], _keys[thing] = thing, key


def key_of(thing: Any) -> str:
    """The key a class or a function was registered under, else its name."""
    try:
        key = _keys.get(thing) or thing.__name__
    except TypeError:  # it cannot be looked up
        key = thing.__name__
    return key if str(getattr(thing, "__module__", "")).startswith("gpunn.") else note(key, thing)


def note(name: str, thing: Any) -> str:
    """The name under which something of the user's is written down: in a block of `noting` one that nothing else there has, else `name`."""
    noted = _noted.get()
    if noted is None:
        return name
    key = name.strip("<>")  # of lambdas
    while noted.setdefault(key, thing) is not thing:
        key += "_"
    return key


@contextmanager
def noting() -> Iterator[dict[str, Any]]:
    """``with noting() as own:`` all classes and functions of the user's whose keys are asked for in the block, by these."""
    own: dict[str, Any] = {}
    token = _noted.set(own)
    try:
        yield own
    finally:
        _noted.reset(token)


def known(objects: dict[str, Any] | None = None) -> dict[str, Any]:
    """What is the user's: registered, of the ``with`` blocks around, and these."""
    return REGISTERED | _own.get() | (objects or {})


def table(names: dict[str, Any], objects: dict[str, Any] | None = None) -> dict[str, Any]:
    """Names of the library's and all the user's. What was registered is found without its package too, where nothing else has the name."""
    return {key.rpartition(">")[2]: thing for key, thing in REGISTERED.items()} | names | known(objects)


@contextmanager
def custom_objects(objects: dict[str, Any] | None) -> Iterator[None]:
    """Names of the user's that are found within the ``with`` block, whatever is looked for."""
    token = _own.set(_own.get() | (objects or {}))
    try:
        yield
    finally:
        _own.reset(token)


def own(name: str) -> Any:
    """What the user gave under this name, or None."""
    return table({}).get(name)


def snake(name: str) -> str:
    """``MeanSquaredError`` -> ``mean_squared_error``, ``PReLU`` -> ``p_re_lu``: where Keras puts them."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def name_of(function: Any) -> str:
    """A function's name, or that of the class of an object which can be called."""
    return getattr(function, "__name__", type(function).__name__)


def name_in_logs(function: Any) -> str:
    """The name under which Keras logs what compile was given as a function: ``myMetric`` is ``my_metric``, a lambda ``lambda``."""
    return snake(re.sub(r"\W+", "", name_of(function)))


def find(kind: str, identifier: Any, names: dict[str, Any]) -> Any:
    """The entry a string names. Raises ValueError listing the valid names."""
    names = table(names)
    for name in (identifier, identifier.lower().replace(" ", "_"), snake(identifier), identifier.rpartition(">")[2]):
        if name in names:
            return names[name]
    raise ValueError(f"Unknown {kind}: {identifier!r}. Expected one of: {', '.join(sorted(names))}.")


def from_identifier(kind: str, identifier: Any, names: dict[str, Any], base: type) -> Any:
    """An object of `base` from an object, a class, a string, or ``{"class_name": ..., "config": {...}}``."""
    if isinstance(identifier, base):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, base):
        return identifier()
    if isinstance(identifier, str):
        found = find(kind, identifier, names)
        return found() if isinstance(found, type) else found
    if isinstance(identifier, dict) and "class_name" in identifier:
        return find(kind, identifier["class_name"], names)(**identifier.get("config", {}))
    raise ValueError(f"Could not interpret {kind}. Expected a name, a {base.__name__} or its configuration. Received: {identifier!r}.")


def optional(kind: str, identifier: Any, names: dict[str, Any], base: type, wrap: Callable[[Any], Any]) -> Any:
    """The same, or None. What is neither a class nor a configuration goes to `wrap`; a configuration may name a function of the user's."""
    if identifier is None:
        return None
    if isinstance(identifier, dict) and identifier.get("class_name") == "function":  # Keras's way to write one
        name = identifier.get("config")
        if own(str(name)) is None:
            raise ValueError(f"Unknown {kind} function: {name!r}. Pass custom_objects={{{name!r}: the_function}}.")
        identifier = own(str(name))
    found = find(kind, identifier, names) if isinstance(identifier, str) else identifier
    return from_identifier(kind, found, names, base) if isinstance(found, (base, type, dict)) else wrap(found)


def serialize(thing: Any) -> dict[str, Any] | None:
    """``{"class_name": ..., "config": ...}``, for `from_identifier`; None of None, and a function by its name."""
    if thing is None:
        return None
    if (function := getattr(thing, "function", None)) is not None:
        return {"class_name": "function", "config": key_of(function) if hasattr(function, "__name__") else function.name}
    return {"class_name": key_of(type(thing)), "config": thing.get_config()}
