"""The module's text, and how launches are shaped."""

import numpy as np
import pytest

from gpunn.kernels import REGISTRY
from gpunn.kernels.cuda_text import prelude
from gpunn.kernels.device import MAX_THREADS, Properties, function_name, instances, launch_arguments, launch_geometry, module_text

H200 = Properties(132)


def grid(name, *args, device=H200):
    return launch_geometry(REGISTRY[name], args, device)


def matrix(rows, columns, dtype="f4"):
    return np.empty((rows, columns), dtype)


def imagined(rows, columns):
    """An array of any size that takes no memory."""
    return np.lib.stride_tricks.as_strided(np.empty(1, "f4"), (rows, columns), (0, 0))


def test_one_module_holds_every_kernel_once():
    text = module_text()
    assert len(set(text.names)) == len(text.names)
    assert {"relu_f32", "relu_f64", "adam_rate_f64", "advance_f64", "gather_u8_f32"} <= set(text.names)
    assert not {"adam_rate_f32", "advance_f32", "gemm_nn_f32"} & set(text.names)
    for name in text.names:
        assert text.source.count(f" {name}(") == 1
    assert text.source.count("float relu(float x)") == 1  # called by relu, bias_relu: defined once a type
    source = module_text(["float32"], [REGISTRY["relu"], REGISTRY["softmax"]]).source
    assert prelude() in source and "double" not in source.replace(prelude(), "")  # whose sums over an epoch are in double


def test_kernels_without_float_arrays_are_double_in_a_module_of_floats():
    names = module_text(["float32"]).names
    assert "adam_rate_f64" in names and "adam_f32" in names and "adam_f64" not in names
    assert [d for k, d in instances(["float32"]) if k.name == "pick_labels"] == ["float64"]
    args = [np.empty(1), np.empty(1, "i8"), 0.9, 0.999, np.empty(1)]
    assert function_name(REGISTRY["adam_rate"], REGISTRY["adam_rate"].dtype(args)) in names


def test_a_rate_is_double_in_a_step_of_floats_whatever_was_compiled_before(sim_with):
    """1 - 0.999 ** steps of floats is off in the fifth digit."""
    ops = sim_with()
    ops.function(REGISTRY["adam_rate"], "float64")  # the module of the step's kernels then goes without it
    one, rate, alpha = ops.asarray(np.ones((1, 1), "f4")), ops.asarray(np.array([0.05])), ops.zeros((1,), "float64")
    sums = [ops.zeros((3,), "float64") for _ in range(2)]
    counters = [ops.asarray(np.array([n])) for n in (0, 0, 6)]
    ops.launch(REGISTRY["finish_adam"], one, one, one, one, *sums, *counters, 1, 1, 1, rate, 0.9, 0.999, alpha)
    np.testing.assert_allclose(ops.to_numpy(alpha), 0.05 * np.sqrt(1 - 0.999**7) / (1 - 0.9**7), rtol=1e-12)


def test_a_line_belongs_to_its_function():
    text = module_text()
    lines = text.source.splitlines()
    for name in ("softmax_f32", "relu_f64", "warp_max", "philox4x32", "accumulate_f64"):
        start = next(i for i, line in enumerate(lines, 1) if f" {name}(" in line)
        assert text.function_at(start) == name and text.function_at(start + 1) == name
        assert name in text.line(start)
    assert text.function_at(1) == "the prelude"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arguments_are_of_the_kernel_s_types(dtype):
    x = np.ones((6, 4), dtype)
    args = launch_arguments(REGISTRY["dropout"], [x, np.zeros(1, "i8"), -1, 2, 3, 0.5, x])
    assert [type(a) for a in args[2:6]] == [np.int64, np.int64, np.int64, np.dtype(dtype).type]
    assert args[0] is x and args[-2:] == (24, 4) and all(type(a) is np.int64 for a in args[-2:])
    assert launch_arguments(REGISTRY["softmax"], [x, x])[-2:] == (6, 4)
    assert launch_arguments(REGISTRY["column_sum"], [x, 1.0, x[0]])[-2:] == (6, 4)


