"""A student and its teacher: the losses by hand, training beside Keras, and a student that learns what labels do not say."""

import copy

import numpy as np
import pytest

import gpunn
from gpunn import layers, ops
from gpunn.distillation import DistillationLoss, Distiller, FeatureDistillation, LogitsDistillation

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 8)).astype("float32")
Y = X[:, :3].argmax(axis=1)


def weights(model, size=0.4):
    return [size * np.random.default_rng(i).normal(size=w.shape) for i, w in enumerate(model.get_weights())]


def mlp(units, name, kit=gpunn):
    lay, Input = kit.layers, kit.layers.Input
    model = kit.Sequential([Input((8,)), lay.Dense(units, "relu", name="hidden"), lay.Dense(3, name="logits")], name=name)
    model.set_weights(weights(model, 1.0 if name == "teacher" else 0.4))
    return model


def crossentropy(kit=gpunn):
    return kit.losses.SparseCategoricalCrossentropy(from_logits=True)


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# ---------------------------------------------------------------------- the losses
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_logits_by_hand(temperature):
    t, s = RNG.normal(size=(2, 5, 3)) * 4
    p, q = softmax(t / temperature), softmax(s / temperature)
    by_hand = temperature**2 * np.mean(np.sum(p * np.log(p / q), axis=-1))
    assert LogitsDistillation(temperature).compute_loss(t, s) == pytest.approx(by_hand, rel=1e-5)
    squares = LogitsDistillation(temperature, "mse").compute_loss(t, s)
    assert squares == pytest.approx(np.mean((t - s) ** 2) / temperature**2, rel=1e-5)


def test_several_outputs_each_by_its_own():
    t, s = ([RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))] for _ in range(2))
    only = FeatureDistillation([None, "mae"])
    only.validate_outputs(t, s)
    assert only.compute_loss(t, s) == pytest.approx(np.mean(np.abs(t[1] - s[1])), rel=1e-5)
    both = FeatureDistillation(["mse", "mae"]).compute_loss(t, s)
    assert both == pytest.approx(np.mean((t[0] - s[0]) ** 2) + np.mean(np.abs(t[1] - s[1])), rel=1e-5)
    with pytest.raises(ValueError, match=r"FeatureDistillation: expected a loss for each output. Structures don't have the same"):
        FeatureDistillation("mse").validate_outputs(t, s)
    with pytest.raises(ValueError, match="same nested structure"):
        only.validate_outputs(t, s[:1])


def test_losses_as_configurations():
    one = FeatureDistillation("mae", "a", "b")
    again = FeatureDistillation.from_config(one.get_config())
    assert (type(again.loss).__name__, again.teacher_layer_name, again.student_layer_name) == ("MeanAbsoluteError", "a", "b")
    two = LogitsDistillation.from_config(LogitsDistillation(2.0, ["mse", None]).get_config())
    assert two.temperature == 2.0 and two.loss[1] is None


# ---------------------------------------------------------------------- training
CASES = {
    "logits": (lambda kit: kit.LogitsDistillation(3.0, "mse"), None),
    "features": (lambda kit: [kit.FeatureDistillation("mse", "logits", "logits"), kit.FeatureDistillation("mae")], [1.0, 0.5]),
}


def run(kit, distillation, losses, weights):
    distiller = distillation.Distiller(mlp(16, "teacher", kit), mlp(4, "student", kit), losses, weights, student_loss_weight=0.3)
    distiller.compile(kit.optimizers.SGD(0.1), crossentropy(kit), metrics=["accuracy"])
    history = distiller.fit(X, Y, batch_size=32, epochs=2, shuffle=False, validation_data=(X, Y), verbose=0).history
    return distiller, history


