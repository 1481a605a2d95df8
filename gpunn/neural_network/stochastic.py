"""The epochs of solver "sgd" and "adam": scikit-learn's shuffles, rates, stopping rules and attributes around gpunn's recorded steps."""

from typing import Any

import numpy as np

from gpunn import optimizers
from gpunn.neural_network._sklearn import ConvergenceWarning, warn
from gpunn.neural_network.network import Network

SMALLEST_RATE = 1e-6  # an adaptive rate that has come below stops the training


def make_optimizer(estimator: Any) -> optimizers.Optimizer:
    """gpunn's SGD or Adam with the estimator's parameters: both are scikit-learn's to the letter (Adam's epsilon beside the root)."""
    e = estimator
    if e.solver == "adam":
        return optimizers.Adam(e.learning_rate_init, e.beta_1, e.beta_2, e.epsilon)
    return optimizers.SGD(e.learning_rate_init, e.momentum, bool(e.nesterovs_momentum and e.momentum > 0))


def save_optimizer(estimator: Any, network: Network) -> None:
    """Keep rate, step count and moments as plain arrays, for `partial_fit` and pickles."""
    ops, optimizer = network.ops, network.optimizer
    moments = {name: ops.to_numpy(vector) for name, vector in optimizer.state.items()}
    estimator._optimizer_state = {
        "solver": estimator.solver, "rate": optimizer.learning_rate, "step": optimizer.iterations, "moments": moments,
    }


def load_optimizer(estimator: Any, network: Network) -> None:
    """Go on where `save_optimizer` was; with another solver, or none before, from the start."""
    kept = getattr(estimator, "_optimizer_state", None)
    ops, optimizer = network.ops, network.optimizer
    if kept is None or kept["solver"] != estimator.solver or set(kept["moments"]) != set(optimizer.state):
        return
    optimizer.learning_rate = kept["rate"]
    ops.write(optimizer.step, kept["step"])
    for name, vector in kept["moments"].items():
        ops.write(optimizer.state[name], vector)


class Stopping:
    """When to stop or to lower the rate: counts epochs without an improvement of `tol` in the loss, or in the score of held-out rows."""

    def __init__(self, estimator: Any, held: Any):
        self.e, self.held = estimator, held

    def look(self, network: Network) -> None:
        """After an epoch: note the score, the best so far, and whether this was an improvement."""
        e = self.e
        if self.held is None:
            loss, best = e.loss_curve_[-1], e.best_loss_
            better = not loss > best - e.tol
            e.best_loss_ = min(best, loss)  # a NaN never becomes the best
        else:
            score, best = self.held.score(), e.best_validation_score_
            e.validation_scores_.append(score)
            if e.verbose:
                print(f"Validation score: {score:f}")
            better = not score < best + e.tol
            if score > best:
                e.best_validation_score_ = score
                e._best_coefs, e._best_intercepts = network.weights()
        e._no_improvement_count = 0 if better else e._no_improvement_count + 1

    def ends(self, network: Network) -> bool:
        """Whether the training is over; an adaptive rate is lowered first, as long as it is not tiny."""
        e = self.e
        if e._no_improvement_count <= e.n_iter_no_change:
            return False
        what = "Training loss" if self.held is None else "Validation score"
        said = f"{what} did not improve more than tol={e.tol:f} for {e.n_iter_no_change} consecutive epochs."
        if e.solver == "sgd" and e.learning_rate == "adaptive":
            if network.optimizer.learning_rate > SMALLEST_RATE:
                network.optimizer.learning_rate /= 5.0
                e._no_improvement_count = 0
                if e.verbose:
                    print(f"{said} Setting learning rate to {network.optimizer.learning_rate:f}")
                return False
            said += " Learning rate too small."
        if e.verbose:
            print(f"{said} Stopping.")
        return True


def shuffled(order: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """The order in another order, drawn as scikit-learn's `shuffle` draws."""
    turn = np.arange(len(order))
    rng.shuffle(turn)
    return order[turn]


def fit(estimator: Any, network: Network, x: Any, target: Any, weights: Any, rng: Any, incremental: bool, held: Any) -> None:
    """Train until `Stopping` says so or ``max_iter`` epochs have run (`incremental`: one); sets the fitted attributes, not the weights."""
    e, rows = estimator, len(x)
    epochs, stopping = network.epochs(x, target, weights, e._batch(rows)), Stopping(estimator, held)
    order = np.arange(rows)
    e.n_iter_ = 0
    try:
        for _ in range(1 if incremental else e.max_iter):
            if e.shuffle:
                order = shuffled(order, rng)
            e.loss_ = epochs.run(order if e.shuffle else None)
            e.n_iter_ += 1
            e.t_ += rows
            e.loss_curve_.append(e.loss_)
            if e.verbose:
                print(f"Iteration {e.n_iter_}, loss = {e.loss_:.8f}")
            stopping.look(network)
            if e.solver == "sgd" and e.learning_rate == "invscaling":
                network.optimizer.learning_rate = e.learning_rate_init / (e.t_ + 1) ** e.power_t
            if stopping.ends(network):
                break
        else:
            if not incremental:
                warn(
                    f"Stochastic Optimizer: Maximum iterations ({e.max_iter}) reached and the optimization hasn't converged yet.",
                    ConvergenceWarning,
                )
    except KeyboardInterrupt:
        warn("Training interrupted by user.")
    save_optimizer(estimator, network)
