"""Images in folders and tables of files: what comes out, and a bad file in the middle of an epoch."""

import numpy as np
import pytest

from gpunn import layers
from gpunn.models import Sequential
from gpunn.preprocessing import image
from gpunn.preprocessing.image import ImageDataGenerator
from gpunn.utils import DataError

Image = pytest.importorskip("PIL.Image")
pandas = pytest.importorskip("pandas")


@pytest.fixture
def folder(tmp_path):
    """Two classes of five images; the pixels say which: 20 k for image k of class a, 5 + 20 k for class b."""
    for number, name in enumerate(("a", "b")):
        (tmp_path / "images" / name).mkdir(parents=True)
        for k in range(5):
            Image.fromarray(np.full((6, 8), 20 * k + 5 * number, np.uint8)).save(tmp_path / "images" / name / f"{k}.png")
    return tmp_path / "images"


def small_model(classes=2):
    model = Sequential([layers.Input((4, 4, 1)), layers.Flatten(), layers.Dense(classes, "softmax")])
    model.compile("sgd", "categorical_crossentropy")
    return model


def test_folders(folder, cpu, capsys):
    generator = ImageDataGenerator(rescale=1 / 255, validation_split=0.4)
    size = {"target_size": (4, 4), "color_mode": "grayscale"}
    flow = generator.flow_from_directory(folder, **size, batch_size=4, shuffle=False)
    assert "Found 10 images belonging to 2 classes." in capsys.readouterr().out
    assert flow.class_indices == {"a": 0, "b": 1} and len(flow) == 3 and flow.filenames[0].endswith("0.png") and flow.samples == 10
    x, y = next(flow)
    assert x.shape == (4, 4, 4, 1) and x.dtype == np.float32 and flow.image_shape == (4, 4, 1)
    np.testing.assert_allclose(x[:, 0, 0, 0] * 255, [0, 20, 40, 60], rtol=1e-6)
    np.testing.assert_array_equal(y, [[1, 0]] * 4)
    sparse = {**size, "shuffle": False, "class_mode": "sparse"}
    parts = {s: generator.flow_from_directory(folder, **sparse, subset=s) for s in ("training", "validation")}
    assert [p.samples for p in parts.values()] == [6, 4]
    np.testing.assert_array_equal(next(parts["validation"])[1], [0, 0, 1, 1])
    for mode, want in (("binary", [0.0, 1.0]), ("input", None), (None, None)):
        batch = next(generator.flow_from_directory(folder, **size, class_mode=mode, batch_size=10, classes=["b", "a"], seed=1))
        if mode == "binary":
            assert sorted(set(batch[1])) == want and batch[1].dtype == np.float32
            np.testing.assert_array_equal((np.round(batch[0][:, 0, 0, 0] * 255) % 20 == 5).astype(float), 1 - batch[1])
        elif mode == "input":
            np.testing.assert_array_equal(*batch)
        else:
            assert batch.shape == (10, 4, 4, 1)
    small_model().fit(generator.flow_from_directory(folder, **size), epochs=2, verbose=0)
    one = generator.flow_from_directory(folder, **size, classes=["b"], class_mode="sparse", batch_size=10)  # Keras: only these folders
    x, y = next(one)
    assert one.class_indices == {"b": 0} and len(x) == 5 and not y.any() and (np.round(x[:, 0, 0, 0] * 255) % 20 == 5).all()


