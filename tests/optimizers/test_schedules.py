"""Schedules give Keras's rates on the host, and the same ones in a recorded step on every backend."""

import json

import numpy as np
import pytest
from keras_twin import compute_in, keras
from kernel_targets import needs_gxx, needs_numba
from optimizer_steps import theirs

from gpunn import optimizers
from gpunn.backend import get_backend
from gpunn.backend.cpu import CpuBackend
from gpunn.layers import Dense, Input
from gpunn.layers.base import Parameter
from gpunn.models import Sequential, load_model
from gpunn.models.storage import Storage
from gpunn.optimizers import SGD, schedules

KERAS = {
    "ExponentialDecay": [{"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.8}, {"staircase": True}],
    "InverseTimeDecay": [{"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.8}, {"staircase": True}],
    "PiecewiseConstantDecay": [
        {"boundaries": [5, 20], "values": [1.0, 0.5, 0.1]}, {"boundaries": [3], "values": [0.1, 0.2]},
        {"boundaries": list(range(2, 42, 4)), "values": [0.1 * k for k in range(11)]},
    ],
    "PolynomialDecay": [
        {"initial_learning_rate": 0.1, "decay_steps": 7}, {"end_learning_rate": 0.01, "power": 2.5}, {"cycle": True, "power": 0.5},
    ],
    "CosineDecay": [
        {"initial_learning_rate": 0.1, "decay_steps": 30}, {"alpha": 0.2}, {"warmup_target": 0.5, "warmup_steps": 10},
        {"warmup_target": 0.5},
    ],
    "CosineDecayRestarts": [
        {"initial_learning_rate": 0.1, "first_decay_steps": 5}, {"t_mul": 1.0, "m_mul": 0.8, "alpha": 0.1}, {"t_mul": 1.5, "m_mul": 0.9},
    ],
}
CASES = [(name, cases[0] | more) for name, cases in KERAS.items() for more in cases]
OURS = [
    schedules.StepDecay(0.1, 0.5, 5), schedules.OneCycle(0.3, 40), schedules.WarmUp(0.2, 8),
    schedules.WarmUp(schedules.CosineDecay(0.1, 20), 5),
    schedules.WarmUp(schedules.PiecewiseConstantDecay([4, 9], [0.3, 0.2, 0.1]), 6, 0.05),
    schedules.WarmUp(schedules.WarmUp(0.2, 8), 4),
]
BACKENDS = {
    "numpy": lambda: CpuBackend(compiled=False), "numba": lambda: CpuBackend(compiled=True, threads=1), "sim": lambda: get_backend("sim"),
}
MARKED = [pytest.param(b, marks={"numpy": (), "numba": needs_numba, "sim": needs_gxx}[b]) for b in BACKENDS]


def recorded(ops, optimizer, steps=60):
    """The rates that recorded steps take: the parameter goes down by them, its gradient being 1."""
    p = Parameter("p", np.zeros(1), True, ops)
    storage = Storage(ops, [p], "float64")
    optimizer.bind(ops, storage)
    ops.write(p.gradient, 1)
    with ops.record() as program:
        optimizer.record(ops, storage.values[:16], storage.gradients)
    rates, before = [], 0.0
    for _ in range(steps):
        for _ in optimizer.portions(1):
            program.run(1)
        after = float(ops.to_numpy(p.value)[0])
        rates.append(before - after)
        before = after
    return np.array(rates)


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=str)
def test_rates_are_keras(name, arguments):
    compute_in("float64")
    other = getattr(keras.optimizers.schedules, name)(**arguments)
    mine = getattr(schedules, name)(**arguments)
    steps = [*range(12), *range(12, 60, 4), 29, 30, 31]  # Keras takes its time for each
    want = [float(other(step)) for step in steps]
    near = {"rtol": 1e-5, "atol": 1e-8} if "Cosine" in name else {"rtol": 1e-12, "atol": 1e-15}  # Keras's cosine is float32 all the same
    np.testing.assert_allclose([mine(step) for step in steps], want, **near)
    np.testing.assert_allclose(mine(np.array(steps)), want, **near)
    assert mine.get_config() == other.get_config()
    assert isinstance(mine(3), float) and mine(np.arange(6).reshape(2, 3)).shape == (2, 3)


@pytest.mark.parametrize("backend", MARKED)
@pytest.mark.parametrize("schedule", [getattr(schedules, n)(**a) for n, a in CASES] + OURS, ids=repr)
def test_a_recorded_step_works_its_rate_out(schedule, backend):
    ops = BACKENDS[backend]()
    optimizer = SGD(schedule)
    np.testing.assert_allclose(recorded(ops, optimizer), schedule(np.arange(60)), rtol=1e-9, atol=1e-12)
    reads = ops.reads
    assert optimizer.learning_rate == pytest.approx(schedule(60)) and ops.reads == reads + 1
    assert not optimizer._rate.by_table


def test_one_cycle_is_torchs():
    torch = pytest.importorskip("torch")
    p = torch.zeros(1, requires_grad=True)
    for options in ({}, {"pct_start": 0.5, "div_factor": 10.0, "final_div_factor": 50.0}):
        optimizer = torch.optim.SGD([p], lr=1.0)
        other = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.3, total_steps=40, **options)
        want = []
        for _ in range(40):
            want.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if len(want) < 40:
                other.step()
        mine = schedules.OneCycle(0.3, 40, **options)
        np.testing.assert_allclose(mine(np.arange(40)), want, rtol=1e-12)
        assert mine(100) == mine(39)


def test_step_decay_ex_22():
    """Half every 5 epochs, and a tenth every 20, from 0.1 (seeds, EX-22): at the end of 20 epochs the first is lower."""
    half, tenth = schedules.StepDecay(0.1, 0.5, 5), schedules.StepDecay(0.1, 0.1, 20)
    assert [half(e) for e in (0, 4, 5, 10, 15, 20)] == pytest.approx([0.1, 0.1, 0.05, 0.025, 0.0125, 0.00625])
    assert [tenth(e) for e in (0, 19, 20, 39, 40)] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])


