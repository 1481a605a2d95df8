"""``python run.py program.py arguments``: the program with `install` done before it."""

import runpy
import sys

from install import install

if __name__ == "__main__":
    install()
    sys.argv = sys.argv[1:]
    sys.path.insert(0, sys.argv[0].rpartition("/")[0] or ".")
    runpy.run_path(sys.argv[0], run_name="__main__")
