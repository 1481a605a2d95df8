"""Images a second of training loops of one's own against PyTorch and JAX under ``jit``: ``python bench/loops.py --batches 32 128``.

The loop is `gpunn.function`'s; beside it the same loop as it is written, as a model's own `train_step`, and `fit`. 784-300-100-10 on
Fashion-MNIST, with and without dropout. Prints a table and writes bench/results/loops-cpu-DATE.json.
"""

from loops_worker import CASES
from networks import main

if __name__ == "__main__":
    main(__doc__, CASES, "loops_worker.py", "loops-cpu", ("tape", "train_step", "fit", "torch", "jax"))
