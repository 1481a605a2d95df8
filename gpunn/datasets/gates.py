"""The two-input logic gates: four rows each, the smallest data there is; XOR is the classic one that no single neuron can learn."""

import numpy as np

from gpunn.datasets.errors import DatasetError
from gpunn.datasets.loader import Data

pixel_max = 1

# Outputs for the inputs (0, 0), (0, 1), (1, 0), (1, 1).
_TABLES = {
    "and": (0, 0, 0, 1),
    "nand": (1, 1, 1, 0),
    "nor": (1, 0, 0, 0),
    "or": (0, 1, 1, 1),
    "xnor": (1, 0, 0, 1),
    "xor": (0, 1, 1, 0),
}


def load_data(gate: str = "xor") -> Data:
    """The truth table of a gate: "and", "nand", "nor", "or", "xnor" or "xor" (upper case too).

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: uint8 arrays of shapes (4, 2) and (4,). There is nothing to hold back:
        the test rows are the training rows (copies).

    Raises:
        DatasetError (a ValueError): unknown gate.
    """
    outputs = _TABLES.get(gate.lower()) if isinstance(gate, str) else None
    if outputs is None:
        raise DatasetError(f"Unknown gate. Expected: one of {', '.join(_TABLES)}. Received: gate={gate!r}")
    x = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], np.uint8)
    y = np.array(outputs, np.uint8)
    return (x, y), (x.copy(), y.copy())
