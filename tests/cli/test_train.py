"""``gpunn train`` on the stand-in engine: what it hands to the engine, what it saves and says."""

import json
import re
import signal

import numpy as np
import pytest

from gpunn.backend.probe import GpuState, State


def files(folder):
    return sorted(p.name for p in folder.iterdir())


def result_of(done):
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_run(call, engine, tmp_path):
    done = call("train", "digits", "--seed", 5, "--backend", "cpu", "--out", "here")
    assert done.exit_code == 0 and done.stderr == ""
    assert files(tmp_path / "here") == ["curve.png", "history.json", "model.gpunn.npz"]
    assert re.search(r"│ test accuracy │ +97\.00% │", done.stdout)
    for row in ("test accuracy", "test loss", "0.2500", "images/s", "seconds", "parameters", "1,234", "cpu", "seed"):
        assert row in done.stdout
    assert "gpunn digits  mlp on cpu, seed 5" in done.stdout and "saved here/" in done.stdout
    (fit,) = engine.STATE.fits
    assert (fit.model.device, fit.model.seed) == ("cpu", 5)
    assert (fit.batch_size, fit.epochs, type(fit.model.optimizer).__name__) == (32, 25, "Adam")


def test_the_data_is_scaled_and_every_tenth_row_held_out(call, engine):
    call("train", "digits", "--backend", "cpu")
    (fit,) = engine.STATE.fits
    (x, y), _ = engine.load_digits()
    assert fit.x.dtype == np.float32 and (len(fit.x), len(fit.validation_data[0])) == (90, 10)
    np.testing.assert_array_equal(fit.validation_data[0], x[9::10] / np.float32(16))
    np.testing.assert_array_equal(fit.validation_data[1], y[9::10])
    np.testing.assert_array_equal(fit.x[[0, 8, 9, 89]], x[[0, 8, 10, 98]] / np.float32(16))
    np.testing.assert_array_equal(fit.y, np.delete(y, slice(9, None, 10)))


@pytest.mark.parametrize(("dataset", "widths"), [("digits", [128, 10]), ("mnist", [300, 100, 10]), ("fashion-mnist", [300, 100, 10])])
def test_the_default_network(call, engine, tmp_path, dataset, widths):
    where = [] if dataset == "digits" else ["--data-dir", tmp_path]
    assert call("train", dataset, "--backend", "cpu", *where).exit_code == 0
    layers = engine.STATE.fits[0].model.layers
    assert layers[0].arguments == ((8, 8),)
    assert [layer.arguments[0] for layer in layers[2:]] == widths
    assert [layer.activation for layer in layers[2:]] == ["relu"] * (len(widths) - 1) + ["softmax"]


def test_the_underscore_spelling(call, engine, tmp_path):
    assert call("train", "fashion_mnist", "--backend", "cpu", "--data-dir", tmp_path).exit_code == 0


def test_json(call):
    done = call("train", "digits", "--epochs", 3, "--batch-size", 16, "--optimizer", "sgd", "--lr", 0.5, "--backend", "cpu", "--json")
    assert done.exit_code == 0
    result = result_of(done)
    expected = {
        "dataset": "digits", "model": "mlp", "backend": "cpu", "seed": 0, "optimizer": "SGD", "learning_rate": 0.5, "status": "ok",
        "epochs": 3, "epochs_done": 3, "batch_size": 16, "train_images": 90, "validation_images": 10, "test_images": 50, "parameters": 1234,
        "test_loss": 0.25, "test_accuracy": 0.97, "error": None,
    }
    assert {name: result[name] for name in expected} == expected
    assert result["history"]["loss"] == pytest.approx([2, 1, 2 / 3]) and len(result["history"]["val_accuracy"]) == 3
    assert result["images_per_second"] > 0 and result["seconds"] > 0
    with open(result["files"]["history"], encoding="utf-8") as file:
        saved = json.load(file)
    assert saved == {name: value for name, value in result.items() if name != "files"}
    assert "3/3" in done.stderr and "test accuracy" in done.stderr


def test_json_holds_the_printing_of_a_users_file_back(call, tmp_path):
    (tmp_path / "loud.py").write_text("import gpunn\ndef net(*_):\n    print('hello')\n    return gpunn.models.Sequential([])\n")
    done = call("train", "digits", "--model", "loud.py:net", "--backend", "cpu", "--json")
    assert result_of(done)["model"] == "loud.py:net" and "hello" in done.stderr


def test_the_optimizers_own_learning_rate(call):
    assert result_of(call("train", "digits", "--optimizer", "sgd", "--epochs", 1, "--backend", "cpu", "--json"))["learning_rate"] == 0.01


