"""`MLPClassifier.fit` against scikit-learn's: ``python bench/estimators.py [--rounds 5] [--epochs 5] [--kinds float32 float64 uint8]``.

Fashion-MNIST, batches of 200, Adam, all other parameters their defaults. Both get the same arrays and seeds, so that they take the same
course: the accuracies on the test rows stand beside the times. Fits are interleaved, one of each in turn; ratios are the rounds' medians.
Prints a table and writes bench/results/estimators-cpu-DATE.json.
"""

import argparse
import statistics

from contest import Contestant, save, take_turns

SIZES = {"100": (100,), "300-100": (300, 100)}


def contest(kind: str, size: str, epochs: int, rounds: int, rows: int = 60000) -> dict:
    pair = [Contestant(name, kind, size, epochs, rows=rows, script="estimator_worker.py") for name in ("gpunn", "sklearn")]
    take_turns(pair, rounds)
    ours, theirs = pair
    ratios = [b / a for a, b in zip(ours.seconds, theirs.seconds, strict=True)]
    accuracies = {c.name: [float(words[0]) for words in c.answers] for c in pair}
    return {
        "kind": kind, "hidden": size, "epochs": epochs, "rows": rows, "ratio": round(statistics.median(ratios), 2),
        "best": {c.name: min(c.seconds) for c in pair}, "ratio_of_best": round(min(theirs.seconds) / min(ours.seconds), 2),
        "accuracy": {name: round(statistics.mean(a), 4) for name, a in accuracies.items()},
        "seconds": {c.name: c.seconds for c in pair}, "accuracies": accuracies,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=60000)
    parser.add_argument("--kinds", nargs="+", default=["float32", "float64", "uint8"])
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--dry", action="store_true", help="print, write no file")
    given = parser.parse_args()
    results = []
    for size in given.sizes:
        for kind in given.kinds:
            results.append(r := contest(kind, size, given.epochs, given.rounds, given.rows))
            best, accuracy = r["best"], r["accuracy"]
            print(
                f"784-{size}-10 {kind:8s} gpunn {best['gpunn']:6.2f} s  scikit-learn {best['sklearn']:6.2f} s  x{r['ratio']:.2f} "
                f"(best by best x{r['ratio_of_best']:.2f})  test accuracy {accuracy['gpunn']:.4f}, {accuracy['sklearn']:.4f}", flush=True,
            )
    if not given.dry:
        print(save("estimators-cpu", {"results": results}))


if __name__ == "__main__":
    main()
