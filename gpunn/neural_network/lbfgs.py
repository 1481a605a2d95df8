"""Solver "lbfgs": SciPy's L-BFGS-B over all weights, loss and gradient by one replay of gpunn's recorded step."""

from typing import Any, cast

import numpy as np

from gpunn.neural_network._sklearn import ConvergenceWarning, warn
from gpunn.neural_network.network import Network
from gpunn.optimizers import Optimizer


class Still(Optimizer):
    """Leaves the weights as they are: a step then ends with the gradient."""

    def __init__(self) -> None:
        super().__init__(0.0)

    def record(self, ops: Any, parameters: Any, gradients: Any) -> None:
        pass


class Objective:
    """The loss and its gradient as functions of one vector: coefficients layer by layer, then intercepts."""

    def __init__(self, network: Network, x: np.ndarray, target: np.ndarray, weights: np.ndarray | None):
        self.network, self.ops = network, network.ops
        self.epochs = network.epochs(x, target, weights, len(x))
        self.storage = cast(Any, network.model.storage)
        places = self.storage.places.values()
        ordered = sorted(places, key=lambda place: -len(place[1]))  # stable: matrices first
        self.index = np.concatenate([at + np.arange(int(np.prod(shape))) for at, shape in ordered])
        self.size = self.storage.trainable_size

    def start(self) -> np.ndarray:
        return self.ops.to_numpy(self.storage.values[: self.size])[self.index]

    def put(self, vector: np.ndarray) -> None:
        flat = np.zeros(self.size, vector.dtype)
        flat[self.index] = vector
        self.ops.write(self.storage.values[: self.size], flat)

    def without_targets(self) -> None:
        """From now on against targets of zero: the gradient of a quadratic loss is then linear in the weights."""
        self.ops.write(self.epochs.pass_.feed.targets[0], 0)

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        self.put(vector)
        loss = self.epochs.run()
        return loss, self.ops.to_numpy(self.storage.gradients)[self.index].astype(np.float64)


def fit(objective: Objective, name: str, options: dict[str, Any], verbose: Any = False, bounds: Any = None) -> Any:
    """Minimise with SciPy's `options`; the network holds the result. -> SciPy's result.

    Warns (ConvergenceWarning) when it stopped for another reason than convergence.
    """
    from scipy.optimize import minimize

    def say(intermediate_result: Any) -> None:
        print(f"{name}: loss = {intermediate_result.fun:.8f}")

    callback, max_iter = say if verbose else None, options["maxiter"]
    result = minimize(objective, objective.start(), method="L-BFGS-B", jac=True, options=options, callback=callback, bounds=bounds)
    if result.status != 0:
        more = f"increase max_iter (now {max_iter}), or " if result.nit >= max_iter else ""
        warn(
            f"{name}: lbfgs stopped after {result.nit} iterations without converging ({result.message}). Perhaps {more}scale the data.",
            ConvergenceWarning,
        )
    objective.put(result.x)
    return result
