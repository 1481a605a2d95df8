"""RemoteMonitor: an epoch's logs, posted to a server."""

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from typing import Any

import numpy as np

from gpunn.callbacks.base import Callback


class RemoteMonitor(Callback):
    """Posts ``{"epoch": ..., "loss": ..., ...}`` to ``root + path`` after every epoch, as the form's `field`, in JSON; or, with
    `send_as_json`, as the body itself. A server that cannot be reached is a warning, and training goes on.

    Arguments: ``root``, ``path``, ``field``; ``headers``, a dict of further ones; ``send_as_json``. Raises ValueError for a `root` that is
    no http or https address.
    """

    def __init__(
        self, root: str = "http://localhost:9000", path: str = "/publish/epoch/end/", field: str = "data",
        headers: dict[str, str] | None = None, send_as_json: bool = False,
    ):
        super().__init__()
        if urllib.parse.urlsplit(root).scheme not in ("http", "https"):
            raise ValueError(f"RemoteMonitor: expected root to be an http or https address. Received: root={root!r}.")
        self.root, self.path, self.field, self.headers, self.send_as_json = root, path, field, headers, bool(send_as_json)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        text = json.dumps({"epoch": epoch, **{name: _plain(value) for name, value in (logs or {}).items()}})
        kind, body = ("json", text) if self.send_as_json else ("x-www-form-urlencoded", urllib.parse.urlencode({self.field: text}))
        headers = {"Content-Type": f"application/{kind}", **(self.headers or {})}
        try:
            urllib.request.urlopen(urllib.request.Request(self.root + self.path, body.encode(), headers), timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()  # it was reached, and that is all that is asked for
        except OSError as error:
            warnings.warn(f"Could not reach RemoteMonitor root server at {self.root}: {error}", stacklevel=2)


def _plain(value: Any) -> Any:
    """A number, or lists of them, as JSON has them."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
