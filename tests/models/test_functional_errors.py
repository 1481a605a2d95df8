"""Functional models: what is refused, with the model as it was."""

import graphs
import numpy as np
import pytest
from own_model import Own

import gpunn
from gpunn.layers import Add, Dense, Input
from gpunn.models import Functional, Model, Sequential

pytestmark = pytest.mark.usefixtures("cpu")


def disconnected():
    x, other = Input((3,), name="x"), Input((3,), name="other")
    return Model(x, Add(name="total")([x, other]))


def cyclic():
    config = graphs.chain(gpunn)[0].get_config()
    for entry, source in zip(config["layers"][1:3], (config["layers"][2]["name"], config["layers"][1]["name"]), strict=True):
        entry["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = source
    return Functional.from_config(config)


def unknown():
    config = graphs.chain(gpunn)[0].get_config()
    config["layers"][1]["class_name"] = "Sparkle"
    return Functional.from_config(config)


def many(**compiled):
    model, x, y = graphs.many(gpunn)
    model.compile("sgd", **({"loss": "mse"} | compiled))
    return model, x, y


def fit(x=None, y=None, **options):
    model, own_x, own_y = many(loss=["mse", "binary_crossentropy", "sparse_categorical_crossentropy"])
    before = model.get_weights()
    try:
        model.fit(own_x if x is None else x, own_y if y is None else y, verbose=0, **options)
    finally:
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


A, B, N, BITS, L = graphs.A, graphs.B, graphs.NUMBERS, graphs.BITS, graphs.LABELS
REFUSED = {
    "disconnected": (disconnected, r"Graph disconnected: tensor 'other' \(None, 3\), which layer 'total' takes"),
    "cycle": (cyclic, "has a cycle, or layers that nothing leads to.*'dense.*'activation"),
    "unknown class": (unknown, r"Unknown layer class 'Sparkle'. Pass custom_objects=\{'Sparkle': the_class\}"),
    "not symbolic": (lambda: Model(np.ones(3), Input((3,))), "expected inputs to be symbolic tensors. Received: ndarray"),
    "arrays among tensors": (lambda: Add()([Input((3,)), np.ones((1, 3))]), "expected symbolic tensors only. Received: ndarray"),
    "names twice": (lambda: Model(x := Input((3,)), Dense(3, name="d")(Dense(3, name="d")(x))), "names of their own. Received: 'd' more"),
    "wide": (lambda: Model(Input((2,)), Input((3,))), "Graph disconnected: .*which is an output"),
    "too many inputs": (lambda: graphs.many(gpunn)[0](Input((6,))), "expects 2 input.s., but it received 1 input"),
    "shape within": (lambda: Sequential([Input((4,)), Dense(2)])(Input((5,))), "axis -1 of input shape|expected input shape"),
    "loss by unknown name": (lambda: many(loss={"numbers": "mse", "what": "mse"}), r"unknown output names in loss: \['what'\]. Expected"),
    "loss without all": (lambda: many(loss={"numbers": "mse"}), r"expected keys \['numbers', 'bits', 'labels'\] in the loss dict"),
    "losses": (lambda: many(loss=["mse", "mse"]), "loss must have one entry for each of the 3 outputs"),
    "metrics by unknown name": (lambda: many(metrics={"what": "mse"}), "unknown output names in metrics"),
    "metrics": (lambda: many(metrics=["mse"]), "metrics must have one entry for each of the 3 outputs"),
    "loss_weights": (lambda: many(loss_weights=[1.0]), "`loss_weights` must match the number of losses"),
    "weights by unknown name": (lambda: many(loss_weights={"what": 1}), "unknown output names in loss_weights"),
    "inputs": (lambda: fit(x=[A]), r"expected 2 inputs, \['a', 'b'\], as a list or a dict. Received: 1"),
    "inputs by name": (lambda: fit(x={"a": A, "c": B}), r"expected inputs named \['a', 'b'\]. Received: \['a', 'c'\]"),
    "rows of inputs": (lambda: fit(x=[A, B[:5]]), r"Argument x\[1\] of fit.*expected as many rows as x\[0\], 24. Received: 5"),
    "width of an input": (lambda: fit(x=[A, A]), r"Argument x\[1\] of fit.*expected shape \(None, 4\). Received: \(24, 6\)"),
    "targets": (lambda: fit(y=[N, BITS]), "expected a list or a dict for the 3 outputs.*Received: 2 of them"),
    "targets by name": (lambda: fit(y={"numbers": N, "bits": BITS, "what": L}), r"Argument y of fit: expected outputs named"),
    "width of a target": (lambda: fit(y=[N[:, :1], BITS, L]), "targets do not fit the model's output"),
    "class_weight": (lambda: fit(class_weight={0: 1.0}), "class_weight of fit: it is only supported for models with a single output"),
    "sample weights": (lambda: fit(sample_weight=[np.ones(24)]), "sample_weight of fit: expected a list or a dict"),
    "dtypes": (lambda: Model(x := Input((3,)), Dense(2, dtype="float64")(x)), "must compute in one type"),
    "one output alone": (
        lambda: Sequential([Input((6,)), Own(), Dense(1), Model(x := Input((1,)), [Dense(1)(x), Dense(1)(x)]), Dense(1)]),
        "Only the last layer of a Sequential may have several outputs",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    make, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=message):
        make()
