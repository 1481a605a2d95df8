"""Names at the top of ``keras`` and of ``keras.utils`` that course code takes up now and then."""

import numpy as np
import pytest

from gpunn import compat

real = pytest.importorskip("keras_twin").keras  # before gpunn serves that name
pytestmark = pytest.mark.usefixtures("cpu")


@pytest.fixture
def keras():
    with compat.install():
        import keras

        yield keras


def test_a_function_and_its_sources(keras):
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    hidden = keras.layers.Dense(2)(a)
    for _ in range(40):  # both ways of each sum lead back to the input
        hidden = keras.layers.Add()([hidden, hidden])
    out = keras.layers.Concatenate()([hidden, b])
    assert [t.name for t in keras.utils.get_source_inputs(out)] == ["a", "b"] and keras.utils.get_source_inputs(a) == [a]
    f = keras.Function([a, b], [out, hidden], name="f")
    whole, part = f([np.ones((2, 3), "float32"), np.zeros((2, 3), "float32")])
    assert whole.shape == (2, 5) and np.array_equal(part, whole[:, :2]) and f.operations[-1].name == out.node.layer.name
    assert isinstance(f.operations[-1], keras.Operation)


def test_a_penalty_and_a_layer_of_ones_own(keras):
    class Mine(keras.Regularizer):
        def __call__(self, x):
            return 0.5 * keras.ops.sum(keras.ops.square(x))

    class Scale(keras.Operation):
        def call(self, x):
            return 2 * x

    spec = keras.InputSpec(ndim=2)
    layer = keras.layers.Dense(1, kernel_regularizer=Mine(), kernel_initializer="ones")
    layer.input_spec = spec
    layer(np.zeros((1, 4), "float32"))
    assert float(layer.losses[0]) == 2 and layer.input_spec.ndim == 2
    x = keras.Input((4,))
    assert np.array_equal(keras.Model(x, Scale()(x))(np.ones((1, 4), "float32")), [[2] * 4])


def test_remat_changes_nothing(keras):
    with keras.RematScope(mode="larger_than", output_size_threshold=10):
        assert keras.remat(abs)(-2) == 2
    with pytest.raises(ValueError, match=r"RematScope: expected a mode of: full, .*Received: mode='half'"), keras.RematScope("half"):
        pass


@pytest.mark.parametrize(("name", "text"), [
    ("StatelessScope", "gpunn has no keras.StatelessScope: .*GradientTape"), ("SymbolicScope", "gpunn has no keras.SymbolicScope"),
    ("Quantizer", "gpunn has no keras.quantizers.Quantizer"), ("callbacks.OrbaxCheckpoint", "OrbaxCheckpoint.* ModelCheckpoint"),
    ("applications.xception.Xception", "gpunn has no keras.applications.Xception"), ("saving.KerasFileEditor", "KerasFileEditor"),
])
def test_what_is_not_there_says_so_when_called(keras, name, text):
    thing = keras
    for part in name.split("."):
        thing = getattr(thing, part)
    with pytest.raises(NotImplementedError, match=text):
        thing()


@pytest.mark.parametrize("module", ["distribution", "quantizers", "export"])
def test_modules_that_are_not_there(keras, module):
    with pytest.raises(ImportError, match=rf"keras, as gpunn serves it, has no '{module}'\. It has"):
        __import__(f"keras.{module}")


def test_settings_of_an_experiment(keras):

    def story(Config):
        config = Config(rate=0.1, epochs=3)
        config.units = 8
        config["seed"] = 3
        del config["epochs"]
        out = [repr(config), list(config), len(config), "rate" in config, config.get("no", 7), config.to_json(), config.as_dict()]
        config.update(rate=0.2)
        out += [config.pop("seed"), config.rate, sorted(config.items()), dict(**config)]
        config.freeze()
        for change in (lambda: setattr(config, "rate", 1), lambda: config.pop("rate"), lambda: config.ratee):
            with pytest.raises((ValueError, AttributeError)) as error:
                change()
            out.append(str(error.value))
        config.unfreeze()
        config.rate = 5
        return [*out, config.frozen, config.rate]

    assert story(keras.utils.Config) == story(real.utils.Config)


def test_a_graph_in_dot(keras, tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name='a"b'), keras.layers.Dense(2, name="c")])
    dot = keras.utils.model_to_dot(model, show_shapes=True, rankdir="LR")
    text = dot.to_string()
    assert "rankdir=LR;" in text and r'1 [label="a\"b (Dense)\nin: (None, 4)\nout: (None, 3)"];' in text and "1 -> 2;" in text
    assert dot.create(prog="dot", format="svg").lstrip().startswith(b"<?xml") and dot.create_png()[1:4] == b"PNG"
    assert dot.write_raw(tmp_path / "graph.dot") and (tmp_path / "graph.dot").read_text() == text
    with pytest.raises(ValueError, match=r"Dot: expected a format of: svg, png, .*Received: format='gif'"):
        dot.create(format="gif")
    with pytest.raises(ValueError, match="Expected subgraph=False"):
        keras.utils.model_to_dot(model, subgraph=True)
    with pytest.raises(AttributeError):
        dot.write_gif("x")


def test_types_of_operations(keras):
    kinds = ["bool", "uint8", "int8", "uint16", "int16", "int32", "float16", "float32", int, float]
    pairs = [(), (int,), (float,), *((a, b) for a in kinds for b in kinds)]
    found = [keras.backend.result_type(*pair) for pair in pairs]
    assert found == [real.backend.result_type(*pair) for pair in pairs]
    assert keras.backend.result_type("float32", np.float64) == "float64" and len(pairs) == 103


def test_images_of_a_size_undistorted(keras):
    x = np.random.default_rng(0).uniform(0, 255, (2, 23, 40, 3)).astype("float32")
    for size in ((10, 10), (50, 20), (7, 31)):
        for images in (x, x[0]):
            expected = real.preprocessing.image.smart_resize(images, size)
            np.testing.assert_allclose(keras.preprocessing.image.smart_resize(images, size), expected, atol=1e-3)
    with pytest.raises(ValueError, match="data is channels-last"):
        keras.preprocessing.image.smart_resize(x, (4, 4), data_format="channels_first")
