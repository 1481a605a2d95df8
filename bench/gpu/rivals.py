"""The same training step in PyTorch and JAX: data and permutation on the device, fp32 or TF32.

Each maker gives ``run(steps)``, which waits for the device at its end.
"""


def _mlp(nn):
    return nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))


def cnn(nn):
    """Of rows of 784, as everything here: an image has one channel, so that its layout is a view."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10),
    )


def _torch_model(x, y, batch: int, tf32: bool, network=_mlp):
    import torch

    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    net = network(torch.nn).cuda()
    data, labels = torch.from_numpy(x).cuda(), torch.from_numpy(y).cuda()
    return torch, net, data, labels, torch.randperm(len(x), device="cuda")


def torch_eager(x, y, batch: int, tf32: bool):
    torch, net, data, labels, order = _torch_model(x, y, batch, tf32)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)

    def run(steps: int) -> None:
        for i in range(steps):
            rows = order[i * batch : (i + 1) * batch]
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(net(data[rows].float()), labels[rows]).backward()
            optimizer.step()
        torch.cuda.synchronize()

    return run


def torch_compiled(x, y, batch: int, tf32: bool):
    torch, net, data, labels, order = _torch_model(x, y, batch, tf32)
    optimizer = torch.optim.Adam(net.parameters(), lr=torch.tensor(1e-3, device="cuda"), capturable=True)

    @torch.compile(mode="reduce-overhead")
    def loss_of(rows, wanted):
        return torch.nn.functional.cross_entropy(net(rows.float()), wanted)

    update = torch.compile(optimizer.step, mode="reduce-overhead")

    def run(steps: int) -> None:
        for i in range(steps):
            rows = order[i * batch : (i + 1) * batch]
            torch.compiler.cudagraph_mark_step_begin()
            optimizer.zero_grad(set_to_none=True)
            loss_of(data[rows], labels[rows]).backward()
            update()
        torch.cuda.synchronize()

    return run


def torch_graph(x, y, batch: int, tf32: bool, unroll: int = 1, network=_mlp):
    """The whole step by hand in one CUDA graph, gathering its own rows by a counter on the device."""
    torch, net, data, labels, order = _torch_model(x, y, batch, tf32, network)
    optimizer = torch.optim.Adam(net.parameters(), capturable=True, fused=True)
    position, offsets = torch.zeros(1, dtype=torch.int64, device="cuda"), torch.arange(batch, device="cuda")

    def step() -> None:
        rows = order[position + offsets]
        optimizer.zero_grad(set_to_none=True)  # gradients are written then, not added to zeros
        torch.nn.functional.cross_entropy(net(data[rows].float()), labels[rows]).backward()
        optimizer.step()
        position.add_(batch)

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(unroll):
            step()

    def run(steps: int) -> None:
        position.zero_()
        for _ in range(steps // unroll):
            graph.replay()
        torch.cuda.synchronize()

    run.multiple = unroll
    return run


def torch_graph_16(x, y, batch: int, tf32: bool):
    return torch_graph(x, y, batch, tf32, 16)


def jax_scan(x, y, batch: int, tf32: bool):
    """All steps of a call in one jit-compiled scan; the parameters are donated."""
    import functools

    import jax
    import jax.numpy as jnp

    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if tf32 else "highest")
    key, shapes = jax.random.key(0), ((784, 300), (300, 100), (100, 10))
    keys = jax.random.split(key, 3)
    params = [(jax.random.normal(k, s) * (2 / s[0]) ** 0.5, jnp.zeros(s[1])) for k, s in zip(keys, shapes, strict=True)]
    data, labels, order = jnp.asarray(x), jnp.asarray(y), jax.random.permutation(key, len(x))

    def loss_of(params, rows, wanted):
        for w, b in params[:-1]:
            rows = jax.nn.relu(rows @ w + b)
        logits = rows @ params[-1][0] + params[-1][1]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), wanted[:, None], axis=1).mean()

    def step(carry, i):
        params, first, second, t = carry
        rows = jax.lax.dynamic_slice(order, (i * batch,), (batch,))
        loss, g = jax.value_and_grad(loss_of)(params, data[rows].astype(jnp.float32), labels[rows])
        t = t + 1
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        first = jax.tree.map(lambda m, d: m + (d - m) * 0.1, first, g)
        second = jax.tree.map(lambda v, d: v + (d * d - v) * 0.001, second, g)
        params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), params, first, second)
        return (params, first, second, t), loss

    @functools.partial(jax.jit, static_argnums=1, donate_argnums=0)
    def epoch(carry, steps):
        return jax.lax.scan(step, carry, jnp.arange(steps))

    zeros = jax.tree.map(jnp.zeros_like, params)
    state = [(params, zeros, jax.tree.map(jnp.zeros_like, params), jnp.float32(0))]

    def run(steps: int) -> None:
        state[0], losses = epoch(state[0], steps)
        losses.block_until_ready()

    return run


QUICK = {"torch eager": torch_eager, "torch graph": torch_graph, "torch graph of 16": torch_graph_16, "jax scan": jax_scan}
SLOW = {"torch.compile": torch_compiled}  # a minute of compiling each
