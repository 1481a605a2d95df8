"""Generators, sequences, iterables and PyTorch's loaders: the same as the arrays they are made from."""

import numpy as np
import pytest
from batch_kinds import KINDS, SIZE, STEPS, Again, generator
from fed import ONE_HOT, WEIGHTS, X, Y, network, outcome, same

pytestmark = [pytest.mark.usefixtures("cpu"), pytest.mark.filterwarnings("ignore:.*fork.*")]  # other tests have started threads


@pytest.mark.parametrize("kind", KINDS)
def test_the_bits_of_arrays(kind):
    make, options = KINDS[kind]
    expected = outcome(network(), lambda m: m.fit(X, Y, batch_size=SIZE, epochs=2, shuffle=False, verbose=0))
    same(expected, outcome(network(), lambda m: m.fit(make(), epochs=2, shuffle=False, verbose=0, **options)))


@pytest.mark.parametrize("kind", ["a generator", "a generator, made here", "a Sequence, several workers", "a DataLoader"])
def test_the_bits_of_arrays_on_the_device(sim, kind):
    make, options = KINDS[kind]
    for order in ("forward", "reverse"):
        sim(order=order)
        expected = outcome(network("sim"), lambda m: m.fit(X, Y, batch_size=SIZE, epochs=2, shuffle=False, verbose=0))
        found = outcome(network("sim"), lambda m: m.fit(make(), epochs=2, shuffle=False, verbose=0, **options))
        same(expected, found)
    assert found[-1] == 2, "one read an epoch"


@pytest.mark.parametrize("kind", ["a generator", "a Sequence, several workers", "a DataLoader"])
def test_evaluate_predict_and_validation(kind):
    make = KINDS[kind][0]
    model = network()
    np.testing.assert_allclose(model.evaluate(make(), steps=STEPS), model.evaluate(X, Y, batch_size=SIZE), rtol=1e-6)
    np.testing.assert_array_equal(model.predict(make(), steps=STEPS), model.predict(X, batch_size=SIZE))
    np.testing.assert_array_equal(model.predict(make(), steps=3), model.predict(X[: 3 * SIZE], batch_size=SIZE))
    histories = []
    for held in ((X, Y), make()):
        again = network()
        options = {"validation_data": held, "validation_steps": STEPS, "validation_batch_size": SIZE}
        histories.append(again.fit(X, Y, batch_size=SIZE, epochs=2, verbose=0, **options).history)
    same(*histories)


def test_predict_takes_inputs_alone():
    model = network()
    expected = model.predict(X, batch_size=SIZE)
    for give in (lambda b: b[0], lambda b: (b[0],), lambda b: [b[0], b[1]], lambda b: (*b, np.ones(len(b[0])))):
        np.testing.assert_array_equal(model.predict(map(give, generator())), expected)


def test_weights_and_class_weights():
    """As Keras weighs them; both together multiply."""
    for arrays, batches, options in (
        ({"sample_weight": WEIGHTS}, {"w": WEIGHTS}, {}),
        ({}, {}, {"class_weight": {0: 2.0, 3: 0.5}}),
        ({"sample_weight": WEIGHTS}, {"w": WEIGHTS}, {"class_weight": {0: 2.0, 3: 0.5}}),
    ):
        expected = network()
        expected.fit(X, Y, batch_size=SIZE, shuffle=False, verbose=0, **arrays, **options)
        model = network()
        model.fit(generator(**batches), verbose=0, **options)
        same(expected.get_weights(), model.get_weights())


def test_other_targets():
    expected, model = network(loss="categorical_crossentropy"), network(loss="categorical_crossentropy")
    expected.fit(X, ONE_HOT, batch_size=SIZE, shuffle=False, verbose=0)
    model.fit(generator(y=ONE_HOT), verbose=0)
    same(expected.get_weights(), model.get_weights())


def test_batches_of_many_sizes():
    """Each size has its own program; a batch larger than those before makes room for itself."""
    parts = [(X[:n], Y[:n]) for n in (5, 20, 20, 90, 3, 207)]
    model, one_by_one = network(), network()
    history = model.fit(iter(parts), verbose=0).history
    losses = [one_by_one.train_on_batch(*p)[0] for p in parts]
    same(model.get_weights(), one_by_one.get_weights())
    sizes = [len(p[0]) for p in parts]
    np.testing.assert_allclose(history["loss"][0], np.average(losses, weights=sizes), rtol=1e-6)
    np.testing.assert_array_equal(model.predict(iter(parts)), np.concatenate([model.predict_on_batch(p[0]) for p in parts]))


def test_a_summed_loss():
    from gpunn.losses import SparseCategoricalCrossentropy

    expected, model = (network(loss=SparseCategoricalCrossentropy(reduction="sum")) for _ in "ab")
    a = expected.fit(X, Y, batch_size=SIZE, shuffle=False, verbose=0).history
    assert model.fit(generator(), verbose=0).history == a
    with pytest.raises(ValueError, match=r"summed over batches takes batches of two sizes at most. Received: 4, 5 and 6 rows"):
        model.fit(iter([(X[:n], Y[:n]) for n in (4, 5, 6)]), verbose=0)


def test_a_model_without_an_input_shape():
    from gpunn.layers import Dense
    from gpunn.models import Sequential
    from gpunn.random import set_random_seed

    weights = []
    for fit in (lambda m: m.fit(X, Y, batch_size=SIZE, shuffle=False, verbose=0), lambda m: m.fit(generator(), verbose=0)):
        set_random_seed(2)
        model = Sequential([Dense(5, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
        fit(model)
        weights.append(model.get_weights())
    same(*weights)


def test_a_layer_of_ones_own():
    """Steps that cannot be recorded take the same feeds."""
    from gpunn.layers import Dense, Layer
    from gpunn.models import Sequential
    from gpunn.random import set_random_seed

    class Halve(Layer):
        def forward(self, x, training=False):
            return x / 2, lambda dy: dy / 2

    results = []
    for fit in (lambda m: m.fit(X, Y, batch_size=SIZE, shuffle=False, verbose=0), lambda m: m.fit(generator(), verbose=0)):
        set_random_seed(2)
        model = Sequential([Halve(input_shape=(12,)), Dense(5, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
        fit(model)
        results.append((model.get_weights(), model.predict(generator()), model.predict(X, batch_size=SIZE)))
    same(*results)
    np.testing.assert_array_equal(results[0][1], results[0][2])


def test_the_progress_bar_without_a_length(capsys):
    network().fit(generator(), verbose=1)
    network().fit(Again(), verbose=2)
    assert capsys.readouterr().out.count("loss") == 2
