"""Training on the device against the CPU, and that a run repeats itself to the bit."""

import threading

import numpy as np
import pytest

import gpunn
from gpunn import layers, models

pytestmark = pytest.mark.gpu
RNG = np.random.default_rng(3)
X = RNG.integers(0, 256, (1003, 40)).astype(np.uint8)
Y = X.astype(int).sum(axis=1) % 10


def network(name, normalized=True):
    gpunn.utils.set_random_seed(11)
    return network_of(name, normalized)


def network_of(name, normalized=True):
    with gpunn.device(name):
        model = models.Sequential([layers.Input((40,))])
        for layer in (
            layers.Dense(64, activation="relu"), *([layers.BatchNormalization()] if normalized else []), layers.Dropout(0.25),
            layers.Dense(32, activation="relu"), layers.Dense(10, activation="softmax"),
        ):  # fmt: skip
            model.add(layer)
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


@pytest.mark.parametrize("fork", [True, False])
@pytest.mark.parametrize("light", [True, False])
def test_losses_are_the_cpus(device, fork, light, monkeypatch):
    monkeypatch.setattr(device, "fork", fork)
    if not light:
        monkeypatch.setattr(device, "light", None)
    ours, cpu = network(device.name), network("cpu")
    for a, b in zip(ours.get_weights(), cpu.get_weights(), strict=True):
        assert np.array_equal(a, b)
    x = X.astype(np.float32) / 255
    got = ours.fit(x, Y, batch_size=64, epochs=1, verbose=0).history["loss"]
    np.testing.assert_allclose(got, cpu.fit(x, Y, batch_size=64, epochs=1, verbose=0).history["loss"], rtol=1e-4)
    np.testing.assert_allclose(ours.predict(x, verbose=0), cpu.predict(x, verbose=0), rtol=1e-2, atol=1e-3)


def test_a_function_does_what_it_does_as_written(device):
    """Losses, weights and moving statistics of a loop of one's own, whose recorded step goes from call to call."""
    x, results = X.astype(np.float32) / 255, []
    for recorded in (False, True):
        model = network(device.name)
        loss_of, sgd = gpunn.losses.SparseCategoricalCrossentropy(), gpunn.optimizers.SGD(0.1, momentum=0.9)

        def step(rows, labels, model=model, loss_of=loss_of, sgd=sgd):
            with gpunn.GradientTape() as tape:
                loss = loss_of(labels, model(rows, training=True))
            sgd.apply(tape.gradient(loss, model.trainable_weights), model.trainable_weights)
            return loss

        call = gpunn.function(step) if recorded else step
        losses = [float(call(x[at : at + 64], Y[at : at + 64])) for at in range(0, 640, 64)]
        results.append([losses, *model.get_weights()])
        assert not recorded or "as it is written" not in call.explain(lambda text: None)
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_a_models_own_step_does_what_it_does_as_written(device):
    """Recorded once, with metrics on the device, and replayed: whole batches many at a time, and the short last one."""
    class Own(gpunn.Model):
        def __init__(self):
            super().__init__()
            self.network, self.mean = network(device.name), gpunn.metrics.Mean("loss")
            self.right, self.loss_of = gpunn.metrics.SparseCategoricalAccuracy("accuracy"), gpunn.losses.SparseCategoricalCrossentropy()

        def train_step(self, data):
            x, y = data
            with gpunn.GradientTape() as tape:
                p = self.network(x, training=True)
                loss = self.loss_of(y, p)
            self.optimizer.apply(tape.gradient(loss, self.network.trainable_weights), self.network.trainable_weights)
            self.mean.update_state(loss)
            self.right.update_state(y, p)
            return {"loss": self.mean.result(), "accuracy": self.right.result()}

    results = []
    for eagerly in (True, False):
        with gpunn.device(device.name):
            model = Own()
        model.compile("sgd", run_eagerly=eagerly)
        history = model.fit(X, Y, batch_size=60, epochs=3, verbose=0).history
        results.append([history["loss"], history["accuracy"], *model.network.get_weights()])
    assert "Nodes:" in model.explain(print_fn=lambda text: None)
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_one_kernel_for_all_steps_does_what_graphs_do(device, monkeypatch):
    histories = []
    for how in ("never", "always", "always"):
        monkeypatch.setattr(device, "persistent", how)
        model = network(device.name, normalized=False)
        losses = model.fit(X, Y, batch_size=64, epochs=3, verbose=0).history["loss"]
        histories.append((losses, model.get_weights()))
    np.testing.assert_allclose(histories[1][0], histories[0][0], rtol=1e-3)
    assert histories[1][0] == histories[2][0]
    for a, b in zip(histories[1][1], histories[2][1], strict=True):
        assert np.array_equal(a, b)