def test_bad_arguments_are_refused():
    with pytest.raises(TypeError, match="expected 'y' of dtype float32"):
        launch_arguments(REGISTRY["relu"], [matrix(2, 2), matrix(2, 2, "f8")])
    with pytest.raises(ValueError, match="'gemm_nn' is not launched: its geometry is 'library'"):
        grid("gemm_nn", matrix(2, 2), matrix(2, 2), 0.0, matrix(2, 2))


def test_nothing_to_do_is_no_launch():
    for rows, columns in ((0, 5), (5, 0)):
        x = matrix(rows, columns)
        assert grid("relu", x, x) is None
        assert grid("softmax", x, x) is None
        assert grid("gather_float", x, np.empty(0, "i4"), np.empty(1, "i8"), 1.0, x) is None
    assert grid("column_sum", matrix(5, 0), 0.0, np.empty(0, "f4")) is None
    assert grid("column_sum", matrix(0, 5), 0.0, np.empty(5, "f4")) is not None, "the sum of no rows is zero, and must be written"
    assert grid("accumulate", np.empty(0, "f4"), np.empty(0, "f4"), np.empty(1, "i8"), np.empty(3)) == ((1,), (32,))


def test_the_grid_follows_the_size():
    small = matrix(128, 10)
    assert grid("relu", small, small) == ((20,), (64,))  # many small blocks: few of the 132 multiprocessors stay idle
    x = imagined(60_000, 784)
    assert grid("relu", x, x) == ((4 * 132 * 8,), (256,))  # four waves, then a stride
    assert grid("relu", x[:600], x[:600]) == ((132 * 8,), (256,))  # one wave: up to four elements a thread
    assert grid("relu", x[:2000], x[:2000]) == ((1532,), (256,))  # four elements a thread
    assert grid("relu", x, x, device=Properties(4, 1024)) == ((64,), (256,))
    assert grid("dropout", small, None, 0, 0, 0, 0.0, small) == ((5,), (64,))  # four elements a thread
    assert grid("softmax", small, small) == ((128,), (32,))
    assert grid("softmax", x, x) == ((7500,), (256,))
    assert grid("column_sum", matrix(128, 300), 0.0, np.empty(300, "f4")) == ((38,), (8, 32))
    assert grid("column_sum", matrix(8192, 10_000), 0.0, np.empty(10_000, "f4")) == ((313,), (32, 32))
    assert grid("column_sum", matrix(1, 3), 0.0, np.empty(3, "f4")) == ((1,), (8, 4))
    assert grid("accumulate", np.empty(8192, "f4"), None, None, None) == ((1,), (512,))


def test_blocks_are_within_the_bounds_that_the_text_states():
    for rows in (1, 2, 31, 33, 1000, 70_000):
        for columns in (1, 3, 32, 257, 5000):
            for device in (H200, Properties(1, 256), Properties(7, 1024)):
                x = imagined(rows, columns)
                for name, args in {
                    "relu": (x, x), "softmax": (x, x), "column_sum": (x, 0.0, x[0]), "gather_float": (x, None, None, 1.0, x),
                    "accumulate": (x[:, 0], None, None, None),
                }.items():
                    (blocks,), block = grid(name, *args, device=device)
                    threads = int(np.prod(block))
                    assert 1 <= blocks < 2**31 and 32 <= threads <= MAX_THREADS[REGISTRY[name].geometry]
                    assert threads % 32 == 0
                    assert name in ("gather_float", "accumulate") or all(b & (b - 1) == 0 for b in block), "powers of two"
                    covered = {"softmax": blocks * threads // 32, "gather_float": blocks, "column_sum": blocks * block[0]}.get(name)
                    assert covered is None or covered >= (columns if name == "column_sum" else rows)
