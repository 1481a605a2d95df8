"""Claims about the batch size; `gpunn study batch-size` goes into them at length."""

import math
import time
from typing import Any

import numpy as np

import gpunn
from gpunn.studies.charts import DASH, Chart, Series
from gpunn.studies.claims.base import UNTESTED, Outcome, Scale, Table, claim, column, judged, listed
from gpunn.studies.claims.data import line
from gpunn.studies.claims.nets import compiled, fitted, fitted_by_seed, net, score
from gpunn.studies.gradients import Gradients
from gpunn.studies.sharpness import directions, slope_of_law
from gpunn.studies.timing import bytes_of_step, step_parts
from gpunn.training.loop import Training

HIDDEN = (300, 100)


@claim(7, "Gradient descent goes the locally right way; SGD is erratic, but each step is 100 to 1000 times cheaper.", 1, 4)
def erratic_but_cheap(scale: Scale) -> Outcome:
    data, _ = scale.images("fashion-mnist", scale.pick(6000, 60000))
    model = compiled(net(data[0].shape[1], (100,)), "sgd", 0.1)
    fitted(model, data, 1, 64)
    rows = len(data[0])
    sizes = [1, 10, 100, rows]
    found = directions(Gradients(model, *data), sizes[:-1], 20)
    times = [(step_parts(model, *data, n, 0.1) or {"step": math.nan})["step"] for n in sizes]
    table = [
        {"batch": n, "cosine to the full gradient": c, "milliseconds a step": t, "times cheaper": times[-1] / t}
        for n, c, t in zip(sizes, [*found["cosine"], 1.0], times, strict=True)
    ]
    cosines = column(table, "cosine to the full gradient")
    return judged(
        cosines == sorted(cosines) and table[0]["times cheaper"] > 20,
        f"Cosine to the full gradient: {listed(table, 'batch', 'cosine to the full gradient')} rows: it grows with the batch. A step of "
        f"one row is {table[0]['times cheaper']:,.0f} times, one of 100 rows {table[2]['times cheaper']:.0f} times cheaper than one of all "
        f"{rows:,}: below the {rows:,} and {rows / 100:,.0f} of counting rows, as every step has a cost of its own.",
        table,
        Chart("cosine", "Direction", "batch size", "cosine", [Series("", sizes, cosines)], log_x=10),
        Chart("cost", "Cost of a step", "batch size", "milliseconds", [Series("", sizes, times)], log_x=10, log_y=True),
    )


@claim(31, "Larger batches train faster.", 1, 2)
def faster(scale: Scale) -> Outcome:
    data, _ = scale.images("fashion-mnist", scale.pick(4096, 60000))
    table = Table()
    for size in (16, 64, 256, 1024, 4096):
        model = compiled(net(data[0].shape[1], HIDDEN), "sgd", 0.01)
        fitted(model, data, 1, size)  # kernels are compiled
        best = math.inf
        for _ in range(scale.pick(2, 5)):
            began = time.perf_counter()
            fitted(model, data, 1, size)
            best = min(best, time.perf_counter() - began)
        table.append({"batch": size, "seconds an epoch": best})
    seconds = column(table, "seconds an epoch")
    ratio, late = seconds[0] / min(seconds), seconds[1] / min(seconds[2:])
    return judged(
        ratio > 1.15 and late > 1.5,
        f"Seconds an epoch: {listed(table, 'batch', 'seconds an epoch')}. From batch 16 to the best "
        f"{ratio:.2g} times as fast, from batch 64 on only {late:.2g} times.",
        table,
        Chart("seconds", "Time of an epoch", "batch size", "seconds", [Series("", column(table, "batch"), seconds)], log_x=2),
        only_if="the device is not full yet: a CPU is with some dozens of rows, a GPU much later",
        otherwise=ratio > 1.15,
    )


