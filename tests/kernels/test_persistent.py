"""The text of a whole step: what it refuses, how launches are cut, and what NVRTC makes of it for every architecture."""

import re

import numpy as np
import pytest

import gpunn
from gpunn import layers, models, optimizers
from gpunn.backend.persistent import PersistentStep
from gpunn.kernels import REGISTRY, offline, products
from gpunn.kernels.device import ModuleText, Properties
from gpunn.kernels.persistent import Launch, Shape, follows, persistent_text, rows_of_block, shape, threads_for, why_not
from gpunn.training.loop import Training

try:
    from cupy_backends.cuda.libs import nvrtc

    nvrtc.getVersion()
    WHY = ""
except (ImportError, RuntimeError) as error:
    WHY = str(error).splitlines()[0]
needs_nvrtc = pytest.mark.skipif(bool(WHY), reason=f"NVRTC cannot be loaded: {WHY}")
H200 = Properties(132)
SLOW = [a if a in ("75", "90", "100", "120") else pytest.param(a, marks=pytest.mark.slow) for a in offline.ARCHITECTURES]


def launch(name, *arguments):
    return Launch(REGISTRY[name], arguments)


def real(*sizes, dtype="float32"):
    return np.zeros(sizes, dtype)


def test_launches_are_cut_by_their_geometry():
    x, row = real(128, 300), real(300)
    assert shape(launch("relu", x, x), H200) == Shape(75, 512)
    assert shape(launch("relu", real(4000, 900), real(4000, 900)), H200) == Shape(132, 512)
    assert shape(launch("relu", real(0, 9), real(0, 9)), H200) is None
    assert shape(launch("softmax", x, x), H200) == Shape(8, 512)
    assert shape(launch("column_sum", x, 0.0, row), H200) == Shape(38, 8, 64)
    assert shape(launch("advance", real(1, dtype="i8"), real(1, dtype="i8"), 1, 1), H200) == Shape(1, 512)
    a, b = real(128, 784), real(784, 300)
    assert shape(Launch(products.product("nn", (16, 32)), (a, b, 784, 0.0, x)), H200) == Shape(80, 512)


def test_rows_without_barriers_share_a_block():
    def gather(rows, columns):
        return launch("gather_float", real(9, columns), real(rows, dtype="i4"), real(1, dtype="i8"), 1.0, real(rows, columns))

    assert shape(gather(128, 784), H200) == Shape(128, 512, 1, 1)
    assert shape(gather(1024, 784), H200) == Shape(1024, 64, 1, 8)
    assert shape(gather(1024, 784), H200).resident == 128 and Shape(9, 64, 1, 8).resident == 2
    assert shape(gather(128, 20), H200).x == 32
    whole = launch("group_normalize", real(1024, 40), *[real(40)] * 2, 40, 4, 1e-3, 0, real(1024, 40), *[real(1024, 4)] * 2)
    assert shape(whole, H200) == Shape(1024, 512)


def test_kernels_that_cannot_be_inside_are_told():
    x = real(4, 5)
    assert why_not(launch("relu", x, x)) is None and why_not(launch("relu", real(4, 5, dtype="f8"), real(4, 5, dtype="f8"))) is None
    assert why_not(launch("gemm_nn", x, x, 0.0, x)) == "gemm_nn has no persistent form"
    tokens = launch("embed_bwd", x, real(20, 3), 20, 0.0, real(9, 3))  # its shared memory is for 256 threads
    assert why_not(tokens) == "embed_bwd has no persistent form"
    wide = [real(4, 5, dtype="f8"), real(5, 3, dtype="f8"), 5, 0.0, real(4, 3, dtype="f8")]
    assert why_not(Launch(products.product("nn", (16, 16)), wide)) == "product_nn_16x16 in float64 has no persistent form"
    large = launch("augment_equalize", *[x] * len(REGISTRY["augment_equalize"].operands))
    assert why_not(large) == "augment_equalize has no persistent form"


