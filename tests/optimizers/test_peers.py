"""Where the forms agree, PyTorch's optimizers end where ours end; and a step that a fit takes is the step of the formula."""

import numpy as np
import pytest
from optimizer_steps import SHAPES, STEPS, gradient, ours, start

from gpunn.backend.cpu import CpuBackend

torch = pytest.importorskip("torch")

# ours; PyTorch's with the same form. Its epsilon stands beside the corrected root, ours beside the uncorrected one: near 0 they agree
SAME = {
    "SGD": ({"learning_rate": 0.1}, lambda p: torch.optim.SGD(p, lr=0.1)),
    "momentum": ({"learning_rate": 0.1, "momentum": 0.9}, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    "Nesterov": (
        {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True)
    ),
    "Adam": ({"learning_rate": 0.01, "epsilon": 1e-14}, lambda p: torch.optim.Adam(p, lr=0.01, eps=1e-14)),
    "AdamW": (
        {"learning_rate": 0.01, "epsilon": 1e-14, "weight_decay": 0.1}, lambda p: torch.optim.AdamW(p, lr=0.01, eps=1e-14, weight_decay=0.1)
    ),
    "Adamax": ({"learning_rate": 0.01, "epsilon": 1e-14}, lambda p: torch.optim.Adamax(p, lr=0.01, eps=1e-14)),
    "Adagrad": (
        {"learning_rate": 0.1, "initial_accumulator_value": 0.1, "epsilon": 1e-14},
        lambda p: torch.optim.Adagrad(p, lr=0.1, initial_accumulator_value=0.1, eps=1e-14),
    ),
    "Adadelta": ({"learning_rate": 1.0, "rho": 0.9, "epsilon": 1e-6}, lambda p: torch.optim.Adadelta(p, lr=1.0, rho=0.9, eps=1e-6)),
    "RMSprop": ({"learning_rate": 0.01, "rho": 0.9, "epsilon": 1e-14}, lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-14)),
}
KINDS = {"momentum": "SGD", "Nesterov": "SGD"}


def theirs(make):
    parameters = {n: torch.tensor(start(n), requires_grad=True) for n in SHAPES}
    optimizer = make(list(parameters.values()))
    for step in range(STEPS):
        for name, p in parameters.items():
            p.grad = torch.tensor(gradient(name, p.detach().numpy(), step))
        optimizer.step()
    return {n: p.detach().numpy() for n, p in parameters.items()}


@pytest.mark.parametrize("name", SAME)
def test_twenty_steps_of_pytorch(name):
    options, make = SAME[name]
    mine, _ = ours(CpuBackend(compiled=False), KINDS.get(name, name), options)
    for key, value in theirs(make).items():
        np.testing.assert_allclose(mine[key], value, rtol=1e-5, atol=1e-7, err_msg=key)
