"""The charts of a batch-size study."""

import math

from gpunn.studies.charts import BARS, DASH, LINE, Chart, Mark, Series
from gpunn.studies.results import NOISE, Results
from gpunn.studies.statistics import Estimate

SIZE = "batch size (rows a step)"


def figures(results: Results) -> list[Chart]:
    """Those for which there are figures."""
    kinds = (throughput, to_accuracy, steps_to_target, accuracy, gap, noise, parts, memory, law, sharpness, rates)
    charts = [kind(results) for kind in kinds]
    return [chart for chart in charts if any(_any(series.y) for series in chart.series)]


def _any(values: object) -> bool:
    return any(v is not None for v in values)  # type: ignore[attr-defined]


def _of(name: str, found: dict[int, Estimate | None], kind: str = LINE, colour: int | None = None) -> Series:
    """Estimates by size, as a series with intervals."""
    known = {n: e for n, e in found.items() if e is not None}
    finite = [[None if v is None or not math.isfinite(v) else v for v in (e.value, e.low, e.high)] for e in known.values()]
    y, low, high = (list(column) for column in zip(*finite, strict=True)) if finite else ([], [], [])
    return Series(name, list(known), y, low, high, kind, colour)


def _means(results: Results, name: str, backend: str, label: str | None = None, colour: int | None = None) -> Series:
    return _of(label or backend, {n: results.mean(backend, n, name) for n in results.sizes}, colour=colour)


def _named(results: Results, words: str, backend: str) -> str:
    """With the backend, where there are several."""
    return words if len(results.backends) == 1 else f"{words}, {backend}"


def throughput(results: Results) -> Chart:
    series = [_means(results, "images_per_second", b) for b in results.backends]
    return Chart("throughput", "How many images a second", SIZE, "images a second", series, log_x=2, log_y=True,
                 note="Training alone, without the looks at the validation rows. The mean over seeds and its 95 % interval.")


def to_accuracy(results: Results) -> Chart:
    target, series, marks = results.settings["target"], [], []
    for i, backend in enumerate(results.backends):
        series.append(_of(backend, {n: results.to_target(backend, n, "seconds") for n in results.sizes}, colour=i))
        best = results.quickest(backend)
        if best is not None:
            marks.append(Mark(_named(results, f"quickest: batch {best[0]}", backend), x=best[0]))
    title = "Seconds to the target" if target is None else f"Seconds to {target:.1%} validation accuracy"
    return Chart("time-to-accuracy", title, SIZE, "seconds of training", series, marks, log_x=2, log_y=True,
                 note="The median over seeds. A size is missing where half of its runs or more never got there: those are censored, not "
                 "slow by some number.")


def steps_to_target(results: Results) -> Chart:
    series, marks = [], []
    for i, backend in enumerate(results.backends):
        found = results.reaching(backend, "step")
        series.append(_of(_named(results, "measured", backend), dict(found), colour=i))
        if found:
            first = min(found)
            series.append(Series("perfect scaling", list(found), [found[first].value * first / n for n in found], kind=DASH, colour=7))
        fitted, predicted = results.fitted(backend), results.predicted(backend)
        if fitted is not None and fitted.steps is not None:
            curve = [fitted.steps * (1 + fitted.batch / n) for n in found]
            series.append(Series(_named(results, "fit, S (1 + B / m)", backend), list(found), curve, kind=DASH, colour=2))
            marks.append(Mark(f"B of the fit: {fitted.batch:.3g}", x=fitted.batch, low=fitted.low, high=fitted.high))
        if predicted is not None and math.isfinite(predicted.batch) and predicted.batch > 0:
            marks.append(Mark(f"B that the noise predicts: {predicted.batch:.3g}", x=predicted.batch))
    return Chart("steps-to-target", "Steps to the target", SIZE, "steps", series, marks, log_x=2, log_y=True,
                 note="Perfect scaling: twice the batch, half the steps. Around the critical batch B the gain wears off; far above it, "
                 "more rows a step save no steps. Shaded: the interval of the fitted B.")


def accuracy(results: Results) -> Chart:
    series = []
    for i, b in enumerate(results.backends):
        series += [_means(results, f"{part}_accuracy", b, _named(results, part, b), 2 * i + (part == "test")) for part in ("train", "test")]
    return Chart("accuracy", "Accuracy at the end", SIZE, "accuracy", series, log_x=2, percent=True,
                 note="After the budget of every size, which need not be as far as each would get.")


