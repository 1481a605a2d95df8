"""L-BFGS: a second-order method over all rows at once. SciPy's driver chooses the steps; `gpunn.training.whole` gives it losses and
gradients."""

from typing import Any

from gpunn.kernels.record import REGISTRY
from gpunn.optimizers.base import Optimizer
from gpunn.optimizers.checks import number, whole


class LBFGS(Optimizer):
    """Limited-memory BFGS (Liu & Nocedal 1989), by SciPy's L-BFGS-B over the flat vector of all weights. Not in Keras.

    Every evaluation goes through all rows of `fit` (`batch_size` says only how many at a time), with the same dropout masks in an epoch. An
    epoch is a search of up to `max_iterations` iterations from where the last one ended; what a search has learned of the curvature is not
    kept. Training stops early when a search ends before because it has converged. The loss of an epoch is that of its last weights.

    Arguments:
        max_iterations: of an epoch.
        history: how many past steps approximate the curvature.
        gradient_tolerance: converged when no gradient is larger.
        value_tolerance: converged when an iteration improves the loss by less, relatively.
        max_evaluations: of the loss, in an epoch.
        name: by default the class's.

    There is no learning rate, nor are there the options of the other optimizers: SciPy's line search takes their place. Weights should be
    float64: in float32 the search soon ends, as its line search does not find the last digits. Batch normalization's moving statistics
    follow every evaluation. Raises ValueError for numbers out of range; `fit` raises it for constraints and proximal steps, which would
    move the weights behind the search's back, and for data that cannot be gone through twice. Needs SciPy: ``pip install "gpunn[scipy]"``.
    """

    whole_data, default_batch = True, 1024

    def __init__(
        self, max_iterations: int = 20, history: int = 10, gradient_tolerance: float = 1e-5, value_tolerance: float = 2.220446049250313e-09,
        max_evaluations: int = 15000, name: str | None = None,
    ):
        super().__init__(1.0, name=name)
        self.max_iterations, self.history = whole("max_iterations", max_iterations, "LBFGS"), whole("history", history, "LBFGS")
        self.gradient_tolerance = number("gradient_tolerance", gradient_tolerance, "LBFGS")
        self.value_tolerance = number("value_tolerance", value_tolerance, "LBFGS")
        self.max_evaluations = whole("max_evaluations", max_evaluations, "LBFGS")
        self.share = 1.0  # of the batch that is recorded among all rows
        self.total: Any = None  # the gradient over all rows

    @property
    def learning_rate(self) -> float:
        """1: a step's length is the line search's."""
        return 1.0

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise TypeError(f"LBFGS has no learning rate to set: a line search chooses each step's length. Received: learning_rate={value!r}.")

    def bind(self, ops: Any, storage: Any) -> None:
        super().bind(ops, storage)
        self.total = ops.zeros((storage.trainable_size,), storage.values.dtype)

    def scale_loss(self, loss: Any) -> Any:
        """A batch's share of the loss of all rows."""
        return loss * self.share

    def record(self, ops: Any, parameters: Any, gradients: Any) -> None:
        """Add the batch's gradient to that of all rows."""
        ops.launch(REGISTRY["add"], self.total, gradients)

    def minimize(self, function: Any, start: Any) -> Any:
        """An epoch: from `start` by ``function(x) -> (loss, gradient)``, in float64. -> SciPy's result.

        Raises ImportError where SciPy is not installed.
        """
        try:
            from scipy.optimize import minimize
        except ImportError as error:
            raise ImportError('LBFGS needs SciPy. Install it with: pip install "gpunn[scipy]"') from error
        options = {
            "maxiter": self.max_iterations, "maxcor": self.history, "gtol": self.gradient_tolerance, "ftol": self.value_tolerance,
            "maxfun": self.max_evaluations,
        }
        return minimize(function, start, method="L-BFGS-B", jac=True, options=options)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name, "max_iterations": self.max_iterations, "history": self.history,
            "gradient_tolerance": self.gradient_tolerance, "value_tolerance": self.value_tolerance, "max_evaluations": self.max_evaluations,
        }
