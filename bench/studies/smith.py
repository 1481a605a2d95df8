"""Smith, Kindermans, Ying and Le (2018), Don't decay the learning rate, increase the batch size: the same curve with fewer updates.

784-300-100-10 on Fashion-MNIST, SGD with momentum 0.9. At the same epochs the rate is divided by 5 (decay), or the batch is multiplied by 5
(batch), or first the batch, then the rate (hybrid).

    python bench/studies/smith.py [--full]
"""

import time

import numpy as np
from common import arguments, images, mean_and_spread, write

import gpunn
from gpunn import optimizers
from gpunn.callbacks import BatchSizeSchedule, LearningRateScheduler
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.studies.charts import Chart, Mark, Series

RATE, BATCH, FACTOR = 0.05, 64, 5
PAPER = {"claim": "identical training curves and accuracies for decaying the rate, raising the batch, and the hybrid, with fewer updates",
         "where": "section 5, figures 1 to 3 (wide ResNet on CIFAR-10)"}


def main():
    options, began = arguments(__doc__), time.perf_counter()
    train, test = images("fashion_mnist", None if options.full else 20000)
    seeds, (first, second, epochs) = (5, (20, 30, 40)) if options.full else (3, (7, 12, 16))

    def chain(kind):
        rates = {"constant": (RATE,) * 3, "decay": (RATE, RATE / FACTOR, RATE / FACTOR**2), "batch": (RATE,) * 3,
                 "hybrid": (RATE, RATE, RATE / FACTOR)}[kind]
        raised = {"batch": (BATCH, BATCH * FACTOR, BATCH * FACTOR**2), "hybrid": (BATCH, BATCH * FACTOR, BATCH * FACTOR)}
        sizes = raised.get(kind, (BATCH,) * 3)
        return [LearningRateScheduler(lambda e: rates[(e >= first) + (e >= second)]),
                BatchSizeSchedule({0: sizes[0], first: sizes[1], second: sizes[2]})]

    ours, curves = {}, {}
    for kind in ("constant", "decay", "batch", "hybrid"):
        losses, held, updates = [], [], 0
        for seed in range(seeds):
            gpunn.utils.set_random_seed(seed)
            model = Sequential([Input((784,)), Dense(300, "relu"), Dense(100, "relu"), Dense(10, activation="softmax")])
            model.compile(optimizers.SGD(RATE, momentum=0.9), "sparse_categorical_crossentropy", ["accuracy"])
            history = model.fit(*train, batch_size=BATCH, epochs=epochs, validation_data=test, callbacks=chain(kind), verbose=0).history
            losses.append(history["loss"])
            held.append(100 * history["val_accuracy"][-1])
            updates = model.optimizer.steps
        mean = np.mean(losses, axis=0)
        curves[kind] = mean
        ends = [v[-1] for v in losses]
        ours[kind] = {"updates": updates, "training loss": mean_and_spread(ends), "test accuracy %": mean_and_spread(held)}
        print(kind, ours[kind], round(time.perf_counter() - began), flush=True)
    after = slice(first, epochs)
    apart = {k: float(np.abs(np.log(curves[k][after] / curves["decay"][after])).mean()) for k in ("constant", "batch", "hybrid")}
    ours["mean relative distance of the loss from decay's, after the first change"] = apart
    words = [
        f"After the first change the training loss with the raised batch is within {apart['batch']:.0%} of the decayed one on average, the "
        f"hybrid's within {apart['hybrid']:.0%}; a constant rate and batch are {apart['constant']:.0%} away.",
        f"Updates: {ours['decay']['updates']:,} with decay, {ours['batch']['updates']:,} with the raised batch.",
        "Test accuracy: " + ", ".join(f"{k} {ours[k]['test accuracy %']['mean']:.2f} %" for k in curves) + f" ({seeds} runs each).",
        "A small dense network, few epochs, a batch that ends at 8 % of the data (the paper's at 10 %): the shape is compared, not "
        "figures.",
    ]
    charts = [Chart("loss", "Training loss, mean of the runs", "epoch", "loss", [
        Series(k, list(range(1, epochs + 1)), list(v)) for k, v in curves.items()],
        [Mark("changes", x=first + 0.5), Mark("", x=second + 0.5)], log_y=True)]
    write("smith", PAPER, ours, words, charts, options.out, began)


if __name__ == "__main__":
    main()
