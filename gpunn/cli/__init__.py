"""The command line, ``gpunn``.

Only the check for the optional packages happens here; every command imports what it needs when it runs, so that ``gpunn --help`` is quick.
"""

import importlib.util
import sys

NEEDED = ("click", "rich", "matplotlib")


def main() -> None:
    """Entry point of the console script.  Exit codes: 0 ok, 1 failed, 2 bad usage or bad input, 130 interrupted."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f'gpunn: the command line needs {", ".join(missing)}: pip install "gpunn[cli]"', file=sys.stderr)
        raise SystemExit(2)
    from gpunn.cli.app import gpunn

    gpunn(prog_name="gpunn")
