"""``python tests/gpu/hosted/run.py program.py arguments``: the program with `install` done before it."""

import pathlib
import runpy
import sys

if __name__ == "__main__":
    sys.path[0] = str(pathlib.Path(__file__).parents[1])  # instead of this folder
    from hosted.install import install

    install()
    sys.argv = sys.argv[1:]
    sys.path.insert(0, str(pathlib.Path(sys.argv[0]).parent))
    runpy.run_path(sys.argv[0], run_name="__main__")