def test_a_run_repeats_itself_to_the_bit(device):
    results = []
    for _ in range(2):
        model = network(device.name)
        model.fit(X, Y, batch_size=64, epochs=3, verbose=0)
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("freq", ["epoch", 5])
def test_a_run_broken_off_and_started_again_ends_the_same(device, tmp_path, freq):
    class Broken(BaseException):
        """Stands for the end of the process."""

    def break_off(batch, logs):
        count.append(batch)
        if len(count) == 23:  # 16 batches an epoch
            raise Broken

    expected, count = network(device.name), []
    history = expected.fit(X, Y, batch_size=64, epochs=3, verbose=0).history
    backup = gpunn.callbacks.BackupAndRestore(tmp_path / "b", save_freq=freq)
    stop = gpunn.callbacks.LambdaCallback(on_train_batch_end=break_off)
    with pytest.raises(Broken):
        network(device.name).fit(X, Y, batch_size=64, epochs=3, callbacks=[backup, stop], verbose=0)
    model = network(device.name)
    model.rng.seed = 5
    assert model.fit(X, Y, batch_size=64, epochs=3, callbacks=[backup], verbose=0).history == history
    for a, b in zip(expected.get_weights(), model.get_weights(), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("block", [10_000, 32 << 20], ids=["many blocks", "one"])
def test_data_that_is_uploaded_beside_the_steps(device, monkeypatch, block):
    """The bits of resident data, whatever the streams do; from memory, from a generator, and in prediction."""
    from gpunn import config

    monkeypatch.setattr(device, "block", block)
    monkeypatch.setattr(config, "_streaming", "never")
    expected = network(device.name)
    history = expected.fit(X, Y, batch_size=64, epochs=3, verbose=0).history
    monkeypatch.setattr(config, "_streaming", "always")
    model = network(device.name)
    assert model.fit(X, Y, batch_size=64, epochs=3, verbose=0).history == history
    for a, b in zip(expected.get_weights(), model.get_weights(), strict=True):
        assert np.array_equal(a, b)
    streamed = model.predict(X, batch_size=64, verbose=0)
    monkeypatch.setattr(config, "_streaming", "never")
    np.testing.assert_array_equal(model.predict(X, batch_size=64, verbose=0), streamed)
    weights = []
    batches = ((X[i : i + 64], Y[i : i + 64]) for i in range(0, len(X), 64))
    for data in ({"x": X, "y": Y, "batch_size": 64, "shuffle": False}, {"x": batches}):
        model = network(device.name)
        model.fit(**data, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        assert np.array_equal(a, b)


def test_replicas_together_end_as_one_by_one(device):
    x = X.astype(np.float32) / 255
    joint = models.Replicas(lambda: network_of(device.name), seeds=[11, 12, 13])
    histories = joint.fit(x, Y, batch_size=64, epochs=2, validation_data=(x, Y))
    for seed, model, history in zip(joint.seeds, joint.models, histories, strict=True):
        gpunn.utils.set_random_seed(seed)
        alone = network_of(device.name)
        expected = alone.fit(x, Y, batch_size=64, epochs=2, validation_data=(x, Y), verbose=0).history
        np.testing.assert_allclose(history.history["loss"], expected["loss"], rtol=1e-4)
        np.testing.assert_allclose(history.history["val_loss"], expected["val_loss"], rtol=1e-3)
        np.testing.assert_allclose(model.predict(x, verbose=0), alone.predict(x, verbose=0), rtol=1e-2, atol=1e-3)


def test_another_thread_trains_too(device):
    expected, got = network(device.name), network(device.name)
    expected.fit(X, Y, batch_size=64, epochs=1, verbose=0)
    thread = threading.Thread(target=got.fit, args=(X, Y), kwargs={"batch_size": 64, "epochs": 1, "verbose": 0})
    thread.start()
    thread.join()
    for a, b in zip(expected.get_weights(), got.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_what_another_thread_gives_the_device_is_not_captured(device):
    if device.name != "gpu":
        pytest.skip("the stand-in records in one thread")
    from gpunn.kernels.data import ADVANCE

    ours, theirs, other = (device.zeros((1,), "int64") for _ in range(3))
    threads = [
        threading.Thread(target=device.launch, args=(ADVANCE, theirs, other, 1, 1)),
        threading.Thread(target=device.write, args=(other, 5)),
        threading.Thread(target=device.synchronize),
    ]

    def body():
        device.launch(ADVANCE, ours, ours, 1, 0)
        for thread in threads:
            thread.start()
            thread.join(0.05)

    device.launch(ADVANCE, ours, other, 0, 0)  # compiles it
    graph = device.capture(body)
    for thread in threads:
        thread.join()
    for _ in range(3):
        device.replay(graph)
    assert int(device.to_numpy(ours)[0]) == 3 and int(device.to_numpy(theirs)[0]) == 1


def test_moving_there_and_back(device):
    model = network("cpu", normalized=False)
    before = model.predict(X, verbose=0)
    np.testing.assert_allclose(model.to(device.name).predict(X, verbose=0), before, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(model.to("cpu").predict(X, verbose=0), before)


class Foreign:
    """An array of a library that speaks DLPack and nothing else."""

    def __init__(self, array):
        self._array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim

    def __len__(self):
        return len(self._array)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)


def test_arrays_of_other_libraries(device):
    if device.name != "gpu":
        pytest.skip("needs the device's own arrays")
    import cupy

    expected = network("gpu").fit(X, Y, batch_size=64, epochs=1, verbose=0).history["loss"]
    given = [(cupy.asarray(X), cupy.asarray(Y)), (Foreign(cupy.asarray(X)), Foreign(cupy.asarray(Y)))]
    try:
        import torch

        if torch.cuda.is_available():  # it may be built for the CPU only
            given.append((torch.from_numpy(X).cuda(), torch.from_numpy(Y).cuda()))
    except ImportError:
        pass
    weights = np.linspace(0.5, 1, len(X)).astype(np.float32)
    weighted = network("gpu").fit(X, Y, sample_weight=weights, class_weight={1: 2.0}, batch_size=64, verbose=0).history["loss"]
    for x, y in given:
        assert network("gpu").fit(x, y, batch_size=64, epochs=1, verbose=0).history["loss"] == expected
        there = x.new_tensor(weights, dtype=torch.float32) if hasattr(x, "new_tensor") else cupy.asarray(weights)
        there = Foreign(there) if isinstance(x, Foreign) else there
        options = {"sample_weight": there, "class_weight": {1: 2.0}, "batch_size": 64, "verbose": 0}
        assert network("gpu").fit(x, y, **options).history["loss"] == weighted
        parts = network("gpu").fit(x, y, validation_split=0.2, batch_size=64, verbose=0).history
        assert parts == network("gpu").fit(X, Y, validation_split=0.2, batch_size=64, verbose=0).history
    with pytest.raises(ValueError, match=r"labels must be from 0 to 9.*Received: 10"):
        network("gpu").fit(cupy.asarray(X), cupy.asarray(Y + 1), verbose=0)
    nan = cupy.asarray(X, "float32")
    nan[17, 3] = cupy.nan
    with pytest.raises(ValueError, match="row 17"):
        network("gpu").fit(nan, Y, verbose=0)


def test_out_of_memory_leaves_the_device_usable(device):
    from gpunn.backend.errors import DeviceMemoryError

    with pytest.raises(DeviceMemoryError, match="out of memory"):
        device.empty((1 << 45,), "uint8")
    network(device.name).fit(X, Y, batch_size=64, epochs=1, verbose=0)


def test_a_kernel_that_does_not_compile_is_named(device, monkeypatch):
    from gpunn.backend.errors import KernelCompileError
    from gpunn.kernels.cuda_text import SUFFIX, typed
    from gpunn.kernels.record import REGISTRY, Kernel, parse

    def cuda(dtype):
        head = f'extern "C" __global__ void broken_{SUFFIX[dtype]}(T* __restrict__ x, long long rows, long long columns)'
        return typed(head + " {\n  nonsense here;\n}\n", dtype)

    kernel = Kernel(name="broken", operands=parse("x -> x"), extent=len, reference=lambda x: None, cuda=cuda)
    monkeypatch.setitem(REGISTRY, "broken", kernel)
    with pytest.raises(KernelCompileError, match=r"(?s)kernel broken_f32, line \d+.*nonsense here;"):
        device.launch(kernel, device.zeros((3,)))
