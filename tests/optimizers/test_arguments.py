"""Names, arguments, defaults and configurations are Keras's; contradictions are refused with the reason."""

import inspect
import json
import pickle

import numpy as np
import pytest
from keras_twin import keras
from optimizer_cases import COMMON, NAMES, OWN

from gpunn import optimizers
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.optimizers import SGD, Adam, AdamW, Ftrl, Lion, Muon, RMSprop

EVERY = {"SGD": SGD, **{n: getattr(optimizers, n) for n in NAMES}}


def arguments(kind):
    """Names and defaults, those of every optimizer included."""
    own = {p.name: p.default for p in inspect.signature(kind.__init__).parameters.values() if p.name not in ("self", "kwargs", "common")}
    base = {p.name: p.default for p in inspect.signature(optimizers.Optimizer.__init__).parameters.values()}
    return own, {n: d for n, d in base.items() if n in optimizers.base.Common.__annotations__ and n not in ("decay", "lr")}


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_defaults_are_keras(name):
    own, common = arguments(EVERY[name])
    theirs = {p.name: p.default for p in inspect.signature(getattr(keras.optimizers, name).__init__).parameters.values()}
    theirs = {n: d for n, d in theirs.items() if n not in ("self", "kwargs")}
    assert common | own == theirs
    keys = list(own)
    assert keys[: len(keys) if name != "Muon" else 6] == list(theirs)[: len(keys) if name != "Muon" else 6], "in Keras's order"


def same(config, theirs):
    assert set(config) == set(theirs)
    for key in set(theirs) - {"name"}:
        mine, other = config[key], theirs[key]
        assert mine == other or (isinstance(mine, float) and mine == pytest.approx(other, rel=1e-6)), key


@pytest.mark.parametrize(("name", "options"), [(n, o) for n in NAMES for o in [*OWN[n], *COMMON.values()]], ids=str)
def test_configurations_are_keras(name, options):
    mine, other = EVERY[name](**options), getattr(keras.optimizers, name)(**options)
    config = mine.get_config()
    theirs = other.get_config()
    same(config, theirs)
    text = json.loads(json.dumps(optimizers.serialize(mine)))
    for again in (optimizers.deserialize(text), optimizers.get(text), EVERY[name].from_config(text["config"])):
        assert type(again) is EVERY[name] and again.get_config() == config
    same(optimizers.deserialize(keras.optimizers.serialize(other)).get_config(), theirs)


@pytest.mark.parametrize("name", [*NAMES, "LBFGS"])
def test_every_name_is_found(name):
    kind = getattr(optimizers, name)
    for spelling in (name, name.lower(), name.upper(), kind, kind()):
        assert type(optimizers.get(spelling)) is kind
    assert optimizers.get(name).name == name.lower() and optimizers.get({"class_name": name, "config": {"name": "x"}}).name == "x"


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(ValueError, match=r"Unknown optimizer: 'adagrud'. Expected one of: .*Adagrad.*adam.*muon"):
        optimizers.get("adagrud")
    with pytest.raises(ValueError, match=r"Could not interpret optimizer.*Received: 3"):
        optimizers.get(3)
    assert optimizers.GradientDescent is SGD and optimizers.legacy.SGD is SGD


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: SGD(nesterov=True), ValueError, r"SGD: nesterov=True needs momentum > 0. Received: momentum=0"),
        (lambda: SGD(momentum=1.5), ValueError, r"SGD: momentum must be in \[0, 1\]. Received: momentum=1.5"),
        (lambda: SGD(-0.1), ValueError, r"SGD: learning_rate must be a number that is not negative. Received: learning_rate=-0.1"),
        (lambda: Adam(float("nan")), ValueError, r"Adam: learning_rate must be a number that is not negative. Received: learning_rate=nan"),
        (lambda: Adam("fast"), ValueError, r"Adam: learning_rate must be a number"),
        (lambda: Adam(beta_1=1.0), ValueError, r"Adam: beta_1 must be in \[0, 1\). Received: beta_1=1.0"),
        (lambda: Adam(epsilon=-1e-7), ValueError, r"Adam: epsilon must be a number that is not negative"),
        (lambda: Adam(clipnorm=1.0, clipvalue=0.5), ValueError, r"only one of clipnorm.*Received: clipnorm=1.0, clipvalue=0.5"),
        (lambda: Adam(clipnorm=1.0, global_clipnorm=2.0), ValueError, r"only one of.*Received: clipnorm=1.0, global_clipnorm=2.0"),
        (lambda: Adam(clipvalue=-1.0), ValueError, r"Adam: clipvalue must be a number that is not negative"),
        (lambda: Adam(weight_decay=-0.1), ValueError, r"Adam: weight_decay must be a number that is not negative"),
        (lambda: Adam(use_ema=True, ema_momentum=1.1), ValueError, r"Adam: ema_momentum must be in \[0, 1\]. Received: ema_momentum=1.1"),
        (lambda: Adam(use_ema=True, ema_overwrite_frequency=1.5), ValueError, r"ema_overwrite_frequency must be an integer of at least 1"),
        (lambda: Adam(gradient_accumulation_steps=1), ValueError, r"gradient_accumulation_steps must be an integer of at least 2"),
        (lambda: Adam(loss_scale_factor=0), ValueError, r"Adam: loss_scale_factor must be positive"),
        (lambda: Adam(moment=0.9), TypeError, r"Adam got unknown arguments: moment. Every optimizer takes: .*clipnorm, .*weight_decay"),
        (lambda: AdamW(weight_decay=None), ValueError, r"AdamW: weight_decay must be a number. Received: weight_decay=None"),
        (lambda: Lion(beta_1=0.0), ValueError, r"Lion: beta_1 must be above 0.*Received: beta_1=0.0"),
        (lambda: Ftrl(learning_rate_power=0.5), ValueError, r"Ftrl: learning_rate_power must be 0 or below"),
        (lambda: Ftrl(l1_regularization_strength=-1), ValueError, r"Ftrl: l1_regularization_strength must be"),
        (lambda: RMSprop(rho=1.2), ValueError, r"RMSprop: rho must be in \[0, 1\]"),
        (lambda: Muon(ns_steps=-1), ValueError, r"Muon: ns_steps must be an integer of at least 0"),
        (lambda: SGD(decay=-1e-6), ValueError, r"SGD: decay must be a number that is not negative"),
    ],
)
def test_what_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def model_of(optimizer):
    model = Sequential([Input((3,)), Dense(2, activation="relu"), Dense(1)])
    model.compile(optimizer, "mse")
    return model


