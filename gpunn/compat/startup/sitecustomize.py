"""What Python runs first in processes that a script under ``gpunn run`` starts, such as those of joblib: they are served gpunn, too.

This folder is on their PYTHONPATH; a ``sitecustomize`` that is somewhere else on it runs as well.
"""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

_here = Path(__file__).resolve().parent
try:
    import gpunn.compat
except ImportError:  # another Python, which has no gpunn
    pass
else:
    gpunn.compat.install()
_elsewhere = [folder for folder in sys.path if Path(folder or ".").resolve() != _here]
_spec = importlib.machinery.PathFinder.find_spec("sitecustomize", _elsewhere)
if _spec is not None and _spec.loader is not None:
    _spec.loader.exec_module(importlib.util.module_from_spec(_spec))
