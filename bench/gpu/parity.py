"""The same training on the CPU and on the device: initial weights, losses after an epoch, and a run on the device that repeats itself."""

import common
import numpy as np


def body(results: dict) -> None:
    import gpunn
    from gpunn import layers, models

    (x, y), _ = common.mnist()
    rows = 64 if common.DRY else 12800

    def train(name: str):
        with gpunn.device(name):
            gpunn.utils.set_random_seed(5)
            model = models.Sequential([
                layers.Input((784,)), layers.Dense(32, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.2),
                layers.Dense(10, activation="softmax"),
            ])  # fmt: skip
            model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        start = model.get_weights()
        history = model.fit(x[:rows].astype("float32") / 255, y[:rows], batch_size=32, epochs=1 if common.DRY else 2, verbose=0).history
        return start, history, model.get_weights()

    cpu, device, again = train("cpu"), train(common.BACKEND), train(common.BACKEND)
    results["initial_weights_equal"] = all(np.array_equal(a, b) for a, b in zip(cpu[0], device[0], strict=True))
    results["loss"] = {"cpu": cpu[1]["loss"], common.BACKEND: device[1]["loss"]}
    results["relative_difference_of_loss"] = [abs(a - b) / a for a, b in zip(cpu[1]["loss"], device[1]["loss"], strict=True)]
    results["largest_difference_of_a_weight"] = max(float(np.abs(a - b).max()) for a, b in zip(cpu[2], device[2], strict=True))
    results["repeats_itself_to_the_bit"] = all(np.array_equal(a, b) for a, b in zip(device[2], again[2], strict=True))


if __name__ == "__main__":
    common.run("parity", body)
