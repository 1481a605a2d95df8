"""Images in folders: labels, splits, sizes and orders; a file that is no image is named and leaves the model usable."""

import numpy as np
import pytest

from gpunn import utils
from gpunn.layers import Dense, Flatten
from gpunn.models import Sequential
from gpunn.utils import DataError, image_dataset_from_directory

Image = pytest.importorskip("PIL.Image")
CLASSES = {"ant": 7, "bee": 5, "cat": 6}


@pytest.fixture
def folder(tmp_path):
    """Grey squares: the first pixel is 10 times the class plus the number."""
    for c, (name, count) in enumerate(CLASSES.items()):
        (tmp_path / name / "more").mkdir(parents=True)
        for i in range(count):
            place = tmp_path / name / ("more" if i == 2 else "") / f"{i}.png"
            Image.fromarray(np.full((4, 6, 3), 50 * c + i, np.uint8)).save(place)
    (tmp_path / "ant" / "notes.txt").write_text("no image")
    return tmp_path


def pixels(data):
    return np.concatenate([(x[0] if isinstance(x, tuple) else x)[:, 0, 0, 0] for x in (data[i] for i in range(len(data)))])


def test_labels_are_those_of_the_folders(folder, capsys):
    data = image_dataset_from_directory(folder, image_size=(4, 6), batch_size=5)
    assert capsys.readouterr().out == "Found 18 files belonging to 3 classes.\n"
    assert data.class_names == ["ant", "bee", "cat"] and len(data) == 4 and isinstance(data, utils.Sequence)
    seen = []
    for i in range(len(data)):
        x, y = data[i]
        assert x.dtype == np.uint8 and x.shape == (len(y), 4, 6, 3)
        np.testing.assert_array_equal(x[:, 1, 2, 1] // 50, y)
        seen += x[:, 0, 0, 0].tolist()
    assert sorted(seen) == sorted(50 * c + i for c, n in enumerate(CLASSES.values()) for i in range(n)) != seen


@pytest.mark.parametrize(
    ("mode", "classes", "expected"),
    [
        ("int", None, lambda c: c.astype(np.int32)),
        ("categorical", None, lambda c: np.eye(3, dtype=np.float32)[c]),
        ("int", ["cat", "ant", "bee"], lambda c: np.array([1, 2, 0])[c]),
    ],
)
def test_label_modes(folder, mode, classes, expected):
    data = image_dataset_from_directory(folder, label_mode=mode, class_names=classes, image_size=(2, 2), batch_size=18, verbose=False)
    x, y = data[0]
    np.testing.assert_array_equal(y, expected(x[:, 0, 0, 0] // 50))


def test_binary_and_given_labels_and_none(folder):
    with pytest.raises(ValueError, match=r"'binary' needs two classes. Received: 3"):
        image_dataset_from_directory(folder, label_mode="binary", verbose=False)
    given = list(range(18))
    data = image_dataset_from_directory(folder, labels=given, shuffle=False, batch_size=18, image_size=(2, 2), verbose=False)
    np.testing.assert_array_equal(data[0][1], given)
    assert data.file_paths == sorted(data.file_paths) and len(data.class_names) == 18
    alone = image_dataset_from_directory(folder, labels=None, shuffle=False, batch_size=18, image_size=(2, 2), verbose=False)
    assert alone[0].shape == (18, 2, 2, 3)
    for name in ("bee",):
        for file in (folder / name).rglob("*.png"):
            file.unlink()
        (folder / name / "more").rmdir()
        (folder / name).rmdir()
    x, y = image_dataset_from_directory(folder, label_mode="binary", batch_size=13, image_size=(2, 2), verbose=False)[0]
    assert y.shape == (13, 1) and y.dtype == np.float32
    np.testing.assert_array_equal(y[:, 0], x[:, 0, 0, 0] >= 50)


def test_orders_follow_from_the_seed(folder):
    def orders(seed):
        data = image_dataset_from_directory(folder, seed=seed, batch_size=4, image_size=(2, 2), verbose=False)
        out = []
        for _ in range(2):
            data.on_epoch_begin()
            out.append(pixels(data).tolist())
        return out

    assert orders(1) == orders(1) != orders(2)
    first, second = orders(1)
    assert first != second and sorted(first) == sorted(second)


def test_splits(folder):
    options = {"seed": 3, "validation_split": 0.25, "batch_size": 6, "image_size": (2, 2), "verbose": False}
    training, validation = (image_dataset_from_directory(folder, subset=s, **options) for s in ("training", "validation"))
    assert (len(training.file_paths), len(validation.file_paths)) == (14, 4)
    assert not set(training.file_paths) & set(validation.file_paths)
    both = image_dataset_from_directory(folder, subset="both", **options)
    assert [b.file_paths for b in both] == [training.file_paths, validation.file_paths]


def test_sizes_and_colours(tmp_path):
    (tmp_path / "a").mkdir()
    picture = np.zeros((10, 30, 3), np.uint8)
    picture[:, 10:20] = (200, 100, 50)
    Image.fromarray(picture).save(tmp_path / "a" / "x.png")

    def read(**options):
        return image_dataset_from_directory(tmp_path, label_mode=None, verbose=False, **options)[0][0]

    np.testing.assert_array_equal(read(image_size=(10, 30)), picture)
    np.testing.assert_array_equal(read(image_size=(10, 10), crop_to_aspect_ratio=True), picture[:, 10:20])
    padded = read(image_size=(30, 30), pad_to_aspect_ratio=True)
    np.testing.assert_array_equal(padded[10:20], picture)
    assert not padded[:10].any() and not padded[20:].any()
    assert read(image_size=(5, 6), color_mode="rgba").shape == (5, 6, 4)
    grey = read(image_size=(10, 30), color_mode="grayscale")
    assert grey.shape == (10, 30, 1) and grey[0, 15, 0] == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    np.testing.assert_array_equal(read(image_size=(5, 15), interpolation="nearest")[0, 5:10], [[200, 100, 50]] * 5)


def test_a_model_trains_on_it_and_a_bad_file_names_itself(folder, cpu):
    options = {"image_size": (2, 2), "batch_size": 4, "verbose": False, "seed": 1}
    model = Sequential([Flatten(input_shape=(2, 2, 3)), Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    data = image_dataset_from_directory(folder, **options)
    model.fit(data, validation_data=image_dataset_from_directory(folder, **options), epochs=2, verbose=0)
    assert model.optimizer.iterations == 10 and model.predict(data).shape == (18, 3)
    bad = folder / "bee" / "3.png"
    for damage in (b"", b"no picture", bad.read_bytes()[:45]):
        bad.write_bytes(damage)
        with pytest.raises(DataError, match=r"batch \d of epoch 1 from a ImageFolder.* the image .*bee[/\\]3\.png cannot be read"):
            model.fit(image_dataset_from_directory(folder, **options), verbose=0)
    bad.unlink()
    model.fit(image_dataset_from_directory(folder, **options), verbose=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_mode": "words"}, "Argument label_mode: expected one of .*Received: 'words'"),
        ({"color_mode": "cmyk"}, "Argument color_mode: expected one of"),
        ({"interpolation": "guess"}, "Argument interpolation: expected one of"),
        ({"data_format": "channels_first"}, "Argument data_format: expected one of"),
        ({"subset": "test"}, "Argument subset: expected one of"),
        ({"subset": "training"}, "validation_split and subset: expected"),
        ({"subset": "training", "validation_split": 1.5}, "validation_split and subset: expected a share between 0 and 1.*1.5"),
        ({"subset": "training", "validation_split": 0.2}, "Argument seed: expected an integer"),
        ({"subset": "training", "validation_split": 0.01, "seed": 1}, "0.01 of 18 files leaves a part empty"),
        ({"batch_size": 0}, "Argument batch_size: expected a positive integer, or None. Received: 0"),
        ({"image_size": (3,)}, "Argument image_size: expected"),
        ({"class_names": ["ant"]}, "Argument class_names: expected the names of the folders"),
        ({"labels": [1, 2]}, "Argument labels: expected one a file, 18. Received: 2"),
        ({"labels": "guessed"}, "Argument labels: expected 'inferred'"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "Only one of"),
    ],
)
def test_refused(folder, options, message):
    with pytest.raises(ValueError, match=message):
        image_dataset_from_directory(folder, verbose=False, **options)


def test_no_folder_and_an_empty_one(tmp_path):
    with pytest.raises(ValueError, match=r"expected a folder. Received: .*nowhere"):
        image_dataset_from_directory(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no images were found in"):
        image_dataset_from_directory(tmp_path)


def test_it_is_a_data_set_as_well(folder):
    data = image_dataset_from_directory(folder, image_size=(2, 2), batch_size=5, seed=1, verbose=False)
    first = [x[:, 0, 0, 0].tolist() for x, _ in data]
    assert [len(some) for some in first] == [5, 5, 5, 3] and [x[:, 0, 0, 0].tolist() for x, _ in data] != first  # ends; another order
    for x, y in data.take(1):
        assert x.dtype == np.float32 and x.shape == (5, 2, 2, 3) and (x[:, 0, 0, 0] // 50 == y).all()
    scaled = data.cache().map(lambda x, y: (x / 255 - 1, y)).unbatch().shuffle(20, seed=2).batch(18).prefetch(1)
    (x, y), = scaled
    np.testing.assert_array_equal(np.round((x[:, 1, 1, 2] + 1) * 255) // 50, y)
    single = image_dataset_from_directory(folder, image_size=(2, 2), batch_size=None, label_mode=None, verbose=False)
    assert len(single) == 18 and single.class_names == ["ant", "bee", "cat"] and next(iter(single)).shape == (2, 2, 3)
