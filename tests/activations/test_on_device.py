"""Models with every kind of activation train on `sim` as on the CPU; a device compiles an activation's kernels when they are needed."""

import numpy as np

import gpunn
from gpunn import layers, models
from gpunn.kernels import REGISTRY

STACK = [
    lambda: layers.Dense(5, activation="gelu"), lambda: layers.Dense(5, activation="elu"), lambda: layers.Dense(5, activation="leaky_relu"),
    lambda: layers.BatchNormalization(), lambda: layers.Activation("mish"), lambda: layers.Reshape((5, 1)),
    lambda: layers.Dense(4, activation=gpunn.activations.softmax.configured(axis=1)), lambda: layers.PReLU(shared_axes=[2]),
    lambda: layers.Dense(6, activation="glu", use_bias=False), lambda: layers.Flatten(), lambda: layers.ReLU(2.0, 0.1, 0.1),
    lambda: layers.Dense(4), lambda: layers.Softmax(),
]  # fmt: skip


def trained(device):
    gpunn.utils.set_random_seed(5)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 6)), rng.standard_normal((30, 4))
    with gpunn.device(device):
        model = models.Sequential([layers.Input((6,)), *(make() for make in STACK)])
        model.compile("sgd", "mse")
        model.optimizer.learning_rate = 1.0
        model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model


def test_sim_trains_as_the_cpu(sim_with, float64, cpu):
    sim_with()
    ours, plain = trained("sim"), trained("cpu")
    moved = 0
    for a, b in zip(ours.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13)
        moved += a.size
    text = ours.explain(8, print_fn=str)
    for fused in ("bias_gelu_bwd_sum", "elu_bwd_sum", "leaky_relu_bwd_sum", "normalize_mish_bwd"):
        assert fused in text, f"{fused}: gradient and bias gradient in one launch"


def test_families_are_compiled_apart(sim_with, monkeypatch):
    ops = sim_with()
    texts = []
    compile_ = ops.compile
    monkeypatch.setattr(ops, "compile", lambda text: texts.append(text.names) or compile_(text))
    x = ops.asarray(np.ones((2, 3), np.float32))
    for name in ("relu", "gelu", "gelu_bwd", "sigmoid"):
        arguments = [x] * len(REGISTRY[name].operands)
        ops.launch(REGISTRY[name], *arguments)
    assert len(texts) == 2, "what most steps need, and one family"
    core, gelu = texts
    assert {"relu_f32", "softmax_f32"} <= set(core) and not any("gelu" in n for n in core)
    assert {"gelu_f32", "gelu_bwd_f32", "gelu_tanh_f32"} <= set(gelu) and all("gelu" in n for n in gelu)
    wide = ops.asarray(np.ones((2, 3)))
    for name in ("gelu", "gelu_bwd"):
        ops.launch(REGISTRY[name], *[wide] * len(REGISTRY[name].operands))
    assert len(texts) == 3 and set(texts[2]) == {name.replace("_f32", "_f64") for name in gelu}, "the other type, when it is needed"
