"""How the inputs of kernels are drawn: families of them, inputs_*.py, take these from here."""

import numpy as np


class Maker:
    """Draws arrays of one floating type."""

    def __init__(self, dtype, seed=0):
        self.dtype, self.rng = np.dtype(dtype), np.random.default_rng(seed)

    def _as(self, values):
        return np.asarray(values, np.float32).astype(self.dtype)

    def real(self, *shape):
        """Normal, with exact zeros and some large magnitudes."""
        values = self.rng.standard_normal(shape) * 3
        kind = self.rng.random(shape)
        return self._as(np.where(kind < 0.1, 0.0, np.where(kind > 0.95, values * 1e4, values)))

    def small(self, *shape):
        return self._as(self.rng.standard_normal(shape))

    def positive(self, *shape):
        return self._as(self.rng.uniform(0.01, 10.0, shape))

    def large(self, *shape):
        return self._as(self.rng.uniform(1e5, 1e6, shape))

    def flags(self, *shape):
        """0 or 1."""
        return self._as(self.rng.integers(0, 2, shape))

    def probability(self, *shape):
        """Between 0 and 1, both of them included."""
        values = self.rng.uniform(0.001, 0.999, shape)
        kind = self.rng.random(shape)
        return self._as(np.where(kind < 0.1, 0.0, np.where(kind > 0.9, 1.0, values)))

    def share(self, *shape):
        """Between 0 and 1, neither of them included."""
        return self._as(self.rng.uniform(0.001, 0.999, shape))

    def signed_share(self, *shape):
        return self._as(self.rng.uniform(-0.999, 0.999, shape))

    def distribution(self, *shape):
        """Rows that sum to about one."""
        values = self.rng.uniform(0.01, 1.0, shape)
        return self._as(values / values.sum(axis=1, keepdims=True))

    def unnormalized(self, *shape):
        """Positive rows with some exact zeros, never all of a row."""
        values = self.rng.uniform(0.05, 1.0, shape)
        values[:, 1:][self.rng.random((shape[0], shape[1] - 1)) < 0.2] = 0
        return self._as(values)

    def labels(self, rows, columns):
        return self.rng.integers(0, columns, rows).astype(np.int32)

    def order(self, n):
        return self.rng.permutation(n).astype(np.int32)

    def blank(self, *shape):
        return np.full(shape, np.nan, self.dtype)

    def number(self, value):
        return float(np.float32(value))


def whole(*values):
    return np.array(values, np.int64)


def added(rows, columns):
    """Whether a result is added to what is there: both ways of writing, over the shapes."""
    return float((rows + columns) % 2)


def blank_labels(*shape):
    return np.full(shape, -7, np.int32)


def logits(m, rows, columns):
    z = m.small(rows, columns) * m.dtype.type(4)
    z[::3] += m.dtype.type(500)
    return z