def test_restarts_fall_on_their_steps():
    """Where the logarithm of a restart's step is rounded down, Keras starts one step late; every restart is at the top here."""
    for times in (2.0, 3.0, 1.5, 1.1):
        schedule = schedules.CosineDecayRestarts(0.1, 1000, t_mul=times)
        begin = np.round(np.cumsum([0] + [1000 * times**k for k in range(8)]), 6)
        exact = begin[begin == np.floor(begin)]
        np.testing.assert_allclose(schedule(exact), 0.1, rtol=1e-9)


# ------------------------------------------------------------------ a user's own
class Transformer(schedules.LearningRateSchedule):
    """As course code has it: a warm-up, then the inverse root; at step 0 a division by 0 that the minimum hides."""

    def __init__(self, width, warm=5):
        self.width, self.warm = width, warm

    def __call__(self, step):
        return self.width**-0.5 * np.minimum(step**-0.5, step * self.warm**-1.5)

    def get_config(self):
        return {"width": self.width, "warm": self.warm}


class Halved(schedules.ExponentialDecay):
    """A subclass of a formula with a call of its own is no formula."""

    def __call__(self, step):
        return super().__call__(step) / 2


@pytest.mark.parametrize("backend", MARKED)
@pytest.mark.parametrize(
    ("rate", "want"),
    [
        (Transformer(16), lambda s: 0.25 * min(s**-0.5 if s else np.inf, s * 5**-1.5)),
        (Halved(0.1, 7, 0.8), lambda s: 0.05 * 0.8 ** (s / 7)),
        (lambda step: 0.1 / (1 + step), lambda s: 0.1 / (1 + s)),
        (lambda: 0.3, lambda s: 0.3),
        (schedules.WarmUp(Transformer(16), 3), lambda s: 0.0 if s < 3 else 0.25 * min((s - 3) ** -0.5 if s > 3 else 9, (s - 3) * 5**-1.5)),
        (schedules.PiecewiseConstantDecay(list(range(1, 100)), [0.01 * k for k in range(100)]), lambda s: 0.01 * max(s - 1, 0)),
    ],
    ids=["subclass", "subclass of a formula", "function of the step", "function of nothing", "warmed up", "a hundred pieces"],
)
def test_python_schedules_are_looked_up(rate, want, backend):
    optimizer = SGD(rate)
    assert optimizer._rate.by_table
    np.testing.assert_allclose(recorded(BACKENDS[backend](), optimizer, 20), [want(s) for s in range(20)], rtol=1e-12, atol=1e-15)