def test_default_folders_do_not_collide(call, tmp_path, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda form: "NOW")
    for _ in range(3):
        assert call("train", "digits", "--epochs", 1, "--backend", "cpu").exit_code == 0
    assert files(tmp_path / "runs") == ["digits-NOW", "digits-NOW-2", "digits-NOW-3"]


def test_a_loss_that_is_not_finite(call, plan, tmp_path):
    plan(nan_at=3)
    done = call("train", "digits", "--lr", 9, "--backend", "cpu", "--out", "here", "--json")
    assert done.exit_code == 1
    last = done.stderr.splitlines()[-1]
    assert last == "error: training failed: the loss was not finite in epoch 3. A smaller --lr may help (it was 9)."
    result = result_of(done)
    assert (result["status"], result["epochs_done"], result["test_accuracy"]) == ("failed", 3, None)
    assert result["history"]["loss"][2] is None and last.endswith(result["error"])
    assert files(tmp_path / "here") == ["curve.png", "history.json"]


def test_an_error_of_the_engine(call, plan, tmp_path):
    plan(error=MemoryError("no room for\n 9 GB"))
    done = call("train", "digits", "--backend", "cpu", "--out", "here")
    assert (done.exit_code, done.stderr) == (1, "error: training failed: MemoryError: no room for 9 GB\n")
    assert files(tmp_path / "here") == ["history.json"]
    done = call("train", "digits", "--backend", "cpu", env={"GPUNN_DEBUG": "1"})
    assert "fake_engine.py" in done.stderr


def test_bad_input_found_by_the_engine(call, plan, tmp_path):
    plan(error=ValueError("Layer 'dense' expected 64 inputs.\nReceived: 63"))
    done = call("train", "digits", "--backend", "cpu")
    assert (done.exit_code, done.stderr) == (2, "error: Layer 'dense' expected 64 inputs. Received: 63\n")
    assert files(tmp_path / "runs") == []


def test_interrupted(call, plan, tmp_path):
    plan(interrupt_at=3)
    done = call("train", "digits", "--backend", "cpu", "--out", "here", "--json")
    assert done.exit_code == 130 and done.stderr.splitlines()[-1] == "error: interrupted after 2 of 25 epochs"
    result = result_of(done)
    assert (result["status"], result["epochs_done"], len(result["history"]["loss"])) == ("interrupted", 2, 2)
    assert files(tmp_path / "here") == ["curve.png", "history.json", "model.gpunn.npz"]


def test_interrupted_before_there_is_anything(call, plan, engine, tmp_path, monkeypatch):
    plan(interrupt_at=1)

    def unbuilt(*_arguments):
        raise ValueError("the model is not built")

    monkeypatch.setattr(engine.Sequential, "save", unbuilt)
    monkeypatch.setattr(engine.Sequential, "count_params", unbuilt)
    done = call("train", "digits", "--backend", "cpu", "--out", "here")
    assert done.exit_code == 130 and "error: interrupted after 0 of 25 epochs" in done.stderr
    assert re.search(r"^warning: .*model.gpunn.npz was not written: ValueError: the model is not built$", done.stderr, re.M)
    assert files(tmp_path / "here") == ["history.json"]


def test_interrupted_outside_the_training(call, engine, monkeypatch):
    def interrupt():
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("gpunn.datasets.digits.load_data", interrupt)
    done = call("train", "digits")
    assert done.exit_code == 130 and "error: interrupted" in done.stderr


# What is refused at the door.


def test_missing_data(call):
    done = call("train", "mnist", "--backend", "cpu")
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
    assert "MNIST was not found. Looked in: path" in done.stderr and "digits" in done.stderr


def test_missing_data_without_a_word_of_digits(call, monkeypatch):
    def load_data(path=None):
        raise OSError("no route to host")

    monkeypatch.setattr("gpunn.datasets.mnist.load_data", load_data)
    assert call("train", "mnist", "--backend", "cpu").stderr == "error: no route to host Without a download: gpunn train digits.\n"


def test_data_dir_is_refused_for_digits(call, tmp_path):
    done = call("train", "digits", "--data-dir", tmp_path)
    assert done.exit_code == 2 and "--data-dir has no effect on digits" in done.stderr


def test_unknown_optimizer(call, tmp_path):
    done = call("train", "digits", "--optimizer", "adm", "--backend", "cpu")
    assert done.exit_code == 2 and "Expected one of adam, sgd. Received: 'adm'" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_out_is_a_file(call, tmp_path):
    (tmp_path / "taken").write_text("")
    done = call("train", "digits", "--backend", "cpu", "--out", "taken")
    assert done.exit_code == 2 and done.stderr == "error: --out: the folder 'taken' cannot be made: File exists.\n"


