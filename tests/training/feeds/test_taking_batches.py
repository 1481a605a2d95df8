"""Which batches are taken, in which order, how far ahead, and in which thread."""

import threading

import numpy as np
import pytest
from batch_kinds import SIZE, STEPS, Batches, batch, generator
from fed import X, Y, network, same

from gpunn import callbacks
from gpunn.random import permutation

pytestmark = [pytest.mark.usefixtures("cpu"), pytest.mark.filterwarnings("ignore:.*fork.*")]  # other tests have started threads


def test_the_order_of_a_sequence():
    """Shuffled anew for every epoch, from the model's seed, as rows are; each batch once; the same whoever makes them."""
    orders = []
    for options in ({}, {"workers": 3}):
        data, model = Batches(**options), network()
        model.fit(data, epochs=2, verbose=0)
        orders.append(data.asked)
        assert data.events == ["begin", "end"] * 2
    if orders[1] != orders[0]:  # threads may ask in another order than they are given the batches
        assert sorted(orders[0]) == sorted(orders[1])
    seed = network().rng.seed
    assert orders[0] == [*permutation(STEPS, seed, step=0), *permutation(STEPS, seed, step=1)]


def test_a_sequence_that_changes_between_epochs():
    class Growing(Batches):
        def on_epoch_end(self):
            self.count += 1

    data, model = Growing(3), network()
    model.fit(data, epochs=3, verbose=0, shuffle=False)
    assert data.asked == [0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4]


def test_steps_per_epoch_goes_on_where_it_was():
    """Epochs shorter than a pass continue it; longer ones begin another."""
    data, model = Batches(5), network()
    model.fit(data, epochs=4, steps_per_epoch=3, verbose=0, shuffle=False)
    assert data.asked == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    data = Batches(2)
    model.fit(data, epochs=1, steps_per_epoch=5, verbose=0, shuffle=False)
    assert data.asked == [0, 1, 0, 1, 0]


def test_a_sequence_without_end():
    class Endless(Batches):
        num_batches = None

        def __getitem__(self, i):
            return batch(i % STEPS)

    model = network()
    model.fit(Endless(), epochs=2, steps_per_epoch=5, verbose=0)
    assert model.optimizer.iterations == 10


def test_no_batch_more_than_the_steps_are_taken():
    taken = []

    def counted():
        for i in range(100):
            taken.append(i)
            yield batch(i % STEPS)

    source, model = counted(), network()
    model.fit(source, epochs=3, steps_per_epoch=7, verbose=0)
    assert len(taken) == 21
    model.evaluate(source, steps=4)
    model.predict(source, steps=2)
    assert len(taken) == 27 and next(source)[0].shape == (16, 12)


@pytest.mark.parametrize("most", [1, 2, 10])
def test_how_far_ahead_batches_are_taken(most):
    taken, ahead = [0], []

    def counted():
        for i in range(60):
            taken[0] += 1
            yield batch(i % STEPS)

    class Watch(callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            threading.Event().wait(0.005)  # let the thread run as far as it may
            ahead.append(taken[0] - batch - 1)

    network().fit(counted(), verbose=0, callbacks=[Watch()], max_queue_size=most)
    assert max(ahead) <= max(most, 2) and (most == 1 or max(ahead) >= most - 2)


def test_without_workers_each_batch_is_made_when_it_is_needed():
    """In the thread that trains, and never ahead: a generator may use the model itself."""
    model, seen = network(), []

    def asks_the_model():
        for i in range(6):
            assert threading.current_thread() is threading.main_thread()
            seen.append((model.optimizer.iterations, float(model.predict(X[:1])[0, 0])))
            yield batch(i)

    model.fit(asks_the_model(), verbose=0, workers=0)
    assert [steps for steps, _ in seen] == [0, 0, 1, 2, 3, 4] or [steps for steps, _ in seen] == list(range(6))
    assert len({p for _, p in seen}) >= 5


def test_a_generator_may_use_kernels(cpu):
    """Launches of the thread that makes batches do not slip into the program that the other one records."""
    from gpunn import metrics

    def busy():
        for i in range(STEPS):
            assert metrics.MeanSquaredError()(np.ones((4, 3)), np.zeros((4, 3))) == 1
            yield batch(i)

    expected, model = network(), network()
    expected.fit(X, Y, batch_size=SIZE, shuffle=False, verbose=0)
    model.fit(busy(), verbose=0, max_queue_size=2)
    same(expected.get_weights(), model.get_weights())


def test_stopping_early_ends_the_generator_in_order():
    """The thread is gone when fit returns: the generator can be used by its owner."""
    source, model = generator(2), network()

    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    model.fit(source, verbose=0, callbacks=[Stop()], max_queue_size=2)
    assert model.optimizer.iterations == 3 and len(next(source)) == 2