def test_setting_the_rate(cpu):
    model = model_of("sgd")
    model.optimizer.learning_rate = 0.5
    assert model.optimizer.learning_rate == model.optimizer.lr == model.optimizer.current_learning_rate == 0.5
    model.optimizer.lr = 0.25
    assert model.optimizer.learning_rate == 0.25
    with pytest.raises(ValueError, match=r"learning_rate must be a number that is not negative. Received: learning_rate=-1"):
        model.optimizer.learning_rate = -1
    assert model.optimizer.learning_rate == 0.25


def test_the_rate_as_kerass_variable(cpu):
    """``float(optimizer.learning_rate.numpy())`` and ``optimizer.learning_rate.assign(x)``, as course code has them."""
    optimizer = model_of("sgd").optimizer
    rate = optimizer.learning_rate
    assert isinstance(rate, float) and float(rate.numpy()) == rate == 0.01 and json.dumps(rate) == repr(rate) == "0.01"
    rate.assign(0.5)
    assert optimizer.learning_rate == 0.5 and rate == 0.01 and type(pickle.loads(pickle.dumps(rate))) is float
    assert type(optimizer.get_config()["learning_rate"]) is float


def test_exclusions_come_before_the_model(cpu):
    optimizer = AdamW()
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model = model_of(optimizer)
    with pytest.raises(ValueError, match="AdamW: exclude_from_weight_decay must be called before the model is compiled and built"):
        optimizer.exclude_from_weight_decay(var_names=["kernel"])
    fresh = AdamW()
    fresh.exclude_from_weight_decay(var_list=[model.layers[0].bias])
    assert model.layers[0].bias.name in fresh.exclusion and model.layers[1].bias.name not in fresh.exclusion


def test_explain_says_how_many_launches(cpu):
    def said(optimizer):
        return next(line for line in model_of(optimizer).explain(print_fn=str).splitlines() if line.startswith("  optimizer"))

    assert said("sgd") == "  optimizer sgd: 1 launch over 64 elements (sgd)"
    assert said("adam") == "  optimizer adam: 1 launch over 64 elements (adam), and 1 on a few numbers (adam_rate)"
    text = said(Adam(optimizers.schedules.CosineDecay(0.1, 5), weight_decay=0.1, clipvalue=1.0, use_ema=True))
    assert "1 launch over 64 elements (adam_clip_value_decay_model_average)" in text and "cosine_decay, adam_rate" in text
    assert "2 launches over 64 elements (chunk_squares, sgd_clip_model)" in said(SGD(global_clipnorm=1.0))
    assert "3 launches" in said(SGD(clipnorm=1.0)) and "5 launches" in said("lamb") and "x gemm_symmetric" in said("muon")


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_read_during_an_epoch(name, cpu):
    rows = np.random.default_rng(0).standard_normal((64, 3))
    model = model_of(EVERY[name](optimizers.schedules.ExponentialDecay(0.01, 5, 0.9), **COMMON["all, by each parameter"]))
    before = model.backend.reads
    model.fit(rows, rows[:, :1], batch_size=4, verbose=0, epochs=2)
    assert model.backend.reads - before == 2


def test_a_users_own_optimizer(either_cpu, float64):
    """A formula and its operands; every option is written around it."""
    from gpunn.kernels import elementwise
    from gpunn.kernels.record import REGISTRY

    if "signed_momentum" not in REGISTRY:

        @elementwise("p, m, g, rate:scalar, keep:const -> p, m")
        def signed_momentum(p, m, g, rate, keep):
            mean = keep * m + g
            return p - rate * (1.0 if mean > 0.0 else -1.0), mean

    class Signed(optimizers.Optimizer):
        slots = ("mean",)
        kernel = REGISTRY["signed_momentum"]

        def operands(self, step):
            return {"m": self.state["mean"], "keep": 0.5}

    model = model_of(Signed(0.01, gradient_accumulation_steps=2, clipnorm=0.1))
    start = model.get_weights()
    rows = np.random.default_rng(0).standard_normal((64, 3))
    model.fit(rows, rows[:, :1], batch_size=8, verbose=0)
    for a, b in zip(start, model.get_weights(), strict=True):
        steps = np.round((a - b) / 0.01)
        np.testing.assert_allclose((a - b) / 0.01, steps, atol=1e-9)
        assert (abs(steps) <= 4).all()
    assert model.optimizer.iterations == 4 and model.optimizer.state["mean"].any()