@claim(32, "Larger batches generalise worse, smaller ones better.", 2)
def generalise(scale: Scale) -> Outcome:
    """(a) equal epochs and rate; (b) trained to an equal training loss."""
    data, test = scale.images("fashion-mnist", scale.pick(4000, 60000), scale.pick(4000, 10000))
    sizes, seeds, limit, widths = (32, 256, 1024), scale.pick(3, 5), 0.4, scale.pick((100,), HIDDEN)
    table, ends = Table(), []
    for size in sizes:
        def make() -> Any:
            return compiled(net(data[0].shape[1], widths), "sgd", 0.1)

        early = [(score(m, data)["accuracy"], score(m, test)["accuracy"]) for m, _ in fitted_by_seed(make, seeds, data, 4, size)]
        late = []
        for seed in range(seeds):
            gpunn.utils.set_random_seed(seed)
            model = compiled(net(data[0].shape[1], widths), "sgd", 0.03 * math.sqrt(size / 32))
            late.append((*_to_loss(model, data, size, limit, scale.pick(250, 400)), score(model, test)["accuracy"]))
        a, b = np.mean(early, axis=0), np.mean(late, axis=0)
        ends.append(np.array(late)[:, 2])
        row = {"batch": size, "train, equal epochs": a[0], "test, equal epochs": a[1], "training loss": b[0], "epochs": b[1]}
        table.append(row | {"test, equal training loss": b[2]})
    first, last = table[0], table[-1]
    equal_epochs = first["test, equal epochs"] - last["test, equal epochs"]
    apart = ends[0] - ends[-1]  # seed by seed
    equal_loss, error = float(apart.mean()), float(apart.std(ddof=1) / math.sqrt(seeds))
    under = first["train, equal epochs"] - last["train, equal epochs"]
    said = (
        f"After equal epochs batch {last['batch']} tests {equal_epochs:.1%} below batch {first['batch']}, its training accuracy being "
        f"{under:.1%} lower. Trained to the same training loss {limit} it tests {abs(equal_loss):.1%} "
        f"{'lower' if equal_loss > 0 else 'higher'} (standard error {error:.1%})."
    )
    return judged(
        equal_epochs > 0.01 and equal_loss > max(0.01, 2 * error),
        said,
        table,
        Chart(
            "test",
            "Test accuracy",
            "batch size",
            "accuracy",
            [Series(name, list(sizes), column(table, name)) for name in ("test, equal epochs", "test, equal training loss")],
            log_x=2,
            percent=True,
        ),
        only_if="sizes get equal epochs, which leaves large batches under-trained; at equal training loss none could be told from chance",
        otherwise=equal_epochs > 0.01,
    )


def _to_loss(model: Any, data: tuple[np.ndarray, np.ndarray], size: int, limit: float, most: int) -> tuple[float, int]:
    from gpunn.callbacks import LambdaCallback

    found: list[float] = []  # not an epoch's own mean, which lags behind the weights, the more so the smaller the batch

    def stop(epoch: int, logs: dict[str, float]) -> None:
        found.append(score(model, data)["loss"])
        model.stop_training = found[-1] <= limit

    fitted(model, data, most, size, callbacks=[LambdaCallback(on_epoch_end=stop)])
    return found[-1], len(found)


