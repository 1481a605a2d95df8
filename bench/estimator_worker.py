"""One estimator in a process of its own: fits each time a line comes in, answers with seconds and accuracy on the test rows.

    python bench/estimator_worker.py gpunn|sklearn float32|float64|uint8 100|300-100 EPOCHS ROWS
"""

import sys
import time
import warnings


def main() -> None:
    name, kind, size, epochs, rows = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    from gpunn.datasets import fashion_mnist

    if name == "gpunn":
        from gpunn.neural_network import MLPClassifier
    else:
        from sklearn.neural_network import MLPClassifier
    warnings.simplefilter("ignore")  # the end of max_iter

    def ready(x):
        x = x.reshape(len(x), -1)
        return x if kind == "uint8" else (x / 255).astype(kind)

    (x, y), (x_test, y_test) = fashion_mnist.load_data()
    x, y, x_test = ready(x[:rows]), y[:rows], ready(x_test)
    hidden = tuple(int(n) for n in size.split("-"))

    def fit(seed, epochs):
        model = MLPClassifier(hidden, batch_size=200, max_iter=epochs, random_state=seed)
        began = time.perf_counter()
        model.fit(x, y)
        return time.perf_counter() - began, model

    fit(0, 1)  # compiles, loads, allocates: not timed
    print("ready", flush=True)
    for seed, _ in enumerate(sys.stdin):
        seconds, model = fit(seed, epochs)
        print(f"{seconds:.6f} {model.score(x_test, y_test):.4f} {model.loss_:.6f}", flush=True)


if __name__ == "__main__":
    main()
