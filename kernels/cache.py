"""Where compiled things are kept between processes."""

import os
import pathlib
import tempfile


def folder(kind: str) -> pathlib.Path:
    """``GPUNN_CACHE``/kind or the user's cache folder; a temporary one when neither can be written."""
    import platformdirs

    root = pathlib.Path(os.environ.get("GPUNN_CACHE") or platformdirs.user_cache_dir("gpunn"))
    place = root / kind
    try:
        place.mkdir(parents=True, exist_ok=True)
        if os.access(place, os.W_OK):
            return place
    except OSError:
        pass
    return pathlib.Path(tempfile.mkdtemp(prefix=f"gpunn-{kind}-"))