def gap(results: Results) -> Chart:
    series = [_means(results, "gap", b) for b in results.backends]
    return Chart("gap", "Generalisation gap", SIZE, "train less test accuracy", series, log_x=2, percent=True,
                 note="A small gap of a run that has learned little says nothing good about its batch size: compare at equal training "
                 "accuracy.")


def noise(results: Results) -> Chart:
    series, backend = [], results.backends[0]
    chosen = [n for n in results.sizes if results.of(backend, n)]
    chosen = chosen[:: max(1, math.ceil(len(chosen) / 6))]
    column = {name: i for i, name in enumerate(NOISE)}
    for size in chosen:
        run = results.of(backend, size)[0]
        got = [m for m in run["noise"] if m[column["scale"]] is not None and m[column["scale"]] > 0]
        series.append(Series(f"batch {size}", [m[0] for m in got], [m[column["scale"]] for m in got]))
    return Chart("noise-scale", "Gradient noise scale during training", "steps", "rows", series, log_x=10, log_y=True,
                 note="The running two-batch estimate of McCandlish et al. (2018), of one seed. A batch far below it gives mostly noise, "
                 "far above it mostly what the last batch said already.")


def parts(results: Results) -> Chart:
    backend = results.backends[0]
    sizes = [n for n in results.sizes if results.part(backend, n, "step")]
    series = []
    for name in ("gather", "forward", "backward", "update"):
        share = [(results.part(backend, n, name) or 0.0) / (results.part(backend, n, "step") or 1.0) for n in sizes]
        series.append(Series(name, [str(n) for n in sizes], share, kind=BARS))
    return Chart("step-parts", "What a step spends its time on", SIZE, "share of the step", series, percent=True,
                 note="Differences between programs that stop one part apart, each the best of several runs; the loss counts as backward.")


def memory(results: Results) -> Chart:
    series = []
    for i, b in enumerate(results.backends):
        for name, words in (("peak_bytes", "at the most, data and all"), ("step_bytes", "arrays of a step")):
            found = _means(results, name, b, _named(results, words, b), 2 * i + (name == "step_bytes"))
            for column in ("y", "low", "high"):
                setattr(found, column, [None if v is None else v / 2**20 for v in getattr(found, column)])
            series.append(found)
    return Chart("memory", "Memory", SIZE, "MiB", series, log_x=2, log_y=True,
                 note="Arrays of a step: weights, gradients, activations. At the most: what the whole process held during the run.")


def law(results: Results) -> Chart:
    series = []
    for i, b in enumerate(results.backends):
        found = results.law(b)
        if found is None:
            continue
        sizes = found["sizes"]
        for j, (name, words) in enumerate((("cosine", "cosine to the full gradient"), ("error", "relative error"))):
            series.append(_of(_named(results, words, b), dict(zip(sizes, found[name], strict=True)), colour=2 * i + j))
        first = found["error"][0].value
        line = [first * math.sqrt(sizes[0] / n) for n in sizes]
        series.append(Series("1 / sqrt(m)", sizes, line, kind=DASH, colour=7))
    return Chart("direction", "How well a batch knows the gradient", SIZE, "cosine, relative error", series, log_x=2, log_y=True,
                 note="All sizes at the same weights, early in training. Batches are drawn without putting rows back, so that the error "
                 "falls below the law as a batch comes near the whole data set.")


def sharpness(results: Results) -> Chart:
    series = []
    for i, b in enumerate(results.backends):
        series.append(_means(results, "sharpness", b, _named(results, "Keskar's sharpness (%)", b), 2 * i))
        series.append(_means(results, "eigenvalue", b, _named(results, "largest eigenvalue of the Hessian", b), 2 * i + 1))
    return Chart("sharpness", "How sharp the minimum is", SIZE, "sharpness", series, log_x=2, log_y=True,
                 note="Keskar et al. (2017), full space, epsilon 1e-3, on 1024 training rows. Runs that have not converged sit on a "
                 "slope, and their figure mixes slope and curvature.")


def rates(results: Results) -> Chart:
    series = []
    for b in results.backends:
        found = {n: runs[0]["learning_rate"] for n in results.sizes if (runs := results.of(b, n))}
        series.append(Series(b, list(found), list(found.values())))
    return Chart("learning-rate", "The learning rate of each size", SIZE, "learning rate", series, log_x=2, log_y=True,
                 note=f"By the rule {results.settings['lr_rule']!r} from {results.about['base_rate']:g} at batch "
                 f"{results.settings['base_batch']}.")


