"""One operation of the tables: as on NumPy's arrays, and its gradient."""

import further_operation_cases as further
import numpy as np
import operation_cases as first
from gradient import compare

from gpunn.backend import get_backend
from gpunn.backend.cpu import CpuBackend
from gpunn.ops.tracing import Traced

WITHOUT = first.PLAIN | further.PLAIN
KNOWN = first.CASES | further.CASES | WITHOUT


class Unchained(CpuBackend):
    """NumPy, with the kernels that a device would launch."""

    chains = False


def ran(case, seed, device=None, spoil=1.0, check=True):
    """A case traced and run on a device, the default one or this; its gradient, times `spoil`, along a random direction."""
    function, shapes, draw = KNOWN[case]
    rng = np.random.default_rng(seed)
    arrays = [draw(rng, shape) for shape in shapes]
    batch = [(None if shape[0] == shapes[0][0] and len(shape) >= len(shapes[0]) else shape[0], *shape[1:]) for shape in shapes]
    traced = Traced(function, batch, "float64")
    device = device or get_backend()

    def value(*given):
        return device.to_numpy(traced.run(device, [device.asarray(np.array(a)) for a in given])[0])

    want = np.asarray(function(*arrays))
    got = value(*arrays)
    assert got.shape == want.shape
    assert [n for n in traced.shape if n is not None] == [n for n, m in zip(want.shape, traced.shape, strict=True) if m is not None]
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
    assert traced.recordable == (case not in further.ON_HOST)
    if case in WITHOUT:
        return
    _, back = traced.run(device, [device.asarray(np.array(a)) for a in arrays])
    dy = rng.standard_normal(want.shape)
    gradients = [spoil * device.to_numpy(g) for g in back(device.asarray(dy.copy()).reshape(want.shape))]
    if check:
        compare(lambda: float((value(*arrays) * dy).sum()), arrays, gradients, seed, case)
