"""Images a second of a network whose parts are one's own arithmetic against PyTorch and Keras on JAX: ``python bench/own.py``.

784-300-100-10 on Fashion-MNIST with an activation, a loss and a layer written with `gpunn.ops`. Prints a table and writes
bench/results/own-cpu-DATE.json.
"""

from networks import main
from own_worker import CASES

if __name__ == "__main__":
    main(__doc__, CASES, "own_worker.py", "own-cpu")