# Backends.


def states(monkeypatch, state):
    found = GpuState(state, "There is no driver.", "install it", RuntimeError("status 35"), device_name="H200")
    monkeypatch.setattr("gpunn.backend.probe.probe", lambda: found)
    monkeypatch.setattr("gpunn.cli.report.probe", lambda: found)


@pytest.mark.parametrize(("state", "device", "note"), [
    (State.ABSENT, "cpu", False), (State.UNUSABLE, "cpu", True), (State.USABLE, "gpu", False),
])
def test_auto(call, engine, monkeypatch, state, device, note):
    states(monkeypatch, state)
    done = call("train", "digits", "--epochs", 1)
    assert done.exit_code == 0 and engine.STATE.fits[0].model.device == device
    assert ("the GPU is not used: There is no driver." in done.stdout) == note
    assert ("mlp on gpu (H200)" in done.stdout) == (device == "gpu")


def test_gpu_that_is_not_usable(call, monkeypatch):
    states(monkeypatch, State.UNUSABLE)
    for done in (call("train", "digits", "--backend", "gpu"), call("train", "digits", env={"GPUNN_BACKEND": "gpu"})):
        assert done.exit_code == 2
        assert done.stderr == "error: The GPU cannot be used. There is no driver. To mend it: install it (RuntimeError: status 35)\n"


def test_cpu_does_not_probe(call, monkeypatch):
    def fail():
        raise AssertionError("the GPU was probed")

    monkeypatch.setattr("gpunn.backend.probe.probe", fail)
    assert call("train", "digits", "--epochs", 1, "--backend", "cpu").exit_code == 0


# A model of the user's own.

NET = """
import gpunn
from neighbour import WIDTH

def net(input_shape, classes):
    assert (input_shape, classes) == ((8, 8), 10)
    return gpunn.models.Sequential([gpunn.layers.Dense(WIDTH)])

def compiled(input_shape, classes):
    model = net(input_shape, classes)
    model.compile(gpunn.optimizers.SGD(0.125), "mse")
    return model

def nothing(input_shape, classes):
    return 7

def broken(input_shape, classes):
    return undefined
"""


@pytest.fixture
def net(engine, tmp_path):
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "mine.py").write_text(NET)
    (tmp_path / "nets" / "neighbour.py").write_text("WIDTH = 17\n")
    return "nets/mine.py:"


def test_a_users_model(call, engine, net):
    assert call("train", "digits", "--model", net + "net", "--backend", "cpu").exit_code == 0
    model = engine.STATE.fits[0].model
    assert model.layers[0].arguments == (17,) and type(model.optimizer).__name__ == "Adam" and model.metrics == ["accuracy"]


def test_a_compiled_model_keeps_its_optimizer_and_needs_no_accuracy(call, net):
    done = call("train", "digits", "--model", net + "compiled", "--backend", "cpu", "--json")
    assert done.exit_code == 0
    result = result_of(done)
    assert (result["optimizer"], result["learning_rate"], result["test_accuracy"], result["test"]) == ("SGD", 0.125, None, {"loss": 0.25})
    done = call("train", "digits", "--model", net + "compiled", "--lr", 0.1, "--optimizer", "adam")
    assert done.exit_code == 2 and "returns a compiled model, so --optimizer and --lr would have no effect" in done.stderr


@pytest.mark.parametrize(("spec", "said"), [
    ("rnn", "--model is mlp, cnn, or a file and a function in it: PATH.py:FUNCTION. Received: 'rnn'"),
    ("nets/mine.py", "Received: 'nets/mine.py'"),
    ("nets/mine.py:a b", "Received: 'nets/mine.py:a b'"),
    ("nets/yours.py:net", "there is no file 'nets/yours.py'"),
    ("nets/mine.py:nett", "has no function 'nett'. It has: broken, compiled, net, nothing."),
    ("nets/mine.py:nothing", "must return a model. Received: 7 (of type int)"),
    ("nets/mine.py:broken", "--model: nets/mine.py:18: NameError: name 'undefined' is not defined"),
    ("nets/wrong.py:net", "--model: nets/wrong.py:2: SyntaxError: "),
    ("nets/fails.py:net", "--model: nets/fails.py:1: ZeroDivisionError: division by zero"),
])
def test_a_users_model_that_is_wrong(call, net, tmp_path, spec, said):
    (tmp_path / "nets" / "wrong.py").write_text("x = 1\ndef net(:\n")
    (tmp_path / "nets" / "fails.py").write_text("1 / 0\n")
    done = call("train", "digits", "--model", spec, "--backend", "cpu")
    assert done.exit_code == 2 and said in done.stderr and done.stderr.count("\n") == 1
