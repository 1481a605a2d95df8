"""What scikit-learn's parameters of a network may be, checked when a fit begins: one clear error for the first that may not."""

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np

Rule = tuple[Callable[[Any], bool], str]


def one_of(*names: Any) -> Rule:
    return lambda v: any(v is n or (isinstance(v, str) and v == n) for n in names), f"one of {', '.join(map(repr, names))}"


def number(low: float = -math.inf, high: float = math.inf, low_open: bool = False, high_open: bool = False) -> Rule:
    def fits(v: Any) -> bool:
        if not isinstance(v, Real) or isinstance(v, bool | np.bool_) or math.isnan(v):
            return False
        x = float(v)
        return (x > low if low_open else x >= low) and (x < high if high_open else x <= high)

    where = f"a number {'above' if low_open else 'of at least'} {low:g}"
    if high < math.inf:
        where += f" and {'below' if high_open else 'at most'} {high:g}"
    return fits, where


def whole(low: int) -> Rule:
    return lambda v: isinstance(v, Integral) and not isinstance(v, bool | np.bool_) and int(v) >= low, f"an integer of at least {low}"


def either(*rules: Rule) -> Rule:
    return lambda v: any(fits(v) for fits, _ in rules), " or ".join(words for _, words in rules)


FLAG: Rule = (lambda v: isinstance(v, bool | np.bool_), "True or False")
LOUDNESS: Rule = (lambda v: isinstance(v, bool | np.bool_ | Integral) and int(v) >= 0, "True, False or a number of at least 0")
SIZES: Rule = (lambda v: not isinstance(v, str) and all(whole(1)[0](n) for n in np.atleast_1d(np.asarray(v, object)).ravel()),
               "a positive integer or a sequence of them")  # fmt: skip
SEED: Rule = (
    lambda v: v is None or isinstance(v, np.random.RandomState) or (whole(0)[0](v) and v < 2**32),
    "None, an integer from 0 to 2**32 - 1 or a numpy.random.RandomState",
)
ANY: Rule = (lambda v: True, "anything")

NETWORK: dict[str, Rule] = {
    "hidden_layer_sizes": SIZES,
    "activation": one_of("identity", "logistic", "tanh", "relu"),
    "solver": one_of("lbfgs", "sgd", "adam"),
    "alpha": number(0),
    "batch_size": either(one_of("auto"), whole(1)),
    "learning_rate": one_of("constant", "invscaling", "adaptive"),
    "learning_rate_init": number(0, low_open=True),
    "power_t": number(0),
    "max_iter": whole(1),
    "shuffle": FLAG,
    "random_state": SEED,
    "tol": number(0),
    "verbose": LOUDNESS,
    "warm_start": FLAG,
    "momentum": number(0, 1),
    "nesterovs_momentum": FLAG,
    "early_stopping": FLAG,
    "validation_fraction": number(0, 1, high_open=True),
    "beta_1": number(0, 1, high_open=True),
    "beta_2": number(0, 1, high_open=True),
    "epsilon": number(0, low_open=True),
    "n_iter_no_change": either(whole(1), (lambda v: v == math.inf, "infinity")),
    "max_fun": whole(1),
}


def check(estimator: Any, rules: dict[str, Rule]) -> None:
    """Raises ValueError naming the first parameter that does not fit."""
    for name, (fits, words) in rules.items():
        value = getattr(estimator, name)
        if not fits(value):
            raise ValueError(f"Parameter {name} of {type(estimator).__name__}: expected {words}. Received: {name}={value!r}.")