def test_tables(folder, cpu, tmp_path):
    names = [f"a/{k}.png" for k in range(4)] + ["b/0.png", "b/missing.png"]
    table = pandas.DataFrame({"filename": names, "class": list("aaaabb"), "w": np.arange(6.0), "t": np.arange(6) / 2})
    size = {"directory": folder, "target_size": (4, 4), "color_mode": "grayscale", "batch_size": 10, "shuffle": False}
    generator = ImageDataGenerator()
    with pytest.warns(UserWarning, match="Found 1 names in column 'filename' without an image file"):
        flow = generator.flow_from_dataframe(table, weight_col="w", **size)
    x, y, w = next(flow)
    np.testing.assert_array_equal(y, [[1, 0]] * 4 + [[0, 1]])
    np.testing.assert_array_equal(x[:, 0, 0, 0], [0, 20, 40, 60, 5])
    np.testing.assert_array_equal(w, np.arange(5.0))
    raw = next(generator.flow_from_dataframe(table[:5], y_col=["t", "w"], class_mode="raw", **size))
    np.testing.assert_array_equal(raw[1], table[["t", "w"]][:5])
    with pytest.raises(ValueError, match=r"expected columns \['label'\]"):
        generator.flow_from_dataframe(table, y_col="label", **size)
    with pytest.raises(ValueError, match=r"expected labels of the classes \['a'\].*Received also: \['b'\]"):
        generator.flow_from_dataframe(table[:5], classes=["a"], **size)


def test_saved_pictures_and_arrays(folder, cpu, tmp_path):
    flow = ImageDataGenerator(horizontal_flip=True).flow(np.ones((3, 4, 4, 1)), batch_size=3, save_to_dir=tmp_path, save_prefix="p")
    next(flow)
    assert len(list(tmp_path.glob("p_*.png"))) == 3
    x = np.random.default_rng(0).integers(0, 256, (5, 4, 3)).astype("uint8")
    image.save_img(tmp_path / "x.png", x, scale=False)
    np.testing.assert_array_equal(image.img_to_array(image.load_img(tmp_path / "x.png")), x)
    assert image.load_img(tmp_path / "x.png", "grayscale", (8, 9)).size == (9, 8)
    with pytest.raises(ValueError, match="Expected an image of shape"):
        image.array_to_img(np.ones((3, 3)))
    with pytest.raises(OSError, match=r"the image .*nothing\.png cannot be read"):
        image.load_img(tmp_path / "nothing.png")


def test_a_bad_file_in_the_middle_of_an_epoch_names_itself(folder, cpu):
    size = {"target_size": (4, 4), "color_mode": "grayscale", "batch_size": 2, "shuffle": False}
    generator = ImageDataGenerator(rescale=1 / 255, rotation_range=10)
    flow = generator.flow_from_directory(folder, **size)
    model = small_model()
    model.fit(flow, epochs=1, verbose=0)
    bad = folder / "b" / "1.png"
    bad.write_bytes(bad.read_bytes()[:40])
    with pytest.raises(DataError, match=r"batch \d of epoch 1 from a DirectoryIterator could not be made.*b.1\.png cannot be read"):
        model.fit(flow, epochs=1, verbose=0, shuffle=False)
    assert np.isfinite(model.predict(np.zeros((2, 4, 4, 1)), verbose=0)).all()
    bad.unlink()
    model.fit(generator.flow_from_directory(folder, **size), epochs=1, verbose=0)


def test_errors(folder, tmp_path):
    (tmp_path / "empty" / "a").mkdir(parents=True)
    for name in "abc":
        (tmp_path / "three" / name).mkdir(parents=True)
    generator = ImageDataGenerator()
    for arguments, message in (
        ({"directory": tmp_path / "empty"}, r"no images were found in '.*empty'"),
        ({"directory": tmp_path / "nowhere"}, "directory: expected a folder"),
        ({"directory": folder, "class_mode": "ordinal"}, "class_mode: expected one of"),
        ({"directory": folder, "color_mode": "cmyk"}, "color_mode: expected one of"),
        ({"directory": folder, "classes": ["a", "c"]}, r"names of folders, each once, of \['a', 'b'\]. Received: \['a', 'c'\]"),
        ({"directory": folder, "classes": ["a", "a"]}, r"expected names of folders, each once"),
        ({"directory": folder.parent / "three", "class_mode": "binary"}, "class_mode: 'binary' is for two classes. Received: 3"),
        ({"directory": folder, "subset": "training"}, "a validation_split of the generator"),
    ):
        with pytest.raises(ValueError, match=message):
            generator.flow_from_directory(**arguments)