@pytest.mark.parametrize("name", CASES)
def test_like_keras(name):
    keras = pytest.importorskip("keras_twin").keras
    make, each = CASES[name]
    real, expected = run(keras, keras.distillation, make(keras.distillation), each)
    mine, found = run(gpunn, gpunn.distillation, make(gpunn.distillation), each)
    assert found.keys() == expected.keys()
    for entry, values in expected.items():
        np.testing.assert_allclose(found[entry], values, rtol=1e-4, err_msg=entry, equal_nan=False)
    for a, b in zip(mine.student.get_weights(), real.student.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert expected["distillation_loss"][0] > expected["distillation_loss"][1] and "val_student_loss" in found


def test_a_divergence_like_keras_of_the_class():
    keras = pytest.importorskip("keras_twin").keras
    t, s = RNG.normal(size=(2, 5, 3)).astype("float32")
    real = keras.distillation.LogitsDistillation(3.0, keras.losses.KLDivergence())
    assert LogitsDistillation(3.0).compute_loss(t, s) == pytest.approx(float(real.compute_loss(t, s)), rel=1e-5)


def test_the_teacher_rests_and_the_step_is_recorded():
    teacher, student = mlp(16, "teacher"), mlp(4, "student")
    before, start = teacher.get_weights(), student.get_weights()
    distiller = Distiller(teacher, student, LogitsDistillation())
    distiller.compile(loss=crossentropy())
    first, *_, last = distiller.fit(X, Y, epochs=3, verbose=0).history["loss"]
    assert last < first
    assert "Not recorded" not in distiller.explain()
    assert all(np.array_equal(a, b) for a, b in zip(before, teacher.get_weights(), strict=True))
    assert not np.array_equal(start[0], student.get_weights()[0]) and len(distiller.trainable_weights) == 4
    assert not teacher.trainable and student.trainable
    assert np.array_equal(distiller.predict(X, verbose=0), student.predict(X, verbose=0))


@pytest.mark.parametrize("own", [0, 1])
def test_either_loss_alone(own):
    teacher, student = mlp(16, "teacher"), mlp(4, "student")
    distiller = Distiller(teacher, student, LogitsDistillation(), student_loss_weight=own)
    distiller.compile("sgd", crossentropy())
    found = distiller.evaluate(X, Y, verbose=0, return_dict=True)
    labels = gpunn.losses.sparse_categorical_crossentropy(Y, student.predict(X, verbose=0), from_logits=True).mean()
    taught = LogitsDistillation().compute_loss(teacher.predict(X, verbose=0), student.predict(X, verbose=0))
    assert found["loss"] == found["total_loss"] == pytest.approx(float(labels if own else taught), rel=1e-5)
    assert found["distillation_loss" if own else "student_loss"] == 0


def test_a_loss_of_ones_own():
    class Angle(DistillationLoss):
        def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
            return -ops.mean(ops.sum(ops.normalize(teacher_outputs) * ops.normalize(student_outputs), axis=-1))

    class Rows(DistillationLoss):
        def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
            return ops.mean(teacher_outputs - student_outputs, axis=-1)

    for loss, fits in ((Angle(), True), (Rows(), False), (DistillationLoss(), False)):
        distiller = Distiller(mlp(16, "teacher"), mlp(4, "student"), loss, student_loss_weight=0.0)
        distiller.compile("adam", crossentropy())
        if fits:
            history = distiller.fit(X, Y, epochs=20, verbose=0).history["distillation_loss"]
            assert history[-1] < history[0] < 1
        else:
            error = ValueError if isinstance(loss, Rows) else NotImplementedError
            with pytest.raises(error, match=r"Rows.compute_loss: expected one number|gives no compute_loss"):
                distiller.fit(X, Y, verbose=0)


def test_labels_that_few_rows_have():
    """Twelve rows with labels and many without: the teacher's guesses on these make up for it."""
    x = np.random.default_rng(5).normal(size=(1024, 8)).astype("float32")
    y = x[:, :3].argmax(axis=1)
    teacher = mlp(32, "teacher")
    teacher.compile(gpunn.optimizers.Adam(0.02), crossentropy())
    teacher.fit(x, y, epochs=20, verbose=0)
    alone, taught = mlp(8, "alone"), mlp(8, "student")
    alone.compile(gpunn.optimizers.Adam(0.02), crossentropy())
    alone.fit(x[:12], y[:12], epochs=60, verbose=0)
    distiller = Distiller(teacher, taught, LogitsDistillation(2.0), student_loss_weight=0.0)
    distiller.compile(gpunn.optimizers.Adam(0.02), crossentropy())
    distiller.fit(x[:512], y[:512], epochs=10, verbose=0)
    accuracy = [np.mean(m.predict(x[512:], verbose=0).argmax(axis=1) == y[512:]) for m in (alone, taught)]
    assert accuracy[1] > 0.85 > accuracy[0] + 0.1


# ---------------------------------------------------------------------- kept, and refused
def test_configuration_and_files(tmp_path):
    distiller = Distiller(mlp(16, "teacher"), mlp(4, "student"), [LogitsDistillation(2.0), FeatureDistillation()], [1.0, 2.0], 0.25)
    again = Distiller.from_config(distiller.get_config())
    assert again.get_config() == distiller.get_config() and again.student.count_params() == distiller.student.count_params()
    distiller.compile(gpunn.optimizers.Adam(0.01), crossentropy(), ["accuracy"])
    distiller.fit(X, Y, epochs=1, verbose=0)
    for path in (tmp_path / "d.npz", tmp_path / "d.keras"):
        distiller.save(path)
        again = gpunn.models.load_model(path)
        for role in ("teacher", "student"):
            one, other = (getattr(d, role).get_weights() for d in (distiller, again))
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        assert not again.teacher.trainable and len(again.trainable_weights) == 4
        assert again.evaluate(X, Y, verbose=0) == distiller.evaluate(X, Y, verbose=0)
    assert copy.deepcopy(distiller).fit(X, Y, verbose=0).history == again.fit(X, Y, verbose=0).history


@pytest.mark.filterwarnings("ignore:`compile\\(\\)` was not called")
def test_files_of_keras_and_for_it(tmp_path):
    keras = pytest.importorskip("keras_twin").keras
    kits = gpunn, keras
    mine, real = (run(kit, kit.distillation, kit.distillation.FeatureDistillation("mse", "logits", "logits"), None)[0] for kit in kits)
    mine.save(tmp_path / "mine.keras")
    real.save(tmp_path / "real.keras")
    with pytest.warns(UserWarning, match="Distiller 'distiller' is not compiled: its file does not hold the loss"):
        read = gpunn.models.load_model(tmp_path / "real.keras")
    for one, other in ((keras.models.load_model(tmp_path / "mine.keras"), mine), (read, real)):
        for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("change", "text"), [
    ({"teacher": 3}, "Teacher must be a gpunn.Model. Received: 3"),
    ({"student": "logits"}, "Teacher and student outputs shapes are incompatible. Teacher: .*3.*Student: .*2"),
    ({"distillation_losses": None}, r"distillation_losses: expected a DistillationLoss, or a list of them\. Received: None"),
    ({"distillation_losses": []}, "expected a DistillationLoss"),
    ({"distillation_loss_weights": [1.0, 2.0]}, r"expected 1, one for each loss\. Received: \[1\.0, 2\.0\]"),
    ({"student_loss_weight": 1.5}, "must be a number from 0 to 1. Received: student_loss_weight=1.5"),
    ({"distillation_losses": FeatureDistillation("mse", "hiddn", "hidden")}, "In teacher model: No such layer: 'hiddn'"),
])
def test_what_does_not_fit(change, text):
    given = {"teacher": mlp(16, "teacher"), "student": mlp(4, "student"), "distillation_losses": LogitsDistillation()} | change
    if given["student"] == "logits":
        given["student"] = gpunn.Sequential([layers.Input((8,)), layers.Dense(2)])
    with pytest.raises(ValueError, match=text):
        Distiller(**given)


def test_losses_that_are_none():
    with pytest.raises(ValueError, match=r"temperature must be a number above 0. Received: temperature=0"):
        LogitsDistillation(0)
    with pytest.raises(ValueError, match="expected at least one loss that is not None"):
        FeatureDistillation([None])
    with pytest.raises(ValueError, match="expected the student's loss"):
        Distiller(mlp(16, "teacher"), mlp(4, "student"), LogitsDistillation()).compile()
