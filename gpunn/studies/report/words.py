"""What a study found, and what cannot be concluded from it, in plain words."""

import math
from itertools import pairwise

from gpunn.studies.results import Results
from gpunn.studies.statistics import Estimate

RULES = {
    "none": "the same learning rate for every size", "linear": "a learning rate in proportion to the size",
    "sqrt": "a learning rate in proportion to the root of the size", "tuned": "a learning rate searched for each size",
}


def seconds(value: float) -> str:
    return f"{value:.3g} s" if value < 100 else f"{value / 60:.3g} min"


def spread(e: Estimate, form: str = ".4g", percent: bool = False) -> str:
    """A value with its interval."""

    def one(v: float) -> str:
        return "never" if not math.isfinite(v) else f"{v:.2%}" if percent else format(v, form)

    return one(e.value) if e.low is None or e.high is None else f"{one(e.value)} ({one(e.low)} to {one(e.high)})"


def found(results: Results) -> list[str]:
    """A sentence or two for each question."""
    out: list[str] = []
    for b in results.backends:
        out += [text for say in (_speed, _time, _steps, _result, _minimum) if (text := say(results, b))]
    return out


def _name(results: Results, backend: str) -> str:
    return f" on the {backend.upper()}" if len(results.backends) > 1 else ""


def _speed(results: Results, b: str) -> str:
    means = {n: e for n in results.sizes if (e := results.mean(b, n, "images_per_second")) is not None}
    if len(means) < 2:
        return ""
    best, first = max(means, key=lambda n: means[n].value), min(means)
    enough = min(n for n in means if means[n].value >= 0.9 * means[best].value)
    ratio = means[best].value / means[first].value
    return (
        f"Speed{_name(results, b)}: batch {first} trains {means[first].value:,.0f} images a second, batch {best} the most, "
        f"{means[best].value:,.0f} ({ratio:.2g} times as many). The smallest size within a tenth of that is {enough}."
    )


def _time(results: Results, b: str) -> str:
    target = results.settings["target"]
    if target is None:
        return "No target accuracy was set, so that nothing can be said of the time to one."
    best = results.quickest(b)
    if best is None:
        return f"No size reached {target:.1%} in half of its runs{_name(results, b)}."
    reached = results.reaching(b, "seconds")
    size, near = best
    text = f"Time{_name(results, b)}: {target:.1%} validation accuracy came quickest with batch {size}, in {seconds(reached[size].value)}"
    if near:
        text += f"; the intervals of batch {', '.join(map(str, near))} overlap with its, so that they may be as good"
    text += "."
    ends = [n for n in reached if n != size]
    if ends:
        worst = max(ends, key=lambda n: reached[n].value)
        text += f" Batch {worst} took {reached[worst].value / max(reached[size].value, 1e-9):.2g} times as long."
    missing = [n for n in results.sizes if results.reached(b, n)[1] and n not in reached]
    if missing:
        said = ", ".join(f"{n} ({results.reached(b, n)[0]} of {results.reached(b, n)[1]} runs)" for n in missing)
        text += f" Not reached by half of the runs within the budget: batch {said}."
    return text


def _steps(results: Results, b: str) -> str:
    steps = results.reaching(b, "step")
    if len(steps) < 3:
        return ""
    sizes = list(steps)
    gains = {n: steps[m].value / steps[n].value / (n / m) for m, n in pairwise(sizes)}
    ends = next((n for n, gain in gains.items() if gain < 0.75), None)
    ends_with = f"{steps[sizes[-1]].value:,.0f} at batch {sizes[-1]}"
    text = f"Steps{_name(results, b)}: from {steps[sizes[0]].value:,.0f} at batch {sizes[0]} to {ends_with}."
    if ends is None:
        text += " Every doubling of the batch nearly halved them: no end of perfect scaling was seen in this range."
    elif ends == sizes[1]:
        text += " Perfect scaling had ended below the smallest sizes already."
    else:
        text += f" Doubling the batch nearly halved them up to batch {sizes[sizes.index(ends) - 1]}; from there on less was gained."
    fit, said = results.fitted(b), results.predicted(b)
    if fit is not None:
        inside = "" if fit.low is None else f" ({fit.low:.3g} to {fit.high:.3g})"
        text += f" The fit puts the critical batch at {fit.batch:.3g}{inside}."
    if said is not None and math.isfinite(said.batch):
        text += f" The noise of the gradient predicts {said.batch:.3g}"
        text += "." if fit is None else f", {max(said.batch, fit.batch) / max(min(said.batch, fit.batch), 1e-9):.2g} times "
        if fit is not None:
            text += "as much." if said.batch >= fit.batch else "less."
    return text


