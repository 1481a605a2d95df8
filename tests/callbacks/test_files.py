"""What callbacks write: checkpoints that load, event files that TensorBoard reads, CSV rows."""

import csv
import subprocess
import sys

import numpy as np
import pytest

from gpunn import callbacks, optimizers
from gpunn.layers import BatchNormalization, Dense, Input
from gpunn.models import Sequential, load_model

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((60, 6)), RNG.integers(0, 3, 60)


def model_of(optimizer="adam", units=5):
    model = Sequential([Input((6,)), Dense(units, activation="relu"), BatchNormalization(), Dense(3, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def same(a, b):
    return all(np.array_equal(v, w) for v, w in zip(a, b, strict=True))


def test_checkpoints_of_whole_models(tmp_path):
    model, kept = model_of(), []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append((model.get_weights(), logs["val_loss"])))
    path = tmp_path / "deep" / "{epoch:02d}-{val_loss:.3f}-{val_acc:.1f}.keras"
    history = model.fit(X, Y, epochs=3, validation_split=0.2, callbacks=[keep, callbacks.ModelCheckpoint(path)], verbose=0).history
    names = [f"{i + 1:02d}-{history['val_loss'][i]:.3f}-{history['val_acc'][i]:.1f}.keras" for i in range(3)]
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == sorted(names)
    for name, (weights, loss) in zip(names, kept, strict=True):
        loaded = load_model(tmp_path / "deep" / name)
        assert same(loaded.get_weights(), weights) and loaded.evaluate(X[48:], Y[48:])[0] == loss
    again = load_model(tmp_path / "deep" / names[-1])
    more = [m.fit(X, Y, epochs=2, verbose=0).history["loss"] for m in (model, again)]
    assert more[0] == more[1], "training goes on from a checkpoint"


def test_only_the_best_and_only_weights(tmp_path):
    model, values = model_of(), iter([0.9, 0.5, 0.7, 0.4, 0.4])
    kept = []
    tell = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(val_loss=next(values)) or kept.append(model.get_weights()))
    best = callbacks.ModelCheckpoint(
        tmp_path / "best.weights.h5", save_best_only=True, save_weights_only=True, initial_value_threshold=0.8
    )
    other = callbacks.ModelCheckpoint(tmp_path / "{epoch}.h5", save_best_only=True)
    model.fit(X, Y, epochs=5, callbacks=[tell, best, other], verbose=0)
    fresh = model_of()
    fresh.load_weights(tmp_path / "best.weights.h5")
    assert best.best == 0.4 and same(fresh.get_weights(), kept[3])
    assert sorted(p.name for p in tmp_path.glob("*.h5") if p.name[0].isdigit()) == ["1.h5", "2.h5", "4.h5"]


def test_weights_files(tmp_path):
    model = model_of()
    model.fit(X, Y, epochs=2, verbose=0)
    file = tmp_path / "w.weights.h5"
    model.save_weights(file)
    twin = model_of()
    twin.load_weights(file)
    assert same(model.get_weights(), twin.get_weights()) and twin.optimizer.iterations == model.optimizer.iterations == 4
    a, b = (m.fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"] for m in (model, twin))
    assert a == b, "the optimizer goes on where it was"
    with pytest.raises(ValueError, match="exists, and overwrite=False"):
        model.save_weights(file, overwrite=False)
    plain = Sequential([Input((6,)), Dense(5, activation="relu"), BatchNormalization(), Dense(3, activation="softmax")])
    plain.load_weights(file)
    plain.save_weights(tmp_path / "plain")
    other = model_of(optimizers.SGD(0.1))
    with pytest.warns(UserWarning, match="holds the state of the optimizer Adam, which SGD cannot use: only the weights were loaded"):
        other.load_weights(file)
    other.load_weights(tmp_path / "plain")
    model.save(tmp_path / "whole.keras")
    with pytest.warns(UserWarning, match="holds the state of the optimizer Adam"):
        other.load_weights(tmp_path / "whole.keras")
    assert same(other.get_weights(), model.get_weights())
    wide = model_of(units=6)
    before = wide.get_weights()
    with pytest.raises(ValueError, match=r"w.weights.h5: Model .*: weight .* has shape \(6, 6\). Received: \(6, 5\)"):
        wide.load_weights(file)
    with pytest.raises(FileNotFoundError, match="No weights file at"):
        wide.load_weights(tmp_path / "nothing")
    (tmp_path / "text").write_text("not an archive")
    with pytest.raises(ValueError, match="is not a whole gpunn model file"):
        wide.load_weights(tmp_path / "text")
    assert same(before, wide.get_weights())


def test_a_path_that_names_what_is_not_there(tmp_path):
    words = r"Failed to format this callback filepath: .* There is no 'val_loss'. Names are: epoch, loss, accuracy."
    with pytest.raises(KeyError, match=words):
        model_of().fit(X, Y, callbacks=[callbacks.ModelCheckpoint(tmp_path / "{val_loss}.keras")], verbose=0)
    with pytest.raises(OSError, match="filepath must name a file"):
        model_of().fit(X, Y, callbacks=[callbacks.ModelCheckpoint(tmp_path)], verbose=0)


def test_csv_is_on_disk_after_every_epoch(tmp_path):
    sizes = []
    look = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: sizes.append(len((tmp_path / "a.csv").read_text().splitlines())))
    history = model_of().fit(X, Y, epochs=3, validation_split=0.2, callbacks=[callbacks.CSVLogger(tmp_path / "a.csv"), look], verbose=0)
    assert sizes == [2, 3, 4]
    with open(tmp_path / "a.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"], "a column a value, whatever its other names"
    assert [float(r["val_loss"]) for r in rows] == history.history["val_loss"] and [r["epoch"] for r in rows] == ["0", "1", "2"]
    with pytest.raises(FileNotFoundError):
        model_of().fit(X, Y, callbacks=[callbacks.CSVLogger(tmp_path / "no folder" / "a.csv")], verbose=0)


def events(folder):
    """Tag -> [(step, value)], read by TensorBoard's own reader."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.util.tensor_util import make_ndarray

    read = accumulator.EventAccumulator(str(folder), size_guidance={"tensors": 0})
    read.Reload()
    found = {tag: [(e.step, make_ndarray(e.tensor_proto)) for e in read.Tensors(tag)] for tag in read.Tags()["tensors"]}
    return found, read.Tags()["images"]


def test_tensorboard(tmp_path):
    model = model_of()
    board = callbacks.TensorBoard(tmp_path, histogram_freq=2, write_images=True, write_steps_per_second=True)
    history = model.fit(X, Y, epochs=3, validation_split=0.2, batch_size=16, callbacks=[board], verbose=0).history
    train, images = events(tmp_path / "train")
    held, _ = events(tmp_path / "validation")
    scalars = {"epoch_loss": "loss", "epoch_accuracy": "accuracy"}
    for tag, name in scalars.items():
        assert [(s, float(v)) for s, v in train[tag]] == [(i, np.float32(v)) for i, v in enumerate(history[name])]
        assert [(s, float(v)) for s, v in held[tag]] == [(i, np.float32(v)) for i, v in enumerate(history[f"val_{name}"])]
    assert [float(v) for _, v in train["epoch_learning_rate"]] == [np.float32(0.001)] * 3
    assert all(float(v) > 0 for _, v in train["epoch_steps_per_second"])
    assert [(s, float(v)) for s, v in held["evaluation_loss_vs_iterations"]] == [
        (3 * (i + 1), np.float32(v)) for i, v in enumerate(history["val_loss"])
    ]
    kernel = model.layers[0].parameters[0]
    steps = train[f"{kernel.name}/histogram"]
    assert [s for s, _ in steps] == [0, 2] and steps[-1][1][:, 2].sum() == kernel.numpy().size, "buckets hold every weight"
    low, high = steps[-1][1][0, 0], steps[-1][1][-1, 1]
    assert low == pytest.approx(kernel.numpy().min()) and high == pytest.approx(kernel.numpy().max())
    assert f"{kernel.name}/image" in images and not any(tag.startswith("batch_loss") for tag in train)


@pytest.mark.parametrize(("freq", "steps"), [("batch", list(range(1, 9))), (3, [3, 6]), (5, [5])])
def test_tensorboard_of_batches(tmp_path, freq, steps):
    model_of().fit(X, Y, epochs=2, batch_size=16, callbacks=[callbacks.TensorBoard(tmp_path, update_freq=freq)], verbose=0)
    found, _ = events(tmp_path / "train")
    assert [s for s, _ in found["batch_loss"]] == steps and len(found["epoch_loss"]) == 2
    assert not (tmp_path / "validation").exists()


def test_without_tensorboard_the_error_says_how_to_get_it(monkeypatch):
    from gpunn.callbacks import events

    monkeypatch.setattr(events, "_known", None)
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    model = model_of()
    with pytest.raises(ImportError, match=r'TensorBoard needs the library tensorboard .* pip install "gpunn\[tensorboard\]"'):
        model.fit(X, Y, callbacks=[callbacks.TensorBoard("nowhere")], verbose=0)
    assert model.optimizer.iterations == 0


def test_callbacks_import_nothing_heavy():
    code = "import sys, gpunn.callbacks as c; c.TensorBoard('x'); c.ProgbarLogger(); "
    code += "print([m for m in ('rich', 'tensorboard', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_the_bar_goes_when_training_fails(capsys):
    def fail(epoch, logs):
        raise RuntimeError("broken")

    model = model_of()
    with pytest.raises(RuntimeError, match="broken"):
        model.fit(X, Y, callbacks=[callbacks.LambdaCallback(on_epoch_end=fail)], verbose=1)
    model.fit(X, Y, verbose=1)  # rich allows one live display at a time
    silent = callbacks.ProgbarLogger()
    capsys.readouterr()
    model.fit(X, Y, callbacks=[silent], verbose=0)
    assert capsys.readouterr().out == ""
    model.fit(X, Y, callbacks=[callbacks.LearningRateScheduler(lambda epoch: 1e-5), silent], epochs=2, verbose=1)
    out = capsys.readouterr().out
    assert out.count("Epoch 1/2 - ") == 1 and "learning_rate: 1.0000e-05" in out


def test_files_are_closed_when_training_fails(tmp_path):
    """Nothing is left open (an unclosed file is a warning, and so an error, here)."""
    chain = [callbacks.CSVLogger(tmp_path / "a.csv"), callbacks.TensorBoard(tmp_path), callbacks.TerminateOnNaN(raise_error=True)]
    targets = np.zeros(60)
    targets[40] = 1e30
    model = Sequential([Dense(1, input_dim=6)])
    model.compile("sgd", "mse")
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 4"):
        model.fit(X, targets, batch_size=10, shuffle=False, callbacks=chain, verbose=0)
    assert chain[0]._file is None and chain[1]._writers == {}
