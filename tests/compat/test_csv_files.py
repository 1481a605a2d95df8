"""TensorFlow's data sets of CSV files, as its guide to loading tables has them."""

import numpy as np
import pytest

from gpunn import compat

pytestmark = pytest.mark.usefixtures("cpu")
TABLE = """survived,sex,age,n_siblings,fare,class
0,male,22.0,1,7.25,Third
1,female,38.0,1,71.2833,First
1,female,26.0,0,7.925,"Third, rear"
1,female,,1,53.1,First
0,male,28.0,0,8.4583,Third
"""


@pytest.fixture(autouse=True)
def served():
    with compat.install():
        yield


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "train.csv"
    file.write_text(TABLE)
    return str(file)


def test_batches_of_columns(path):
    import tensorflow as tf

    batches = tf.data.experimental.make_csv_dataset(path, batch_size=3, label_name="survived", num_epochs=1, shuffle=False)
    (features, label), (rest, _) = batches
    assert list(features) == ["sex", "age", "n_siblings", "fare", "class"] and len(rest["age"]) == 2
    assert features["age"].dtype == features["fare"].dtype == np.float32 and features["n_siblings"].dtype == label.dtype == np.int32
    np.testing.assert_array_equal(label, [0, 1, 1])
    np.testing.assert_array_equal(rest["age"], [0, 28])
    assert features["class"][2] in ("Third, rear", b"Third, rear")


def test_chosen_columns_go_round(path):
    import tensorflow as tf

    batches = tf.data.experimental.make_csv_dataset(
        path, 2, select_columns=["fare", "survived"], label_name="survived", column_defaults=[0.0, 0], shuffle_seed=1,
    )
    seen = [y for _, y in batches.take(5)]
    assert np.concatenate(seen).sum() == 6 and all(len(y) == 2 for y in seen)  # five rows twice
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(batches.map(lambda x, y: (tf.reshape(x["fare"], (-1, 1)) / 100.0, y)), steps_per_epoch=3, verbose=0)


def test_rows(path):
    import tensorflow as tf

    rows = list(tf.data.experimental.CsvDataset(path, [tf.int32, 30.0, tf.float32], header=True, select_cols=[0, 2, 4]))
    np.testing.assert_allclose([float(age) for _, age, _ in rows], [22, 38, 26, 30, 28])
    assert rows[1][0].dtype == np.int32 and rows[1][2] == pytest.approx(71.2833)


def test_what_is_refused(path, tmp_path):
    import tensorflow as tf

    with pytest.raises(FileNotFoundError, match="no file for"):
        tf.data.experimental.make_csv_dataset(str(tmp_path / "*.tsv"), 2)
    with pytest.raises(ValueError, match=r"expected columns among .*Received: \['alive'\]"):
        tf.data.experimental.make_csv_dataset(path, 2, label_name="alive")
    with pytest.raises(ValueError, match="field 1 has no default"):
        list(tf.data.experimental.CsvDataset(path, [tf.int32, tf.float32], header=True, select_cols=[0, 2]))