X, Y = np.random.default_rng(0).standard_normal((1300, 3)), np.random.default_rng(1).standard_normal((1300, 1))


def model_of(optimizer):
    model = Sequential([Input((3,)), Dense(1, kernel_initializer="ones")])
    model.compile(optimizer, "mse")
    return model


def test_python_schedules_in_fit(either_cpu, float64):
    """More steps than the table holds, over epochs and fits, with a read an epoch more at most."""
    seen = []

    class Noted(schedules.LearningRateSchedule):
        def __call__(self, step):
            seen.append(int(step))
            return 0.01 / (1 + 0.01 * step)

    mine, formula = model_of(SGD(Noted())), model_of(SGD(schedules.InverseTimeDecay(0.01, 100, 1.0)))
    for epochs in (1, 2):
        reads = mine.backend.reads
        for model in (mine, formula):
            model.fit(X, Y, batch_size=1, epochs=epochs, shuffle=False, verbose=0)
        assert mine.backend.reads - reads <= 2 * epochs * 2 + 1
    for a, b in zip(mine.get_weights(), formula.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    assert seen == list(range(3900)), "each step's rate was asked for once, in order"
    assert mine.optimizer.learning_rate == pytest.approx(0.01 / 40)
    mine.train_on_batch(X[:1], Y[:1])
    assert seen[-1] == 3900


@pytest.mark.parametrize("bad", [float("nan"), -0.1, "fast", None, [0.1, 0.2]])
def test_a_schedule_that_gives_no_rate_is_named(bad, cpu):
    model = model_of(SGD(lambda step: bad if step >= 3 else 0.1))
    with pytest.raises(ValueError, match=r"SGD: FromFunction must give a number that is not negative. Received: .* for step 3"):
        model.fit(X[:50], Y[:50], batch_size=1, verbose=0)


# ------------------------------------------------------------------ reading, setting, writing down
def test_the_rate_cannot_be_set_where_a_schedule_drives_it(cpu):
    model = model_of(SGD(schedules.ExponentialDecay(0.1, 5, 0.5)))
    model.fit(X[:50], Y[:50], batch_size=10, verbose=0)
    with pytest.raises(TypeError, match=r"SGD: the learning rate cannot be set, as ExponentialDecay drives it.*learning_rate=0.5"):
        model.optimizer.learning_rate = 0.5
    assert model.optimizer.learning_rate == pytest.approx(0.05)


def test_a_schedule_takes_the_place_of_a_number(either_cpu, float64):
    """Also between steps that are recorded already."""
    model, other = model_of(SGD(0.1)), model_of(SGD(schedules.PiecewiseConstantDecay([4], [0.1, 0.01])))
    for _ in range(5):
        model.train_on_batch(X[:20], Y[:20])
        other.train_on_batch(X[:20], Y[:20])
    model.optimizer.learning_rate = schedules.PolynomialDecay(0.01, 100, 0.01)
    model.train_on_batch(X[:20], Y[:20])
    other.train_on_batch(X[:20], Y[:20])
    np.testing.assert_allclose(model.get_weights()[0], other.get_weights()[0], rtol=1e-12)


@pytest.mark.parametrize("schedule", [getattr(schedules, n)(**a) for n, a in CASES] + OURS, ids=repr)
def test_written_down_and_read_again(schedule):
    text = json.dumps(schedules.serialize(schedule))
    again = schedules.deserialize(json.loads(text))
    assert type(again) is type(schedule) and again.get_config() == schedule.get_config()
    optimizer = optimizers.deserialize(json.loads(json.dumps(optimizers.serialize(SGD(schedule)))))
    assert optimizer.learning_rate == schedule(0)


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=str)
def test_keras_own_text_is_read(name, arguments):
    other = getattr(keras.optimizers.schedules, name)(**arguments)
    assert schedules.deserialize(keras.optimizers.schedules.serialize(other)).get_config() == other.get_config()