def test_tiles_fill_the_device():
    for rows, columns, inner in ((128, 300, 784), (784, 300, 128), (128, 100, 300), (128, 10, 100), (1024, 300, 784), (8192, 300, 784)):
        tile = products.best_tile(rows, columns, inner, 512, 132)
        assert tile in products.TILES
        blocks = -(-rows // tile[0]) * -(-columns // tile[1])
        smallest = -(-rows // 16) * -(-columns // 16)
        assert blocks >= min(smallest, 66) * 0.5, (rows, columns, tile)
    assert products.best_tile(784, 300, 128, 512, 132) == (64, 32)
    assert products.best_tile(8192, 8192, 784, 128, 132) != (64, 64), "128 threads cannot hold such a tile"


def test_every_array_and_number_stands_once():
    x, y, one = real(4, 5), real(4, 5), real(5)
    phases = [[[launch("bias_linear", x, one, y)]], [[launch("bias_linear", y, one, x)], [launch("column_sum", y, 0.0, one)]]]
    text = persistent_text(phases, False, H200, lambda a: a.ctypes.data)
    assert [a is b for a, b in zip(text.arguments, (x, one, y), strict=True)] == [True] * 3
    head = text.module.source[text.module.source.index("persistent_step(") :].splitlines()[0]
    assert head == "persistent_step(long long steps, unsigned int* arrived, float* v0, float* v1, float* v2) {"
    assert text.module.source.count("w.meet(arrived)") == 2
    body = text.module.source[: text.module.source.index('extern "C"')]
    assert not re.search(r"const [\w<> ]+\* __restrict__", body) and "blockDim." not in body


def test_what_is_there_twice_is_taken_in_turns():
    """The first phase, carried, is a step ahead, and so is the array that it writes."""
    x, y, z, second = real(4, 5), real(4, 5), real(4, 5), real(4, 5)
    phases = [[[launch("relu", x, y)]], [[launch("relu", y, z)]]]
    text = persistent_text(phases, True, H200, lambda a: a.ctypes.data, {y.ctypes.data: second})
    assert [a is b for a, b in zip(text.arguments, (x, y, second, z), strict=True)] == [True] * 4
    assert "w.relu_f32(v0, ((step + 1) & 1 ? v2 : v1), 20LL, 5LL);" in text.module.source
    assert "w.relu_f32((step & 1 ? v2 : v1), v3, 20LL, 5LL);" in text.module.source


def test_what_an_update_is_made_of_is_stored_in_the_last_step():
    tile = products.product_then("tn", (64, 32), REGISTRY["sgd"], 1)
    weights = [real(7, 9) for _ in range(2)]
    update = Launch(tile, [real(3, 7), real(3, 9), 3, weights[0], real(1, dtype="f8"), 1.0, weights[1]])
    source = persistent_text([[[update]]], False, H200, lambda a: a.ctypes.data).module.source
    assert re.search(r"w\.product_tn_64x32_sgd_f32\(v0, v1, 3LL, v2, v3, float\(step \+ 1 == steps\), v4, 7LL, 9LL\);", source)


def test_rows_of_a_block():
    """Which launches a block may run one after another, for the rows that it has."""
    x, loss, label = real(128, 10), real(128), np.zeros(128, "i4")
    narrow = Launch(products.product("nn", (16, 32)), (real(128, 100), real(100, 10), 100, 0.0, x))
    tall = Launch(products.product("nn", (64, 32)), narrow.arguments)
    wide = Launch(products.product("nn", (16, 32)), (real(128, 100), real(100, 33), 100, 0.0, real(128, 33)))
    rows = launch("softmax_ce_sparse_hit", x, real(10), label, loss, 1.0, loss, x, loss)
    assert [rows_of_block(one, H200) for one in (narrow, tall, wide, rows)] == [16, 64, 0, 16]
    assert rows_of_block(launch("relu", x, x), H200) == rows_of_block(launch("column_sum", x, 0.0, real(10)), H200) == 0
    few = Properties(132, persistent_threads=1024)  # a block takes 32 rows of the second one
    assert follows(narrow, rows, H200) and follows(tall, rows, H200) and follows(tall, rows, few) and not follows(narrow, rows, few)
    assert follows(rows, launch("softmax", x, x), H200) and not follows(rows, launch("relu", x, x), H200)
    assert not follows(wide, rows, H200) and not follows(narrow, launch("softmax", real(64, 10), real(64, 10)), H200)
    source = persistent_text([[[tall, rows]]], False, H200, lambda a: a.ctypes.data).module.source
    chain = r"\); __syncthreads\(\); for \(unsigned int t = 0; t < 4u; \+\+t\) { w\.be<512, 1>\(\(v - 0u\) \* 4u \+ t, 8u, threadIdx\.x\); "
    assert re.search(r"w\.product_nn_64x32_f32\([^;]*" + chain + r"w\.softmax", source) and "v < 2u" in source


# ---------------------------------------------------------------------- NVRTC
def steps(sim_with, threads):
    """Texts of steps of several kinds, as for an H200."""
    ops = sim_with()
    ops.properties = Properties(132, persistent_threads=threads)
    rng, out = np.random.default_rng(0), []
    x, y = rng.integers(0, 256, (1024, 784)).astype(np.uint8), rng.integers(0, 10, 1024)
    normalized = [layers.BatchNormalization(), layers.Dropout(0.2)]
    much = optimizers.AdamW(use_ema=True, gradient_accumulation_steps=2)  # its update reads five arrays
    for rows, optimizer, between in (
        (32, "sgd", []), (128, "adam", []), (1024, "adam", []), (128, "rmsprop", normalized), (128, much, []),
    ):
        with gpunn.device("sim"):
            model = models.Sequential(
                [layers.Input((784,)), layers.Dense(300, "relu"), *between, layers.Dense(100, "tanh"), layers.Dense(10, "softmax")]
            )
            model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
        program = Training(model, model._check(x, y, None, None, "fit"), rows, False).record(rows)
        out.append(PersistentStep(ops, program.nodes).module)
    return out


@needs_nvrtc
@pytest.mark.parametrize("architecture", SLOW)
def test_steps_compile_without_spills(sim_with, architecture):
    threads = threads_for(int(architecture))
    for text in steps(sim_with, threads):
        used = offline.compile_for(architecture, text)["persistent_step"]
        assert used.spilled == 0 and used.registers * threads <= 65536 and used.shared <= 48 << 10


def assembly(text: ModuleText, architecture):
    program = nvrtc.createProgram(text.source, "gpunn.cu", (), ())
    nvrtc.compileProgram(program, ("-std=c++17", "-ftz=true", f"-arch=compute_{architecture}"))
    ptx = nvrtc.getPTX(program)
    nvrtc.destroyProgram(program)
    return ptx if isinstance(ptx, str) else ptx.decode()


@needs_nvrtc
@pytest.mark.parametrize("architecture", ["75", "90", "100"])
def test_nothing_is_read_through_the_cache_of_constant_data(sim_with, architecture):
    """What a step reads, the step before has written."""
    for text in steps(sim_with, threads_for(int(architecture))):
        ptx = assembly(text, architecture)
        assert "ld.global" in ptx and ".nc" not in ptx
        assert re.search(r"\bld\.shared", ptx) and not re.search(r"\bld\.(?:f32|b32|v4)", ptx)  # no loads from who knows where


@needs_nvrtc
def test_with_pointers_to_constants_restrict_it_would_be(sim_with, monkeypatch):
    """The test above sees what it is to see."""
    monkeypatch.setattr("gpunn.kernels.persistent._READ_ONLY", re.compile("(no such text)"))
    assert "ld.global.nc" in assembly(steps(sim_with, 512)[1], "90")
