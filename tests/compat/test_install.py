"""The names of Keras, TensorFlow and scikit-learn's networks, served from gpunn and given back."""

import importlib
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

import gpunn
from gpunn import compat, layers, models, optimizers
from gpunn.backend import get_backend
from gpunn.compat.finder import Finder, there
from gpunn.compat.tree import TREE

pytestmark = pytest.mark.usefixtures("cpu")


@pytest.fixture
def served():
    with compat.install():
        yield


def test_the_imports_of_the_courses(served):
    """Every import line of the five courses, and the classes are gpunn's own."""
    names = {}
    exec(
        "import keras\nfrom keras.models import Sequential, load_model, BatchNormalization\n"
        "from keras.layers import Dense, Activation, Dropout\nfrom keras.layers.core import Dense as D2, Dropout, Activation\n"
        "from keras.layers.normalization import BatchNormalization as B2\nimport tensorflow as tf\nfrom tensorflow import keras as k2\n"
        "from tensorflow.keras import layers\nfrom tensorflow.keras.models import Sequential as S2\n"
        "from tensorflow.keras.optimizers import SGD\nfrom keras.utils import np_utils, to_categorical\nimport keras.backend as K\n"
        "from tensorflow.python.keras.layers import Dense as D3\nfrom sklearn.metrics import accuracy_score\n",
        names,
    )
    assert names["Dense"] is names["D2"] is names["D3"] is names["layers"].Dense is names["tf"].keras.layers.Dense is layers.Dense
    assert names["Sequential"] is names["S2"] is names["keras"].Sequential is names["k2"].models.Sequential is models.Sequential
    exec(
        "from keras.src.layers import Dense as D4\nfrom keras.api.models import Sequential as S3\n"
        "from keras._tf_keras.keras.layers import Dense as D5\n"
        "from keras.src.legacy.preprocessing.image import ImageDataGenerator\n", names,
    )
    assert names["D4"] is names["D5"] is layers.Dense and names["S3"] is models.Sequential
    assert names["B2"] is names["BatchNormalization"] is layers.BatchNormalization and names["SGD"] is optimizers.SGD
    assert names["np_utils"].to_categorical is names["to_categorical"] is gpunn.utils.to_categorical
    assert names["K"].floatx() == "float32" and names["K"].image_data_format() == "channels_last" and names["K"].backend() == "gpunn"
    assert names["accuracy_score"].__module__.startswith("sklearn.")


def test_versions(served):
    import keras
    import tensorflow as tf

    assert keras.__version__.startswith("3.") and keras.__version__.endswith(f"+gpunn.{gpunn.__version__}")
    assert tf.__version__ >= "2.0" and int(tf.__version__.split(".")[0]) == 2 and tf.keras.__version__ == keras.__version__


def test_every_name_that_is_listed_is_there(served):
    for path in TREE:
        if there(path) and path.partition(".")[0] in ("keras", "tf_keras", "tensorflow"):
            module = importlib.import_module(path)
            for name in dir(module):
                assert name == "newaxis" or getattr(module, name) is not None, (path, name)


def test_star_and_helpers_of_gpunn(served):
    names = {}
    exec("from keras.layers import *\nfrom tensorflow.keras.losses import *", names)
    assert names["Dense"] is layers.Dense and "MeanSquaredError" in names and "np" not in names and "Any" not in names
    import keras

    for helper in ("np", "find", "from_identifier", "row_losses"):  # imported by gpunn.losses for its own use
        assert not hasattr(keras.losses, helper)


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        ("from keras.layers import Dens", ImportError, r"keras\.layers, .* has no 'Dens'\. It has: Dense.* dir\(keras\.layers\) lists all"),
        ("from keras.layers.core import Dens", ImportError, r"keras\.layers\.core, .* has no 'Dens'\. It has: .*Dense"),
        ("import keras.experimental", ImportError, r"keras, .* has no 'experimental'\. It has: .*layers.*models"),
        ("from keras.src.layers import Dens", ImportError, r"keras\.src\.layers, .* has no 'Dens'\. It has: .*Dense"),
        ("import keras; keras.applications.efficientnet.EfficientNetB0()", NotImplementedError, "gpunn has no .*EfficientNetB0"),
        ("from keras import datsets", ImportError, r"keras, .* has no 'datsets'\. It has: .*datasets"),
        ("import tensorflow.raw_ops", ImportError, r"tensorflow, .* has no 'raw_ops'\..* dir\(tensorflow\) lists all names"),
        ("import tensorflow as tf; tf.keras.layers.Dens", AttributeError, r"tensorflow\.keras\.layers, .* has no 'Dens'\. It has: .*Dense"),
        ("import tensorflow as tf; tf.TensorArray()", AttributeError, r"tensorflow, .* has no 'TensorArray'\. It has: .*Tensor"),
    ],
)
def test_what_is_missing_and_what_there_is(served, code, error, said):
    with pytest.raises(error, match=said):
        exec(code, {})