def test_a_users_schedule_is_saved_with_its_model(tmp_path, cpu):
    model = model_of(SGD(Transformer(16)))
    model.fit(X[:100], Y[:100], batch_size=10, verbose=0)
    model.save(tmp_path / "m")
    with pytest.raises(ValueError, match=r"Unknown learning rate schedule: 'Transformer'.*CosineDecay"):
        load_model(tmp_path / "m")
    again = load_model(tmp_path / "m", custom_objects={"Transformer": Transformer})
    for m in (model, again):
        m.fit(X[:100], Y[:100], batch_size=10, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], again.get_weights()[0])
    model = model_of(SGD(lambda step: 0.1))
    with pytest.raises(ValueError, match="A function as learning_rate cannot be written down"):
        model.save(tmp_path / "n")
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize("name", ["Adam", "Lion"])
def test_twenty_steps_with_a_schedule_and_accumulation(name):
    """The schedule counts batches, the update's own corrections count updates, as in Keras."""
    from optimizer_steps import ours

    rate = {"schedule": ["CosineDecay", KERAS["CosineDecay"][0]]}
    options = {"learning_rate": rate, "gradient_accumulation_steps": 3, "weight_decay": 0.1}
    mine, other = ours(CpuBackend(compiled=False), name, options)[0], theirs(name, options)
    for key in other:
        np.testing.assert_allclose(mine[key], other[key], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), r"ExponentialDecay: decay_steps must be positive. Received: decay_steps=0"),
        (lambda: schedules.ExponentialDecay(-0.1, 5, 0.5), r"initial_learning_rate must be a number that is not negative"),
        (lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1]), r"boundaries should be 1 less than the length of values.*\[1, 2\]"),
        (lambda: schedules.PiecewiseConstantDecay([5, 2], [0.1, 0.2, 0.3]), r"boundaries must rise. Received: \[5, 2\]"),
        (lambda: schedules.CosineDecayRestarts(0.1, 0), r"first_decay_steps must be positive"),
        (lambda: schedules.PolynomialDecay(0.1, -3), r"PolynomialDecay: decay_steps must be"),
        (lambda: schedules.OneCycle(0.1, 1), r"total_steps must be an integer of at least 2"),
        (lambda: schedules.WarmUp(0.1, 0), r"warmup_steps must be positive"),
        (lambda: schedules.deserialize({"class_name": "Cosine"}), r"Unknown learning rate schedule: 'Cosine'. Expected one of: CosineD"),
        (lambda: SGD(schedules.ExponentialDecay), r"SGD: learning_rate must be a number, a schedule or a function. Received: the class"),
        (lambda: SGD(schedules.ExponentialDecay(0.1, 5, 0.5), decay=0.1), r"decay and a schedule both drive the learning rate"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_base_class_says_what_is_missing():
    with pytest.raises(NotImplementedError, match=r"'LearningRateSchedule' must override `__call__\(self, step\)`"):
        schedules.LearningRateSchedule()(3)
    with pytest.raises(NotImplementedError, match=r"must override `get_config\(\)`"):
        schedules.LearningRateSchedule().get_config()
