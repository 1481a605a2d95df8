"""Models, layers and optimizers through pickle and deepcopy: the same weights, and training that goes on to the bit."""

import copy
import pickle

import numpy as np
import pytest

import gpunn
from gpunn import layers, losses, metrics, models, ops, optimizers, regularizers
from gpunn.layers import Dense

X = np.random.default_rng(0).random((40, 4), np.float32)
Y = X.sum(1)


class Scaled(layers.Layer):
    def __init__(self, factor=2.0, **options):
        super().__init__(**options)
        self.factor = factor

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

    def call(self, x):
        return x * self.scale * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Within(layers.Layer):
    """Layers within are built when it is called."""

    def __init__(self, units=3, **options):
        super().__init__(**options)
        self.units, self.first, self.others = units, Dense(units, "relu"), [Dense(2)]

    def call(self, x):
        return self.others[0](self.first(x))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Size(regularizers.Regularizer):
    def __call__(self, w):
        return 0.01 * ops.sum(ops.square(w))

    def get_config(self):
        return {}


class Far(losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)


class Two(models.Model):
    def __init__(self, units=3):
        super().__init__()
        self.first, self.second = Dense(units, "relu"), Dense(1)

    def call(self, x):
        return self.second(self.first(x))


def bent(x):
    return x * ops.tanh(x)


def squares(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def half_square(p, t):
    return 0.5 * (p - t) * (p - t)


def half_square_gradient(p, t):
    return p - t


def sequential(loss="mse", measured=("mae",), more=(), optimizer=None):
    model = models.Sequential([gpunn.Input((4,)), Dense(3, bent, kernel_regularizer=Size()), *more, Dense(1)])
    rate = optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model.compile(optimizers.Adam(rate) if optimizer is None else optimizer, loss, metrics=list(measured))
    return model


def graph():
    image = gpunn.Input((4,))
    hidden = Scaled(3.0)(Dense(5, "relu")(image)) + 1.0
    model = gpunn.Model(image, [Dense(1, name="u")(hidden), Dense(1, name="v")(hidden)])
    model.compile("sgd", {"u": "mse", "v": squares}, metrics={"u": ["mae"]})
    return model


def of_a_class():
    model = Two(5)
    model.compile("rmsprop", "mse")
    return model


def within():
    inner = models.Sequential([gpunn.Input((4,)), layers.BatchNormalization(), Dense(3)])
    model = models.Sequential([gpunn.Input((4,)), inner, layers.Dropout(0.3), Dense(1)])
    model.compile("nadam", Far(), metrics=[squares])
    return model


MODELS = {
    "names": sequential, "own_layer": lambda: sequential(more=[Scaled(), layers.Dropout(0.3)]),
    "own_functions": lambda: sequential(squares, [squares, metrics.MeanAbsoluteError()], [layers.Lambda(bent)]),
    "formula": lambda: sequential(losses.FormulaLoss(half_square, half_square_gradient)), "graph": graph, "own_class": of_a_class,
    "within": within,
}
WAYS = {"pickle": lambda thing: pickle.loads(pickle.dumps(thing)), "deepcopy": copy.deepcopy}


def targets(model):
    return [Y] * len(model.output_names)


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODELS)
def test_training_goes_on_in_the_copy(name, way):
    model = MODELS[name]()
    model.fit(X, [Y, Y] if name == "graph" else Y, epochs=2, verbose=0)
    again = WAYS[way](model)
    assert type(again) is type(model) and again.optimizer is not model.optimizer
    both = [m.fit(X, targets(m), epochs=2, verbose=0).history for m in (model, again)]
    assert both[0] == both[1]
    for mine, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    again.set_weights([w * 0 for w in again.get_weights()])
    assert any(w.any() for w in model.get_weights()), "weights of its own"


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("way", WAYS)
def test_before_it_is_built(way):
    model = models.Sequential([Dense(3, bent), Scaled(), Dense(1)])
    assert WAYS[way](model).compiled is False
    model.compile(optimizers.SGD(0.3, momentum=0.5), squares, metrics=["mae", squares])
    again = WAYS[way](model)
    assert not again.built and again.compiled and again.optimizer.get_config() == model.optimizer.get_config()
    assert set(again.fit(X, Y, verbose=0).history) == {"loss", "mae", "squares"}


@pytest.mark.usefixtures("cpu")
def test_functions_without_a_name():
    model = models.Sequential([gpunn.Input((4,)), layers.Lambda(lambda x: x * 2), Dense(2, lambda x: ops.exp(x)), Dense(1)])
    again = copy.deepcopy(model)
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    with pytest.raises((AttributeError, pickle.PicklingError), match=r"pickle|local object"):
        pickle.dumps(model)
    with pytest.raises(ValueError, match="without a name cannot be saved"):
        model.get_config()


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("way", WAYS)
def test_layers_alone(way):
    for layer, x in (
        (Dense(3, bent), X), (Scaled(5.0), X), (Within(4), X), (layers.LSTM(3), X[:, :, None]),
        (layers.Bidirectional(layers.GRU(2)), X[:, :, None]),
        (layers.BatchNormalization(), X), (layers.Embedding(7, 3), np.arange(6)[None]), (layers.Conv1D(2, 3), X[:, :, None]),
    ):
        assert not WAYS[way](layer).built
        y = layer(x)
        again = WAYS[way](layer)
        assert again is not layer and again.name == layer.name
        np.testing.assert_array_equal(again(x), y)
    model = sequential()
    again = WAYS[way](model.layers[0])
    np.testing.assert_array_equal(again.get_weights()[0], model.layers[0].get_weights()[0])
    assert again.inbound_nodes == [], "it is in no model"


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("way", WAYS)
def test_an_optimizer_in_use_is_copied_as_it_was_made(way):
    model = sequential(optimizer=optimizers.Adam(0.02, clipnorm=1.0))
    model.fit(X, Y, verbose=0)
    again = WAYS[way](model.optimizer)
    assert again.get_config() == model.optimizer.get_config() and again.iterations == 0
    sequential(optimizer=again).fit(X, Y, verbose=0)


@pytest.mark.usefixtures("cpu")
def test_a_model_with_nothing_to_write_down_is_told():
    class Odd(models.Model):
        def __init__(self, thing):
            super().__init__()
            self.dense = Dense(1)

        def call(self, x):
            return self.dense(x)

    model = Odd(object())
    model.build((None, 4))
    with pytest.raises(NotImplementedError, match="gives no get_config"):
        copy.deepcopy(model)