def _result(results: Results, b: str) -> str:
    test = {n: e for n in results.sizes if (e := results.mean(b, n, "test_accuracy")) is not None}
    if len(test) < 2:
        return ""
    best, worst = (choose(test, key=lambda n: test[n].value) for choose in (max, min))
    text = (
        f"Result{_name(results, b)}: the best test accuracy was {spread(test[best], percent=True)} with batch {best}, the worst "
        f"{spread(test[worst], percent=True)} with batch {worst}."
    )
    low, high = test[best].low, test[worst].high
    if low is not None and high is not None and low <= high:
        return text + " Their intervals overlap: no difference in the result can be told from chance here."
    train = {n: results.mean(b, n, "train_accuracy") for n in (best, worst)}
    first, last = train[best], train[worst]
    if first is not None and last is not None and first.value - last.value > 0.5 * (test[best].value - test[worst].value):
        return (
            f"{text} Batch {worst} had learned its training rows less well, too: it was under-trained in this budget rather than worse at "
            "generalising."
        )
    return text + " The training accuracies are no further apart than half of that: this looks like generalisation."


def _minimum(results: Results, b: str) -> str:
    sharp = {n: e for n in results.sizes if (e := results.mean(b, n, "sharpness")) is not None}
    if len(sharp) < 2:
        return ""
    small, large = min(sharp), max(sharp)
    ends = [f"{spread(sharp[n], '.3g')} % at batch {n}" for n in (small, large)]
    return f"Minimum{_name(results, b)}: Keskar's sharpness went from {ends[0]} to {ends[1]}."


def not_found(results: Results) -> list[str]:
    """What this run does not show."""
    s = results.settings
    out = []
    if s["lr_rule"] != "tuned":
        out.append(
            f"Every figure is for {RULES[s['lr_rule']]}. A size may look bad because the rule gave it a bad rate: only --lr-rule tuned "
            "compares sizes each at its best."
        )
    if s["budget"] == "epochs":
        out.append(
            "Every size saw the data equally often, so that large batches made fewer updates. Lower accuracy of large batches may be just "
            "that; it is no proof that they generalise worse (compare with --budget steps or target-accuracy)."
        )
    elif s["budget"] == "steps":
        out.append("Every size made as many updates, so that large batches saw more rows: their better figures cost more computing.")
    elif s["budget"] == "time":
        out.append("Every size had the same time on this machine; on another the order may be a different one.")
    if s["seeds"] < 5:
        uncertain = "intervals over so few are themselves uncertain" if s["seeds"] > 1 else "nothing tells chance from cause"
        out.append(f"{s['seeds']} seed{'s' if s['seeds'] > 1 else ''} a size: {uncertain}.")
    if s["target"] is not None:
        out.append(
            "The target is seen as reached at the first look that shows it; looks are 15 % apart in steps, so steps and times to it are "
            "up to so much too large."
        )
    jobs = results.machine.get("jobs at once")
    if jobs != 1:
        out.append(f"Jobs ran side by side ({jobs}): times and speeds are those of shared cores, and comparable only roughly.")
    diverged = results.failed("diverged")
    if diverged:
        named = ", ".join(sorted({f"{r['size']} (rate {r['learning_rate']:.3g})" for r in diverged}))
        out.append(f"Diverged, and left out of all means: batch {named}; {len(diverged)} runs.")
    for run in results.failed("skipped"):
        out.append(f"Batch {run['size']} on {run['backend']}, seed {run['seed']}, was skipped: {run['reason']}")
    missing = len(results.sizes) * s["seeds"] * len(results.backends) - len(results.runs)
    if missing > 0:
        out.append(f"The study is not finished: {missing} runs are still to come (--resume).")
    if results.resumed:
        times = "once" if results.resumed == 1 else f"{results.resumed} times"
        out.append(f"The study was broken off and gone on with {times}; the machine may have been busier in one part than another.")
    out.append(
        "One network, one data set, one optimizer. The critical batch grows while the loss falls, and with the difficulty of the data; "
        "the noise scale is a simple model that leaves the curvature out."
    )
    return out