@claim(33, "Mini-batches train faster than the full batch because there are more updates (11 against 1).", 4)
def more_updates(scale: Scale) -> Outcome:
    data, _ = scale.images("fashion-mnist", 1050)
    curves, table = [], Table()
    for size in (100, 1050):
        gpunn.utils.set_random_seed(0)
        model = compiled(net(data[0].shape[1], (100,)), "sgd", 0.1)
        losses = fitted(model, data, scale.pick(15, 60), size)["loss"]
        table.append({"batch": size, "updates an epoch": -(-1050 // size), "final loss": losses[-1]})
        curves.append(Series(f"batch {size}", list(range(1, len(losses) + 1)), losses))
    small, whole = column(table, "final loss")
    return judged(
        small < whole and table[0]["updates an epoch"] == 11,
        f"After {len(losses)} epochs the loss is {small:.3f} with 11 updates an epoch, {whole:.3f} with one.",
        table,
        Chart("loss", "Training loss", "epoch", "loss", curves),
    )


@claim(34, "The smaller the batch, the less accurate the gradient's estimate.", 2, 4)
def less_accurate(scale: Scale) -> Outcome:
    data, _ = scale.images("fashion-mnist", scale.pick(10000, 60000))
    model = compiled(net(data[0].shape[1], (100,)), "sgd", 0.1)
    fitted(model, data, 1, 64)
    sizes = [1, 4, 16, 64, 256]
    errors = directions(Gradients(model, *data), sizes, scale.pick(24, 100))["error"]
    slope = slope_of_law(sizes, errors)
    table = [{"batch": n, "relative error": e} for n, e in zip(sizes, errors, strict=True)]
    law = Series("1 / sqrt(m)", sizes, [errors[0] / math.sqrt(n) for n in sizes], kind=DASH, colour=7)
    return judged(
        abs(slope + 0.5) < 0.08,
        f"The error of a batch's gradient falls like m^{slope:.3f}; the law says -0.5.",
        table,
        Chart(
            "error",
            "Error of a batch's gradient",
            "batch size",
            "relative to the full one",
            [Series("measured", sizes, errors), law],
            log_x=2,
            log_y=True,
        ),
    )


@claim(35, "Larger batches need more memory.", 2, 4)
def memory(scale: Scale) -> Outcome:
    sizes, table = [16, 64, 256, 1024, 4096], Table()
    model = compiled(net(784, HIDDEN), "sgd", 0.1)
    x, y = np.zeros((4096, 784), np.float32), np.zeros(4096, np.int32)
    rows = model._check(x, y, None, None, "memory")
    for size in sizes:
        found = bytes_of_step(Training(model, rows, size, True), size)
        table.append({"batch": size, "MiB of a step's arrays": (found or 0) / 2**20})
    mib = column(table, "MiB of a step's arrays")
    slope, fixed = np.polyfit(sizes, mib, 1)
    error = float(np.abs(np.polyval([slope, fixed], sizes) - mib).max() / max(mib))
    scale.data.append("no data: the arrays that a recorded step works in")
    return judged(
        slope > 0 and error < 0.02,
        f"Linear (within {error:.1%}): {slope * 1024:.3g} KiB a row, and {fixed:.3g} MiB whatever the batch, for weights and gradients.",
        table,
        Chart("memory", "Arrays of a step, 784-300-100-10", "batch size", "MiB", [Series("", sizes, mib)], log_x=2, log_y=True),
    )


@claim(66, "Batch descent has less noise and converges stably, SGD is robust and noisy, mini-batches are in between.", 0)
def noise_of_curves(scale: Scale) -> Outcome:
    rows = 512
    data, _ = scale.images("fashion-mnist", rows)
    table, curves = Table(), []
    for size in (rows, 32, 1):
        gpunn.utils.set_random_seed(1)
        model = compiled(net(data[0].shape[1], (30,)), "sgd", 0.005)
        steps = scale.pick(250, 2000)
        losses = fitted(model, data, steps, size, steps_per_epoch=1)["loss"]  # an "epoch" is one update
        jumps = float(np.std(np.diff(losses)))
        table.append({"batch": size, "spread of the change from step to step": jumps})
        curves.append(Series(f"batch {size}", list(range(1, steps + 1)), losses))
    spread = column(table, "spread of the change from step to step")
    return judged(
        spread == sorted(spread),
        f"Spread of the loss from step to step: {listed(table, 'batch', 'spread of the change from step to step')}"
        " for batches of so many rows.",
        table,
        Chart("loss", "Loss of each step's batch", "step", "loss", curves[::-1]),
    )


@claim(62, "The same network runs on CPU and GPU with the same results; the GPU's speed grows with the batch.", 1, 2)
def both_devices(scale: Scale) -> Outcome:
    from gpunn.backend.probe import State, probe

    data, _ = scale.images("mnist", 2000)
    other = "gpu" if probe().state is State.USABLE else "cpu"
    table, sizes = Table(), (32, 256, 2000)
    for size in sizes:
        row: dict[str, Any] = {"batch": size}
        ends = []
        for device in dict.fromkeys(("cpu", other)):
            with gpunn.device(device):
                gpunn.utils.set_random_seed(0)
                model = compiled(net(data[0].shape[1], (64,)), "sgd", 0.1)
                fitted(model, data, 1, size)
                began = time.perf_counter()
                fitted(model, data, 2, size)
                row[f"seconds, {device}"] = time.perf_counter() - began
                ends.append(np.concatenate([w.ravel() for w in model.get_weights()]))
        row["largest difference of a weight"] = float(np.abs(ends[0] - ends[-1]).max())
        table.append(row)
    if other == "cpu":
        return Outcome(
            UNTESTED,
            "There is no GPU that can be used here: only the CPU's half was run, and nothing can be said of a GPU.",
            table,
            [Chart("seconds", "Two epochs", "batch size", "seconds", [Series("cpu", list(sizes), column(table, "seconds, cpu"))], log_x=2)],
        )
    gain = [r["seconds, cpu"] / r["seconds, gpu"] for r in table]
    equal = max(column(table, "largest difference of a weight")) < 1e-3
    return judged(
        equal and gain[-1] > gain[0],
        f"Weights differ by {max(column(table, 'largest difference of a weight')):.1g} at most; the GPU is "
        f"{gain[0]:.2g} times as fast at batch {sizes[0]}, {gain[-1]:.2g} at {sizes[-1]}.",
        table,
        Chart("gain", "GPU against CPU", "batch size", "times as fast", [Series("", list(sizes), gain)], log_x=2),
    )


@claim(71, "A vectorised cost gives the same answer as costs of single rows; random subsets estimate it.", 1)
def vectorised(scale: Scale) -> Outcome:
    x, y, _ = line(64, 5)
    model = compiled(net(5, (8,), 1, "tanh", "linear"), "sgd", 0.1, "mse")
    scale.data.append("64 rows of a linear problem")
    with Gradients(model, x, y, 64) as g:
        whole = g.at()[1]
        one_by_one = np.mean(list(g.batches(1, 64)), axis=0)
        subsets = np.array([next(iter(g.batches(16, 1, number))) for number in range(1, scale.pick(400, 4000) + 1)])
    norm = np.linalg.norm(whole)
    equal, bias = float(np.linalg.norm(one_by_one - whole) / norm), float(np.linalg.norm(subsets.mean(axis=0) - whole) / norm)
    single = float(np.mean(np.linalg.norm(subsets - whole, axis=1)) / norm)
    counts = np.unique(np.geomspace(1, len(subsets), 12).astype(int))
    errors = [float(np.linalg.norm(subsets[:n].mean(axis=0) - whole) / norm) for n in counts]
    table = [
        {"estimate": "mean of single rows", "relative error": equal},
        {"estimate": "one subset of 16", "relative error": single},
        {"estimate": f"mean of {len(subsets)} subsets", "relative error": bias},
    ]
    return judged(
        equal < 1e-5 and bias < 3 * single / math.sqrt(len(subsets)),
        f"Gradients of single rows, averaged, equal the batch's within "
        f"{equal:.0e} (rounding). One subset of 16 is off by {single:.0%}, the mean of {len(subsets)} subsets by {bias:.2%}: unbiased.",
        table,
        Chart(
            "subsets",
            "Mean of random subsets",
            "subsets",
            "relative error",
            [Series("", [int(n) for n in counts], errors)],
            log_x=10,
            log_y=True,
        ),
    )
