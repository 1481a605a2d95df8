"""The bar of `fit(verbose=1)`: in a terminal, in a notebook, and what it says while kernels are compiled."""

import io
import re
import sys
import types

import numpy as np
import pytest

import gpunn
from gpunn import layers
from gpunn.callbacks import ProgbarLogger, bars
from gpunn.kernels import compiling
from gpunn.training.feeds.errors import DataError

rich = pytest.importorskip("rich.console")
X, Y = np.zeros((96, 4), np.float32), np.zeros(96, np.int64)


@pytest.fixture
def notebook(monkeypatch):
    """-> what a cell's output was, one state after another."""
    states = []
    fake = types.ModuleType("IPython.display")
    fake.HTML = str
    fake.display = lambda html, display_id: states.append(html) or types.SimpleNamespace(update=states.append)
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    monkeypatch.setattr(rich, "_is_jupyter", lambda: True)
    return states


def fit(**options):
    model = gpunn.Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model.fit(X, Y, **options)


def test_in_a_notebook(notebook, capsys):
    fit(batch_size=32, epochs=2)
    assert notebook[0] == notebook[-1] == ""
    assert notebook[1] == 'Epoch 1/2 <progress value="0" max="3"></progress> '
    assert 'Epoch 2/2 <progress value="3" max="3"></progress> 3/3' in notebook
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("Epoch 2/2 - ") and "loss: " in lines[1]


def test_of_an_unknown_number_of_batches(notebook):
    bar = bars.bar()
    bar.begin("Epoch 1/1", None)
    bar.say("7/?", 7)
    assert notebook[-1] == "Epoch 1/1 <progress ></progress> 7/?"


@pytest.mark.parametrize("end", ["whole", "error"])
def test_compiling_is_told(notebook, end):
    class Compiles(gpunn.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            for done in range(3):
                for listener in compiling.listeners:
                    listener(done, 2)
            if end == "error":
                raise KeyError

    before = list(compiling.listeners)
    try:
        fit(batch_size=32, epochs=1, callbacks=[ProgbarLogger(), Compiles()])
    except KeyError:
        assert end == "error"
    said = [state.partition("</progress> ")[2] for state in notebook]
    at = said.index("compiling kernels, this once: 0 of 2")
    assert said[at : at + 3] == ["compiling kernels, this once: 0 of 2", "compiling kernels, this once: 1 of 2", ""]
    assert compiling.listeners == before and notebook[-1] == ""


def test_in_a_terminal(monkeypatch):
    drawn = io.StringIO()
    monkeypatch.setattr(rich, "_is_jupyter", lambda: False)
    monkeypatch.setattr("rich._console", rich.Console(file=drawn, force_terminal=True, width=100))
    compiling_bar = bars.bar()
    compiling_bar.say("before the first epoch")
    compiling_bar.close()
    fit(batch_size=32, epochs=2)
    assert "3/3" in drawn.getvalue() and "0:00:00" in drawn.getvalue()  # what is left of three of three
    assert "Epoch 2/2 - " in drawn.getvalue() and "before" not in drawn.getvalue()


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 1), (2, 1), ("auto", 1)])
def test_evaluate_says_its_results_in_a_line(verbose, lines, capsys):
    model = gpunn.Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, verbose=0, validation_data=(X, Y))
    model.predict(X, verbose=verbose)
    assert capsys.readouterr().out == ""
    loss, accuracy = model.evaluate(X, Y, batch_size=64, verbose=verbose)
    said = capsys.readouterr().out.splitlines()
    form = rf"2/2 - \d+\.\ds - loss: {loss:.4f} - accuracy: {accuracy:.4f}"
    assert len(said) == lines and all(re.fullmatch(form, line) for line in said)
    model.evaluate(((x, y) for x, y in [(X, Y)]), verbose=verbose)
    assert all(re.match(r"\d+\.\ds - loss", line) for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("call", ["evaluate", "predict"])
def test_a_long_pass_has_a_bar(call, verbose, notebook, monkeypatch, capsys):
    monkeypatch.setattr("gpunn.callbacks.progbar.PassBar.SOON", -1)
    model = gpunn.Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    arrays = (X, Y) if call == "evaluate" else (X,)
    found = getattr(model, call)(*arrays, batch_size=8, verbose=0)
    assert notebook == []
    again = getattr(model, call)(*arrays, batch_size=8, verbose=verbose)
    np.testing.assert_array_equal(again, found)
    if verbose == 1:
        assert notebook[1] == ' <progress value="0" max="12"></progress> '
        assert notebook[-2:] == [' <progress value="12" max="12"></progress> 12/12', ""] and len(notebook) >= 4
    else:
        assert notebook == []
    assert len(capsys.readouterr().out.splitlines()) == (call == "evaluate")


@pytest.mark.parametrize("call", ["evaluate", "predict"])
def test_a_pass_that_breaks_off_takes_its_bar_away(call, notebook, monkeypatch):
    monkeypatch.setattr("gpunn.callbacks.progbar.PassBar.SOON", -1)
    model = gpunn.Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")

    def broken():
        yield X[:8], Y[:8]
        raise KeyError

    before = list(compiling.listeners)
    with pytest.raises(DataError, match="batch 2 of epoch 1"):
        getattr(model, call)(broken())
    assert "1/?" in notebook[-2] and notebook[-1] == "" and compiling.listeners == before


def test_hooks_of_chunks():
    """A callback that is content with being called now and then hears of the last batch."""
    heard = []

    class Now(gpunn.callbacks.Callback):
        every_batch = False

        def on_test_batch_end(self, batch, logs=None):
            heard.append((batch, logs["loss"]))

        def on_predict_batch_end(self, batch, logs=None):
            heard.append(batch)

    model = gpunn.Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    loss = model.evaluate(X, Y, batch_size=2, verbose=0, callbacks=[Now()])
    assert heard[-1] == (47, loss) and [b for b, _ in heard] == sorted({b for b, _ in heard})
    heard.clear()
    model.predict(X, batch_size=2, verbose=0, callbacks=[Now()])
    assert heard[-1] == 47 and heard == sorted(set(heard))
