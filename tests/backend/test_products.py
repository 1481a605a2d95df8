"""Planned products and what they take in, through the stand-in of cuBLASLt."""

import json

import numpy as np
import pytest

import gpunn
from gpunn import layers, models
from gpunn.backend import algorithms
from gpunn.backend.cublas import BlasError
from gpunn.backend.cublaslt import Plan, mask_shape
from gpunn.kernels import REGISTRY

RNG = np.random.default_rng(8)


def real(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.fixture
def ops(sim_with):
    return sim_with()


def run(ops, *arguments, **options):
    plan = Plan(ops.light, *arguments, **options)
    for algorithm in plan.candidates:  # whichever is taken
        ops.run_plan(plan, 0, algorithm)
    return plan


@pytest.mark.parametrize(("m", "k", "n"), [(1, 1, 1), (5, 3, 4), (7, 33, 12), (4, 129, 130)])
@pytest.mark.parametrize(("ta", "tb"), [(False, False), (False, True), (True, False), (True, True)])
def test_epilogues(ops, m, k, n, ta, tb):
    a, b, bias = real(*((k, m) if ta else (m, k))), real(*((n, k) if tb else (k, n))), real(n)
    product = (a.T if ta else a).astype(float) @ (b.T if tb else b)
    out, mask = real(m, n), np.full(mask_shape(m, n), 255, np.uint8)
    near = {"rtol": 1e-5, "atol": 1e-5}
    run(ops, a, b, out, ta, tb)
    np.testing.assert_allclose(out, product, **near)
    run(ops, a, b, out, ta, tb, "bias", bias)
    np.testing.assert_allclose(out, product + bias, **near)
    run(ops, a, b, out, ta, tb, "relu_bias", bias)
    np.testing.assert_allclose(out, np.maximum(product + bias, 0), **near)
    run(ops, a, b, out, ta, tb, "relu_aux_bias", bias, mask)
    np.testing.assert_allclose(out, np.maximum(product + bias, 0), **near)
    on = np.unpackbits(mask, axis=1, bitorder="little")[:, :n].astype(bool)
    assert np.array_equal(on, out > 0)
    total = real(n)
    run(ops, a, b, out, ta, tb, "bgrad", total)
    np.testing.assert_allclose(total, b.sum(axis=1 if tb else 0), **near)
    if n % 4 == 0:
        run(ops, a, b, out, ta, tb, "drelu_bgrad", total, mask)
        np.testing.assert_allclose(out, product * on, **near)
        np.testing.assert_allclose(total, (product * on).sum(axis=0), **near)
    else:
        with pytest.raises(BlasError, match="status 15"):
            Plan(ops.light, a, b, out, ta, tb, "drelu_bgrad", total, mask)


def test_a_product_may_add(ops):
    a, b, out = real(3, 4), real(4, 5), real(3, 5)
    before = out.copy()
    plan = Plan(ops.light, a, b, out, add=True)
    ops.run_plan(plan, 0)
    np.testing.assert_allclose(out, before + a @ b, rtol=1e-5)


def test_refusals(ops):
    a, b = real(3, 4), real(4, 5)
    with pytest.raises(ValueError, match="do not give"):
        Plan(ops.light, a, b, real(3, 4))
    with pytest.raises(BlasError, match="float32"):
        Plan(ops.light, a.astype(float), b.astype(float), np.zeros((3, 5)))
    with pytest.raises(ValueError, match="mask of shape"):
        Plan(ops.light, a, b, real(3, 5), False, False, "relu_aux_bias", real(5), np.zeros((3, 5), np.uint8))


def mlp(widths=(300, 100), activation="relu", rows=784, classes=10, loss="sparse_categorical_crossentropy"):
    with gpunn.device("sim"):
        gpunn.utils.set_random_seed(1)
        model = models.Sequential([layers.Input((rows,))])
        for w in widths:
            model.add(layers.Dense(w, activation=activation))
        model.add(layers.Dense(classes, activation="softmax"))
        model.compile("adam", loss, ["accuracy"])
    return model


def test_the_step_of_the_benchmark_is_twelve_launches(ops):
    text = mlp().explain(128, print_fn=lambda text: None)
    assert "12 run, 9 of them one after another" in text
    assert text.count("relu_aux_bias") == text.count("drelu_bgrad") == 2 and "gemm_tn+bgrad" in text


def test_a_relu_gradient_without_an_algorithm_stays_a_kernel(ops):
    text = mlp((302, 100)).explain(128, print_fn=lambda text: None)
    assert text.count("relu_aux_bias") == 1 and "gemm_nn+relu_bias" in text and "relu_bwd_sum" in text


@pytest.mark.parametrize("widths", [(12, 8), (10, 6), (5,)])
@pytest.mark.parametrize("activation", ["relu", "tanh", None])
def test_plans_change_no_result(sim_with, widths, activation):
    x, y = RNG.integers(0, 9, (77, 6)).astype(np.uint8), RNG.integers(0, 3, 77)
    results = []
    for order, light in (("forward", True), ("reverse", True), ("forward", False)):
        ops = sim_with(order=order)
        if not light:
            ops.light = None
        model = mlp(widths, activation, 6, 3)
        history = model.fit(x, y, batch_size=16, epochs=2, verbose=0).history
        results.append((history["loss"], model.get_weights()))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_allclose(results[0][0], results[2][0], rtol=1e-5)
    for planned, plain in zip(results[0][1], results[2][1], strict=True):
        np.testing.assert_allclose(planned, plain, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("changed", [False, True])
def test_the_mask_stands_for_the_output_only_while_that_stays(ops, changed):
    """Whoever writes y between forward and backward makes relu's gradient another one than the mask's."""
    x, w, bias, y, dz, w2, dy, db = (ops.asarray(real(*s)) for s in ((5, 6), (6, 4), (4,), (5, 4), (5, 3), (4, 3), (5, 4), (4,)))
    with ops.record() as program:
        ops.launch(REGISTRY["gemm_nn"], x, w, 0.0, y)
        ops.launch(REGISTRY["bias_relu"], y, bias, y)
        if changed:
            ops.launch(REGISTRY["tanh_"], y, y)
        ops.launch(REGISTRY["gemm_nt"], dz, w2, 0.0, dy)
        ops.launch(REGISTRY["relu_bwd"], dy, y, dy)
        ops.launch(REGISTRY["column_sum"], dy, 0.0, db)
    names = [n.kernel.name for n in program.launches]
    assert ("gemm_nt+drelu_bgrad" in names) is not changed and ("relu_bwd_sum" in names) is changed


def test_precision(sim_with):
    ops = sim_with()
    a, b, out = real(3, 4), real(4, 5), real(3, 5)
    try:
        gpunn.set_matmul_precision("high")
        assert ops.light.tf32 and all(handle.tf32 for handle in ops.blas)
        assert "tf32=1" in Plan(ops.light, a, b, out).key
        np.testing.assert_allclose(mlp((8,), "relu", 6, 3).predict(real(4, 6), verbose=0).sum(axis=1), 1, rtol=1e-5)
    finally:
        gpunn.set_matmul_precision("highest")
    assert "tf32=0" in Plan(ops.light, a, b, out).key
    with pytest.raises(ValueError, match=r"'highest' or 'high'\. Received: 'low'"):
        gpunn.set_matmul_precision("low")


def test_the_fastest_algorithm_is_kept(ops, tmp_path, monkeypatch):
    monkeypatch.setenv("GPUNN_CACHE", str(tmp_path))
    monkeypatch.delenv("GPUNN_TUNE", raising=False)
    algorithms.forget()
    timed = []

    def second_is_faster(algorithm):
        timed.append(algorithm)
        return 1.0 / len(timed)

    def fresh():
        return Plan(ops.light, real(3, 4), real(4, 5), real(3, 5))

    first = fresh()
    algorithms.choose(first, "Card 9000", second_is_faster)
    assert len(timed) == 2 and first.algorithm == first.candidates[1]
    file = tmp_path / "gemm" / "Card-9000.json"
    assert json.loads(file.read_text()) == {first.key: first.algorithm.hex()}
    algorithms.forget()
    again = fresh()
    algorithms.choose(again, "Card 9000", second_is_faster)
    assert len(timed) == 2 and again.algorithm == first.algorithm, "read from the file, not timed again"
    algorithms.forget()
    file.write_text("{ damaged")
    algorithms.choose(fresh(), "Card 9000", second_is_faster)
    assert len(timed) == 4
    algorithms.forget()
    monkeypatch.setenv("GPUNN_TUNE", "0")
    favourite = fresh()
    algorithms.choose(favourite, "Other", second_is_faster)
    assert len(timed) == 4 and favourite.algorithm == favourite.candidates[0]
