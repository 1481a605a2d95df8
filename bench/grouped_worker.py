"""One contestant of `grouped.py` in a process of its own: passes over one batch for each line that comes in, answered with seconds.

    python bench/grouped_worker.py gpunn|torch|torch_last CASE IMAGES

A pass: one layer forward and backward on a batch of 128 in float32, gradients of inputs, kernel and bias. `torch` keeps images channels
first, `torch_last` channels last, which is how gpunn has them.
"""

import os
import sys
import time

import numpy as np

BATCH = 128
WARM = 0.2  # seconds of untimed passes before a turn: cores that have rested are slow for some 50 ms
# name: (layer, arguments, options, image)
CASES = {
    "depthwise": ("DepthwiseConv2D", (3,), {"padding": "same"}, (28, 28, 32)),
    "depthwise_strided": ("DepthwiseConv2D", (3,), {"strides": 2}, (29, 29, 32)),
    "depthwise_double": ("DepthwiseConv2D", (3,), {"padding": "same", "depth_multiplier": 2}, (28, 28, 32)),
    "separable": ("SeparableConv2D", (64, 3), {"padding": "same"}, (28, 28, 32)),
    "groups_4": ("Conv2D", (64, 3), {"padding": "same", "groups": 4}, (14, 14, 64)),
    "groups_8": ("Conv2D", (64, 3), {"padding": "same", "groups": 8}, (14, 14, 64)),
    "dilated": ("Conv2D", (64, 3), {"padding": "same", "dilation_rate": 2}, (14, 14, 64)),
    "groups_4_1d": ("Conv1D", (64, 3), {"padding": "same", "groups": 4}, (196, 64)),
}


def gpunn(kind, arguments, options, x):
    import gpunn
    from gpunn.backend import get_backend

    ops = get_backend("cpu")
    layer = getattr(gpunn.layers, kind)(*arguments, **options)
    layer.backend = ops
    layer.build(x.shape)
    images, dy = ops.asarray(x), None
    out, _ = layer.forward(images, True)
    dy = ops.asarray(np.random.default_rng(1).standard_normal(out.shape).astype(np.float32))
    with ops.record() as program:
        for p in layer.parameters:
            p.begin_step()
        _, pullback = layer.forward(images, True)
        pullback(dy)
    return program.run


def torch(kind, arguments, options, x, last=False):
    import torch
    from torch import nn

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    flat, channels = x.ndim == 3, x.shape[-1]
    size, stride, dilation = arguments[-1], options.get("strides", 1), options.get("dilation_rate", 1)
    more = {"stride": stride, "dilation": dilation, "padding": "same" if options.get("padding") == "same" else 0}
    make = nn.Conv1d if flat else nn.Conv2d
    if kind in ("DepthwiseConv2D", "SeparableConv2D"):
        wide = channels * options.get("depth_multiplier", 1)
        layer = make(channels, wide, size, groups=channels, bias=kind == "DepthwiseConv2D", **more)
        if kind == "SeparableConv2D":
            layer = nn.Sequential(layer, make(wide, arguments[0], 1))
    else:
        layer = make(channels, arguments[0], size, groups=options.get("groups", 1), **more)
    images = torch.from_numpy(np.moveaxis(x, -1, 1).copy())
    if last and not flat:
        images, layer = images.to(memory_format=torch.channels_last), layer.to(memory_format=torch.channels_last)
    images.requires_grad_()
    dy = torch.randn_like(layer(images).detach())

    def run():
        images.grad = None
        layer.zero_grad(set_to_none=True)
        layer(images).backward(dy)

    return run


def main() -> None:
    name, case, images = sys.argv[1], sys.argv[2], int(sys.argv[3])
    kind, arguments, options, shape = CASES[case]
    x = np.random.default_rng(0).standard_normal((BATCH, *shape)).astype(np.float32)
    run = gpunn(kind, arguments, options, x) if name == "gpunn" else torch(kind, arguments, options, x, name == "torch_last")
    for _ in range(3):
        run()
    print("ready", flush=True)
    for _ in sys.stdin:
        resumed = time.perf_counter()
        while time.perf_counter() - resumed < WARM:
            run()
        began = time.perf_counter()
        for _ in range(images // BATCH):
            run()
        print(f"{time.perf_counter() - began:.6f}", flush=True)


if __name__ == "__main__":
    main()
