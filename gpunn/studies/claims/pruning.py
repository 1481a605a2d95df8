"""The lottery ticket."""

from typing import Any

import gpunn
from gpunn import pruning
from gpunn.layers import Dense, Input
from gpunn.models import Sequential, state
from gpunn.studies.charts import Chart, Mark, Series
from gpunn.studies.claims.base import Outcome, Scale, Table, claim, judged, listed
from gpunn.studies.claims.nets import compiled, fitted, score


@claim(24, "A subnetwork with its original first weights matches the whole network's accuracy in as few iterations (lottery ticket).", 3)
def lottery_ticket(scale: Scale) -> Outcome:
    """Each round prunes a share of what is left, rewinds and trains again; `gpunn.pruning.lottery` is the whole experiment."""
    data, test = scale.images("mnist", scale.pick(4000, 60000), scale.pick(2000, 10000))
    hidden, share, rounds = scale.pick((100, 50), (300, 100)), scale.pick(0.45, 0.2), scale.pick(4, 13)

    def network() -> Any:
        gpunn.utils.set_random_seed(7)
        layers = [Input((data[0].shape[1],)), *(Dense(n, "relu") for n in hidden), Dense(10, "softmax", name="output")]
        return compiled(Sequential(layers), "sgd", 0.02, momentum=0.9)

    def train(model: Any) -> float:
        fitted(model, data, scale.pick(5, 3), 32)
        return score(model, test)["accuracy"]

    model = network()
    first = state.take(model)
    table, masks = Table(), {}
    for r in pruning.rounds(model, train, rounds, share, {"output": share / 2}):
        table.append({"network": "ticket" if r.number else "whole", "weights left": r.left, "test accuracy": r.result})
        masks = r.masks
    tickets = list(table)
    for name, chosen in (("same mask, new weights", masks), ("random mask, first weights", pruning.random(masks, 1))):
        other = network()
        if name.startswith("random"):
            state.put(other, first)
        else:
            gpunn.utils.set_random_seed(99)
            drawn = Sequential([Input((data[0].shape[1],)), *(Dense(n, "relu") for n in hidden), Dense(10, "softmax")])
            other.set_weights(drawn.get_weights())
        pruning.hold(other, dict(zip((p.name for p in pruning.prunable(other)), chosen.values(), strict=True)))
        table.append({"network": name, "weights left": tickets[-1]["weights left"], "test accuracy": train(other)})
    whole, last = tickets[0]["test accuracy"], tickets[-1]
    controls = [row["test accuracy"] for row in table[len(tickets) :]]
    best = max(tickets[1:], key=lambda row: row["test accuracy"])
    matches = best["test accuracy"] >= whole - 0.003
    series = [Series("ticket", [row["weights left"] for row in tickets], [row["test accuracy"] for row in tickets])]
    for row in table[len(tickets) :]:
        series.append(Series(row["network"], [row["weights left"]], [row["test accuracy"]], kind="points"))
    return judged(
        matches and last["test accuracy"] > max(controls),
        f"The whole network reaches {whole:.1%}; with {best['weights left']:.1%} of the weights, rewound to their first values, "
        f"{best['test accuracy']:.1%}, in as many epochs. At {last['weights left']:.1%}: the ticket {last['test accuracy']:.1%}, "
        f"{listed(table[len(tickets) :], 'network', 'test accuracy', '.1%')}.",
        table,
        Chart("ticket", "Accuracy by the weights left", "share of weights left", "test accuracy", series, [Mark("whole", y=whole)], 10,
              percent=True),
    )
