"""Files that are damaged, foreign or hostile: one clear error each, nothing is run or touched, the model stays as it was."""

import io
import pickle
import zipfile

import numpy as np
import pytest
from written_files import configured, cut, made, written, zipped

from gpunn.models import load_model

h5py = pytest.importorskip("h5py")
pytest.importorskip("safetensors")
pytestmark = pytest.mark.usefixtures("cpu")


def layer_of(number, **values):
    def change(config):
        entry = config["config"]["layers"][number]
        config = entry["config"] | values.get("config", {})
        entry |= values | {"config": config}

    return configured(change)


def stored(change):
    """The HDF5 file of the weights changed."""

    def damage(path):
        if path.suffix == ".h5":
            with h5py.File(path, "a") as file:
                change(file)
            return

        def within(members):
            data = io.BytesIO(members["model.weights.h5"])
            with h5py.File(data, "a") as file:
                change(file)
            members["model.weights.h5"] = data.getvalue()

        zipped(path, within)

    return damage


KERNEL = {"keras": "layers/dense/vars/0", "weights": "layers/dense/vars/0", "h5": "model_weights/hidden/hidden/kernel"}


def kernel(**options):
    """The first kernel replaced by another dataset, or a link."""

    def change(file):
        name = next(n for n in KERNEL.values() if n in file)
        del file[name]
        if "link" in options:
            file[name] = options["link"]
        elif options:
            file.create_dataset(name, **options)

    return stored(change)


def bomb(members):
    members["model.weights.h5"] = bytes(50_000_000)


LAMBDA = {"class_name": "Lambda", "config": {"name": "l", "function": {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}}}
HDF5 = {
    "truncated": (cut, "is not a whole|no whole HDF5 file|whole gpunn"),
    "no kernel": (kernel(), "hidden/kernel: expected an array|hidden.*expected 2 weights|Received: nothing"),
    "another shape": (kernel(data=np.zeros((2, 2), "f")), r"weight hidden/kernel has shape \(6, 5\). Received: \(2, 2\)"),
    "integers": (kernel(data=np.zeros((6, 5), "i4")), "hidden/kernel is of floating numbers. Received: dtype int32"),
    "texts": (kernel(data=np.zeros((6, 5), "S4")), "hidden/kernel: expected an array of numbers. Received: dtype |S4"),
    "a link to a file": (kernel(link=h5py.ExternalLink("/etc/passwd", "/")), "is a link to somewhere else, which is not followed"),
    "a soft link": (kernel(link=h5py.SoftLink("/nowhere")), "is a link to somewhere else, which is not followed"),
    "numbers in a file outside": (
        kernel(shape=(6, 5), dtype="f4", external=[("/etc/hostname", 0, 120)]), "the array's numbers lie in another file, which is not read"
    ),
    "a huge shape": (kernel(shape=(10**6, 10**6), dtype="f4", chunks=(1000, 1000)), r"10000.* is declared, but only 0 bytes are stored"),
}
WHOLE = {
    "an unknown layer": (layer_of(1, class_name="Mystery"), r"Unknown layer class 'Mystery'. Pass custom_objects=\{'Mystery': the_class\}"),
    "a module to import": (
        layer_of(1, module="os", class_name="system", config={"command": "touch /tmp/x"}), "Unknown layer class 'system'"
    ),
    "an unknown argument": (layer_of(1, config={"evil": 1}), "Dense 'hidden' in the file has the argument evil=1"),
    "code": (layer_of(1, **LAMBDA), "__lambda__ in the file is code"),
    "code as an activation": (
        layer_of(1, config={"activation": {"class_name": "__lambda__", "config": {"value": ""}}}), "__lambda__ in the file is code"
    ),
    "half precision": (
        layer_of(1, config={"dtype": {"class_name": "DTypePolicy", "config": {"name": "float16"}}}),
        "Expected one of: float32, .*'float16'",
    ),
    "a huge layer": (
        layer_of(1, config={"units": 10**12}), r"weight hidden/kernel of shape \(6, 1000000000000\) is more than the file holds"
    ),
    "a layer that has become wider": (
        layer_of(1, config={"units": 6}), r"weight hidden/kernel has shape \(6, 6\). Received: \(6, \d\)"
    ),
    "an unknown initializer": (
        layer_of(1, config={"kernel_initializer": {"class_name": "Mystery", "config": {}}}), "Unknown initializer: 'Mystery'"
    ),
    "another class of model": (configured(lambda c: c.update(class_name="Mystery")), "expected a model of the class .*'Mystery'"),
    "no layers": (configured(lambda c: c["config"].pop("layers")), "is not a whole gpunn model file"),
    "a list for a model": (configured(lambda c: c.update(config=[])), "is not a whole gpunn model file"),
}
ZIP = {
    "a path out": (lambda p: zipped(p, lambda m: m.update({"../evil": b"x"})), "holds '../evil', a path out of it"),
    "an absolute path": (lambda p: zipped(p, lambda m: m.update({"/evil": b"x"})), "a path out of it"),
    "a bomb": (lambda p: zipped(p, bomb), "model.weights.h5 would be 50,000,000 bytes"),
    "no weights": (lambda p: zipped(p, lambda m: m.pop("model.weights.h5")), "there is no model.weights.h5 in it"),
    "deep JSON": (lambda p: zipped(p, lambda m: m.update({"config.json": "[" * 100_000})), "nested too deeply"),
    "a list as JSON": (lambda p: zipped(p, lambda m: m.update({"config.json": "[]"})), "its configuration is not a JSON object"),
    "no JSON": (lambda p: zipped(p, lambda m: m.update({"config.json": b"\xff\xfe"})), "m.keras: .*(JSON|codec|Expecting)"),
}
FOREIGN = {
    "a PNG image": b"\x89PNG\r\n\x1a\n" + bytes(30), "a pickle": pickle.dumps({"a": 1}), "an empty file": b"",
    "a gzip file": b"\x1f\x8b" + bytes(9), "no format known here": b"weights of mine", "a single NumPy array": b"\x93NUMPY" + bytes(100),
}


