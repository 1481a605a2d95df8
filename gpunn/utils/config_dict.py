"""Config: settings of an experiment, by attribute or by key."""

import difflib
import json
from collections.abc import Iterator, MutableMapping
from typing import Any


class Config(MutableMapping[str, Any]):
    """``Config(rate=0.1)``, then ``config.seed = 3`` or ``config["seed"] = 3``: a dict that may be read and written by attribute.

    ``frozen`` says whether it may still change. Keys come in order of the alphabet. Raises ValueError for a change once frozen,
    AttributeError, with the nearest name, for one that is not there.
    """

    _values: dict[str, Any]
    frozen: bool

    def __init__(self, **values: Any):
        vars(self).update(_values=values, frozen=False)

    def freeze(self) -> None:
        """Nothing in it may change from now on."""
        vars(self)["frozen"] = True

    def unfreeze(self) -> None:
        vars(self)["frozen"] = False

    def as_dict(self) -> dict[str, Any]:
        return dict(self._values)

    def to_json(self) -> str:
        return json.dumps(self._values)

    def keys(self) -> Any:
        return self._values.keys()

    def values(self) -> Any:
        return self._values.values()

    def items(self) -> Any:
        return self._values.items()

    def get(self, keyname: str, value: Any = None) -> Any:
        """The value, or where there is none `value`."""
        return self._values.get(keyname, value)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._check()
        self._values[key] = value

    def __delitem__(self, key: str) -> None:
        self._check()
        del self._values[key]

    def _check(self) -> None:
        if self.frozen:
            raise ValueError("Cannot mutate attribute(s) because the config is frozen.")

    __setattr__ = __setitem__

    def __getattr__(self, name: str) -> Any:
        values = vars(self).get("_values", {})
        if name in values:
            return values[name]
        near = difflib.get_close_matches(name, values, n=1, cutoff=0.7)
        raise AttributeError(f"Unknown attribute: {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._values))

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Config {self._values}>"