def test_a_missing_name_can_be_asked_for(served):
    import keras

    assert not hasattr(keras.layers, "Dens") and getattr(keras, "nothing", 3) == 3
    try:
        from keras.nowhere import Dense
    except ImportError:
        from keras.layers import Dense
    assert Dense is layers.Dense


def replaced():
    """Modules of the names that are served."""
    return {n: m for n, m in sys.modules.items() if n.startswith(("keras", "tensorflow", "tf_keras", "sklearn.neural_network"))}


def test_taking_it_back(monkeypatch):
    """What was imported before comes back as it was, scikit-learn's attribute too; nothing of gpunn's stays."""
    import sklearn.neural_network

    real, mine = sklearn.neural_network, ModuleType("keras")
    monkeypatch.setitem(sys.modules, "keras", mine)
    before, modules = list(sys.meta_path), replaced()
    with compat.install():
        assert compat.installed()
        import keras
        import tensorflow

        assert keras is not mine and keras.layers.Dense is layers.Dense and tensorflow.keras.layers.Dense is layers.Dense
        with compat.install():  # a second time changes nothing, and takes nothing back
            pass
        assert compat.installed() and sys.modules["keras"] is keras
        assert "neural_network" not in vars(sklearn)
    assert not compat.installed() and sys.modules["keras"] is mine and sys.meta_path == before
    assert vars(sklearn)["neural_network"] is real is sys.modules["sklearn.neural_network"]
    assert replaced() == modules
    compat.uninstall()  # without an installation: nothing


def test_without_scikit_learn(monkeypatch):
    for name in [n for n in sys.modules if n.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(Finder, "_real", lambda self, fullname, path: None)
    with compat.install():
        with pytest.raises(ImportError, match=r"sklearn, .* has no 'svm'\. It has: .*metrics.* pip install scikit-learn"):
            import sklearn.svm  # noqa: F401
        with pytest.raises(ImportError, match=r"sklearn\.metrics, .* has no 'f1_score'"):
            from sklearn.metrics import f1_score  # noqa: F401
    assert not any(name.partition(".")[0] == "sklearn" for name in sys.modules)


def test_nothing_heavy_is_imported():
    code = "import sys, gpunn.compat; gpunn.compat.install(); import tensorflow as tf; tf.keras; tf.__version__; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert "tensorflow.keras" in loaded and not loaded & {"numpy", "numba", "cupy", "sklearn", "jax", "click"}


def test_tensorflow_around_a_model(served):
    import tensorflow as tf

    kinds = [d.device_type for d in tf.config.list_physical_devices()]
    assert kinds[0] == "CPU" and tf.test.is_gpu_available() == ("GPU" in kinds)
    for gpu in tf.config.experimental.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    tf.get_logger().setLevel("ERROR")
    with tf.device("/CPU:0"):
        assert get_backend().name == "cpu"
    with pytest.raises(ValueError, match=r"expected '/CPU:0' or '/GPU:0'\. Received: '/TPU:0'"), tf.device("/TPU:0"):
        pass
    model = tf.keras.Sequential([tf.keras.layers.Dense(2, activation=tf.nn.relu, dtype=tf.float32, input_shape=(3,))])
    assert model.predict(np.ones((1, 3)), verbose=0).min() >= 0


def test_seeds(served):
    """tf.random.set_seed draws the same weights again, and leaves NumPy's generator alone."""
    import tensorflow as tf

    draws = []
    for _ in range(2):
        np.random.seed(5)
        tf.random.set_seed(3)
        draws.append((np.random.random(), tf.keras.layers.Dense(2, input_shape=(3,)), tf.keras.initializers.GlorotUniform()((2, 3))))
    assert draws[0][0] == draws[1][0] == np.random.RandomState(5).random_sample()
    np.testing.assert_array_equal(draws[0][2], draws[1][2])


def test_session(served):
    import keras

    keras.backend.clear_session()
    assert keras.layers.Dense(1).name == "dense" and keras.layers.Dense(1).name == "dense_1"
    keras.utils.clear_session()
    assert keras.layers.Dense(1).name == "dense" and float(keras.backend.get_value(keras.optimizers.SGD(0.5).learning_rate)) == 0.5
    assert keras.backend.epsilon() == 1e-7


def test_tensorboard_does_not_take_it_for_tensorflow(served, tmp_path):
    writer = pytest.importorskip("tensorboard.summary.writer.event_file_writer").EventFileWriter(str(tmp_path))
    writer.close()
    assert list(tmp_path.iterdir())
