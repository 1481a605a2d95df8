"""Where compiled things are kept between processes."""

import os
import pathlib
import tempfile


def folder(kind: str) -> pathlib.Path:
    """``GPUNN_CACHE``/kind or the user's cache folder; a temporary one when neither can be written."""
    if not (root := os.environ.get("GPUNN_CACHE")):
        import platformdirs

        root = platformdirs.user_cache_dir("gpunn")
    place = pathlib.Path(root) / kind
    try:
        place.mkdir(parents=True, exist_ok=True)
        if os.access(place, os.W_OK):
            return place
    except OSError:
        pass
    return pathlib.Path(tempfile.mkdtemp(prefix=f"gpunn-{kind}-"))
