"""What can be captured and what it gains: CuPy's own products, cuBLAS and every epilogue of cuBLASLt, a step one by one and as graphs."""

import common
import numpy as np

SHAPES = ((4, 16, 12), (4, 12, 8)) if common.DRY else ((128, 784, 300), (128, 300, 100), (128, 100, 10), (8192, 784, 300))
REPEATS = 1 if common.DRY else 60
IN_A_GRAPH = 16


def cupys_own(ops) -> str:
    if common.DRY:
        return "needs CuPy"
    import cupy

    a, out = cupy.ones((8, 8), "float32"), cupy.empty((8, 8), "float32")  # an allocation would be refused by us
    try:
        ops.capture(lambda: cupy.matmul(a, a, out=out))
    except Exception as error:
        return f"refused: {type(error).__name__}: {error}"
    return "captured: calling cuBLAS directly is not needed for this any more"


def timed(ops, launch) -> float:
    def body() -> None:
        for _ in range(IN_A_GRAPH):
            launch()

    launch()
    graph = ops.capture(body)
    return common.elapsed(lambda: ops.replay(graph), REPEATS) / IN_A_GRAPH * 1e6


def products(ops) -> dict:
    """Each shape and epilogue: microseconds in a graph, algorithms offered, relative error."""
    from gpunn.backend.cublas import BlasError
    from gpunn.backend.cublaslt import Plan, mask_shape

    rng, out = np.random.default_rng(0), {}
    for precision in ("highest", "high"):
        ops.set_precision(precision == "high")
        for m, k, n in SHAPES:
            a, b, bias = (ops.asarray(rng.standard_normal(s).astype(np.float32)) for s in ((m, k), (k, n), (n,)))
            y, mask = ops.empty((m, n)), ops.zeros(mask_shape(m, n), "uint8")
            want = ops.to_numpy(a).astype(float) @ ops.to_numpy(b)
            row: dict = {}

            def plain(a=a, b=b, y=y) -> dict:
                us = timed(ops, lambda: ops.blas[0].gemm(a, b, y, False, False, False))
                return {"us": us}

            common.attempt(row, "cublasGemmEx", plain)
            row["cublasGemmEx"]["error"] = float(np.linalg.norm(ops.to_numpy(y) - want) / np.linalg.norm(want))
            for epilogue in ("none", "bias", "relu_bias", "relu_aux_bias", "drelu_bgrad", "bgrad"):

                def planned(epilogue=epilogue, a=a, b=b, y=y, bias=bias, mask=mask) -> dict:
                    extra = (bias if epilogue != "none" else None, mask if "aux" in epilogue or epilogue == "drelu_bgrad" else None)
                    try:
                        plan = Plan(ops.light, a, b, y, False, False, epilogue, *extra)
                    except BlasError as error:
                        return {"none": str(error)}
                    favourite = timed(ops, lambda: ops.run_plan(plan, 0))
                    ops.tune(plan)
                    chosen = timed(ops, lambda: ops.run_plan(plan, 0))
                    return {"algorithms": len(plan.candidates), "favourite_us": favourite, "chosen_us": chosen}

                common.attempt(row, epilogue, planned)
            out[f"{m}x{k}x{n} {precision}"] = row
    ops.set_precision(False)
    return out


def nan_in_relu(ops) -> str:
    """Whether the library's ReLU keeps a NaN visible, as gpunn's own kernel does."""
    from gpunn.backend.cublaslt import Plan

    a, b, y = ops.asarray(np.full((4, 4), np.nan, np.float32)), ops.asarray(np.ones((4, 4), np.float32)), ops.empty((4, 4))
    plan = Plan(ops.light, a, b, y, False, False, "relu_bias", ops.zeros((4,)))
    ops.run_plan(plan, 0)
    return "kept" if np.isnan(ops.to_numpy(y)).all() else f"lost: {ops.to_numpy(y)[0].tolist()}"


def step(ops) -> dict:
    model = common.mlp(*([(8,), 1e-3] if common.DRY else []))
    text = model.explain(8 if common.DRY else 128, print_fn=lambda text: None)
    return {"explain": text.splitlines()}


def body(results: dict) -> None:
    ops = common.backend()
    for name, part in (("cupy.matmul", cupys_own), ("products", products), ("relu_of_nan", nan_in_relu), ("step", step)):
        common.attempt(results, name, lambda part=part: part(ops))


if __name__ == "__main__":
    common.run("capture", body)
