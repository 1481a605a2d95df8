"""What the device is, and what a copy, a launch, a node of a graph and a read cost on it: the ground the other figures stand on."""

import common
import numpy as np

SIZE = 1 << (16 if common.DRY else 28)  # floats in a copied array


def device(ops) -> dict:
    out = {"multiprocessors": ops.properties.multiprocessors, "threads_a_multiprocessor": ops.properties.threads_per_multiprocessor}
    out["free_bytes"] = ops.free_memory()
    return out


def chain(ops, nodes: int) -> float:
    """Seconds of a graph of tiny kernels, each waiting for the one before."""
    from gpunn.kernels.data import ADVANCE

    a, b = ops.zeros((1,), "int64"), ops.zeros((1,), "int64")
    with ops.record() as program:
        for _ in range(nodes):
            ops.launch(ADVANCE, a, b, 1, 1)
    graph = ops.capture_steps(program.plan, 1)
    return common.elapsed(lambda: ops.replay(graph), 1 if common.DRY else 100)


def nodes(ops) -> dict:
    few, many = chain(ops, 16), chain(ops, 256)
    return {"graph_of_16_us": few * 1e6, "graph_of_256_us": many * 1e6, "a_node_us": (many - few) / 240 * 1e6}


def read(ops) -> dict:
    a = ops.zeros((4, 3), "float64")
    return {"read_of_96_bytes_us": common.elapsed(lambda: ops.to_numpy(a), 1 if common.DRY else 200) * 1e6}


def copy(ops) -> dict:
    """A copy of memory by the driver and by the kernel `linear`: bytes read and written a second."""
    from gpunn.kernels import REGISTRY

    a, b = ops.zeros((SIZE,)), ops.zeros((SIZE,))
    repeats = 1 if common.DRY else 20
    out = {"kernel_GB_per_s": 2 * a.nbytes / common.elapsed(lambda: ops.launch(REGISTRY["linear"], a, b), repeats) / 1e9}
    if common.BACKEND == "gpu":
        out["driver_GB_per_s"] = 2 * a.nbytes / common.elapsed(lambda: ops.write(b, a), repeats) / 1e9
    return out


def upload(ops) -> dict:
    host = np.zeros(SIZE // 8, np.float32)
    target = ops.empty(host.shape)
    return {"pageable_GB_per_s": host.nbytes / common.elapsed(lambda: ops.write(target, host), 1 if common.DRY else 5) / 1e9}


def body(results: dict) -> None:
    ops = common.backend()
    for name, part in (("device", device), ("graph", nodes), ("read", read), ("copy", copy), ("upload", upload)):
        common.attempt(results, name, lambda part=part: part(ops))


if __name__ == "__main__":
    common.run("facts", body)
