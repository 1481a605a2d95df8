"""Finding a class by the string, class, object or configuration a user gives, as Keras's ``get`` functions do."""

from typing import Any


def snake(name: str) -> str:
    """``MeanSquaredError`` -> ``mean_squared_error``."""
    return "".join(("_" + c.lower() if c.isupper() and i and not name[i - 1].isupper() else c.lower()) for i, c in enumerate(name))


def find(kind: str, identifier: Any, table: dict[str, Any]) -> Any:
    """The entry a string names. Raises ValueError listing the valid names."""
    for name in (identifier, identifier.lower(), snake(identifier)):
        if name in table:
            return table[name]
    raise ValueError(f"Unknown {kind}: {identifier!r}. Expected one of: {', '.join(sorted(table))}.")


def from_identifier(kind: str, identifier: Any, table: dict[str, Any], base: type) -> Any:
    """An object of `base` from an object, a class, a string, or ``{"class_name": ..., "config": {...}}``."""
    if isinstance(identifier, base):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, base):
        return identifier()
    if isinstance(identifier, str):
        found = find(kind, identifier, table)
        return found() if isinstance(found, type) else found
    if isinstance(identifier, dict) and "class_name" in identifier:
        return find(kind, identifier["class_name"], table)(**identifier.get("config", {}))
    raise ValueError(f"Could not interpret {kind}. Expected a name, a {base.__name__} or its configuration. Received: {identifier!r}.")