def cases():
    for name in ("m.keras", "m.h5", "m.weights.h5"):
        for damage in HDF5:
            yield name, damage, HDF5[damage]
    for name in ("m.keras", "m.h5"):
        for damage in WHOLE:
            yield name, damage, WHOLE[damage]
    for damage in ZIP:
        yield "m.keras", damage, ZIP[damage]


@pytest.mark.parametrize(("name", "damage", "case"), list(cases()), ids=lambda v: v if isinstance(v, str) else "")
def test_damaged_files(tmp_path, name, damage, case):
    damaging, message = case
    path = tmp_path / name
    written(path)
    damaging(path)
    target = made()
    before, steps = target.get_weights(), target.optimizer.steps
    only_whole = damage in WHOLE or damage in ("deep JSON", "a list as JSON", "no JSON", "no weights")
    if name != "m.weights.h5":
        with pytest.raises(ValueError, match=message) as failure:
            load_model(path)
        assert str(path) in str(failure.value)
    if not only_whole or damage == "no weights":
        with pytest.raises(ValueError, match=message):
            target.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, target.get_weights(), strict=True)) and target.optimizer.steps == steps
    assert [f.name for f in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("what", FOREIGN)
def test_foreign_files(tmp_path, what):
    for suffix in (".keras", ".h5", ".weights.h5", ".npz"):
        (tmp_path / f"m{suffix}").write_bytes(FOREIGN[what])
        for read in (load_model, made().load_weights):
            with pytest.raises(ValueError, match=rf"m{suffix} is not a whole gpunn .* file: expected .*Received: {what}"):
                read(tmp_path / f"m{suffix}")


def test_an_npz_that_declares_more_than_it_holds(tmp_path):
    path = tmp_path / "m.npz"
    made().save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, data, message in (
        ("weight/0.npy", members["weight/0.npy"].replace(b"(6, 5)", b"(6, 9)"), r"says it has the shape \(6, 9\), but is 248 bytes"),
        ("weight/9.npy", bytes(9_000_000), "would be 9,000,000 bytes"),
    ):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for other, kept in (members | {name: data}).items():
                archive.writestr(other, kept)
        for read in (load_model, made().load_weights):
            with pytest.raises(ValueError, match=f"is not a whole gpunn model file: {name} {message}"):
                read(path)


def test_directories_and_archives_of_others(tmp_path):
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    with pytest.raises(ValueError, match=r"Received: a directory \(a TensorFlow SavedModel\)"):
        load_model(tmp_path / "saved")
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("m/data.pkl", b"")
    with pytest.raises(ValueError, match="a PyTorch file, which holds a pickle"):
        made().load_weights(tmp_path / "m.pt")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["table"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"holds no model of Keras's. Received: table"):
        load_model(tmp_path / "m.h5")
    with pytest.raises(FileNotFoundError, match=r"No weights file at .*nowhere"):
        made().load_weights(tmp_path / "nowhere.weights.h5")
