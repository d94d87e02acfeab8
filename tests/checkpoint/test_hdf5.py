"""HDF5 files of which a part is elsewhere: refused by each command, before any other file is read or written."""

from __future__ import annotations

import re
import resource
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from tfbn import checkpoint, cli
from tfbn.checkpoint.kinds import keras

LAYER = "layers/batch_normalization/vars"
RANDOM = np.random.default_rng(7)
VALUES = RANDOM.normal(3.0, 1.0, [4, 4]).astype(np.float32)  # gamma, beta, moving_mean, moving_variance


def weights(path, values=VALUES, without=()):
    """A weight file of a model with one layer of batch normalization."""
    with h5py.File(path, "w") as file:
        for number, value in enumerate(values):
            if number not in without:
                file[f"{LAYER}/{number}"] = value
    return path


def archived(path):
    """The same weights in a `.keras` file."""
    archive = path.with_name(f"{path.name.partition('.')[0]}.keras")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("config.json", "{}")
        file.write(path, "model.weights.h5")
    path.unlink()
    return archive


def external_storage(file, third):
    file.create_dataset(f"{LAYER}/1", (4,), "float32", external=[(str(third), 0, 16)])


def several_external_files(file, third):
    parts = [(f"{third}.missing", 0, 8), (str(third), 0, 8)]
    file.create_dataset(f"{LAYER}/1", (4,), "float32", external=parts)


def virtual(file, third):
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource(str(third), "x", (4,))
    file.create_virtual_dataset(f"{LAYER}/1", layout)


def virtual_within(file, third):
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource(file[f"{LAYER}/0"])
    file.create_virtual_dataset(f"{LAYER}/1", layout)


def external_link(file, third):
    file[f"{LAYER}/1"] = h5py.ExternalLink(str(third), "x")


def link_to_a_group(file, third):
    file["layers/dense"] = h5py.ExternalLink(str(third), "/")


def soft_link(file, third):
    file[f"{LAYER}/1"] = h5py.SoftLink(f"/{LAYER}/0")


def dangling_link(file, third):
    file["unused"] = h5py.SoftLink("/nothing")


def group_under_two_names(file, third):
    file["layers/batch_normalization_1"] = file["layers/batch_normalization"]


def group_in_itself(file, third):
    file["layers/again"] = file["/"]


OUTSIDE = {
    external_storage: rf"{LAYER}/1 has its values in another file, .*third\.h5",
    several_external_files: rf"{LAYER}/1 has its values in another file, .*third\.h5\.missing",
    virtual: rf"{LAYER}/1 is a virtual dataset, which shows x in .*third\.h5",
    virtual_within: rf"{LAYER}/1 is a virtual dataset, which shows /?{LAYER}/0 in \.",
    external_link: rf"{LAYER}/1 is a link to x in the file .*third\.h5",
    link_to_a_group: r"layers/dense is a link to / in the file .*third\.h5",
    soft_link: rf"{LAYER}/1 is a soft link to /{LAYER}/0",
    dangling_link: "unused is a soft link to /nothing",
    group_under_two_names: "layers/batch_normalization_1 is the group layers/batch_normalization once more",
    group_in_itself: "layers/again is the group / once more",
}
COMMANDS = {
    "list": lambda path, other, out: ["list", path],
    "diagnose": lambda path, other, out: ["diagnose", path],
    "diff": lambda path, other, out: ["diff", other, path],
    "convert": lambda path, other, out: ["convert", path, out, "--to", "contrib", "--allow", ".*"],
    "convert --like": lambda path, other, out: ["convert", other, f"{out}{path.suffix}", "--like", path],
}


@pytest.fixture
def third(tmp_path):
    """A file that no command is given."""
    path = tmp_path / "elsewhere" / "third.h5"
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file["x"] = VALUES[0]
    return path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("contain", [Path, archived], ids=["h5", "keras"])
@pytest.mark.parametrize("lead_outside", OUTSIDE, ids=lambda function: function.__name__)
def test_refused(lead_outside, contain, command, third, tmp_path, capsys):
    """Status 2, with the file, what leads out of it, and the remedy; no file changes, and none is new."""
    path = weights(tmp_path / "given.weights.h5", without=[1])
    with h5py.File(path, "a") as file:
        lead_outside(file, third)
    path, other = contain(path), weights(tmp_path / "other.weights.h5")
    before = contents(tmp_path)
    arguments = COMMANDS[command](path, other, tmp_path / "out")
    assert cli.main(["checkpoint", *map(str, arguments)]) == 2
    text = (
        f"^tfbn checkpoint: {path}: expected a file that contains all of its variables itself, in one tree of groups, "
        f"got one in which {OUTSIDE[lead_outside]}. Nothing else is read or written. Save the model's weights anew, "
        "into one file.$"
    )
    assert re.search(text, capsys.readouterr().err)
    assert contents(tmp_path) == before


def test_a_link_of_another_kind(tmp_path):
    """HDF5 lets programs define their own; here the number that says which kind is changed to the first of these."""
    path = weights(tmp_path / "given.h5")
    with h5py.File(path, "a") as file:
        file["moved"] = h5py.ExternalLink("elsewhere.h5", "x")
    content = bytearray(path.read_bytes())
    content[content.rindex(b"\x40", 0, content.index(b"moved"))] += 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="got one in which moved is a link of a kind that is not known here"):
        checkpoint.open(path)


def test_replaced_after_it_was_read(third, tmp_path, monkeypatch):
    """A `like` that is another file when it is copied: what is to be filled is searched as well."""
    source, like = weights(tmp_path / "source.weights.h5"), weights(tmp_path / "like.weights.h5")

    def copy(given, copied):
        weights(copied, without=[1])
        with h5py.File(copied, "a") as file:
            external_storage(file, third)

    monkeypatch.setattr(keras.shutil, "copyfile", copy)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=rf"like\.weights\.h5: .* {LAYER}/1 has its values in another file"):
        checkpoint.convert(source, tmp_path / "out.weights.h5", like=like)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("contain", [Path, archived], ids=["h5", "keras"])
@pytest.mark.parametrize("at", ["open", "write", "close"])
def test_a_full_disk_while_filling(at, contain, tmp_path, monkeypatch):
    """The target is named, and nothing stays; HDF5 by itself would take the process down."""
    source, like = weights(tmp_path / "source.weights.h5"), contain(weights(tmp_path / "like.weights.h5", -VALUES))
    before, limits = contents(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    copied, separate, add = keras.hdf5.writable, keras._separate, keras._Filler.add

    def fill_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))

    steps = {
        "open": (keras.hdf5, "writable", lambda path: fill_disk() or copied(path)),
        "write": (keras, "_separate", lambda *given: fill_disk() or separate(*given)),
        "close": (keras._Filler, "add", lambda *given: add(*given) or fill_disk()),
    }
    monkeypatch.setattr(*steps[at])
    try:
        with pytest.raises(OSError, match=rf"File too large: '.*out\.weights{like.suffix}'"):
            checkpoint.convert(source, tmp_path / f"out.weights{like.suffix}", like=like)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(tmp_path) == before


class TestTwoNames:
    """One dataset that has two names, which is in the file itself: as after `file[new] = file[old]` in h5py."""

    def test_read_under_both(self, tmp_path):
        """No variable is left out, and none takes the place of the one after it."""
        path = weights(tmp_path / "source.h5", without=[1])
        with h5py.File(path, "a") as file:
            file[f"{LAYER}/1"] = file[f"{LAYER}/0"]
        with checkpoint.open(path) as reader:
            (layer,) = checkpoint.list_layers(reader)
            values = {short: reader[name].tolist() for short, name in layer.variables.items()}
        gamma, _, mean, variance = VALUES.tolist()
        assert values == {"gamma": gamma, "beta": gamma, "moving_mean": mean, "moving_variance": variance}

    @pytest.mark.parametrize("contain", [Path, archived], ids=["h5", "keras"])
    def test_filled_apart(self, contain, tmp_path):
        """Each name gets its own value, and keeps its attributes."""
        like = weights(tmp_path / "like.weights.h5", -VALUES, without=[1])
        with h5py.File(like, "a") as file:
            file[f"{LAYER}/0"].attrs["note"] = 5
            file[f"{LAYER}/1"] = file[f"{LAYER}/0"]
        like, source = contain(like), weights(tmp_path / "source.weights.h5")
        before = contents(tmp_path)
        out = tmp_path / f"out.weights{like.suffix}"
        checkpoint.convert(source, out, like=like)
        assert contents(tmp_path).items() > before.items()
        with checkpoint.open(out) as reader:
            assert [reader[f"{LAYER}/{number}"].tolist() for number in range(4)] == VALUES.tolist()
            assert [reader._datasets[f"{LAYER}/{number}"].attrs["note"] for number in range(2)] == [5, 5]


def test_an_archive_with_two_files_of_weights(tmp_path):
    """Programs read the last, or the first; a conversion would fill one of them."""
    path = archived(weights(tmp_path / "given.weights.h5"))
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("model.weights.h5", file.read("model.weights.h5"))
    with pytest.raises(
        ValueError, match=r"given\.keras: .*: it has 2 members 'model\.weights\.h5', and programs differ in which"
    ):
        checkpoint.open(path)


@pytest.mark.parametrize(
    "value",
    [
        h5py.Empty("f"),
        pytest.param(lambda file: file.create_dataset("odd", (2,), h5py.ref_dtype), id="object references"),
        pytest.param(lambda file: file.create_dataset("odd", (2,), h5py.regionref_dtype), id="region references"),
        pytest.param(lambda file: file.create_dataset("odd", (2,), h5py.vlen_dtype("f")), id="lists"),
    ],
)
def test_no_numbers(value, tmp_path):
    """References lead to what is in the file, but are no values of a variable."""
    path = weights(tmp_path / "given.h5")
    with h5py.File(path, "a") as file:
        if callable(value):
            value(file)
        else:
            file["odd"] = value
    with pytest.raises(
        ValueError, match=r"given\.h5: expected datasets of numbers, booleans or strings, got odd, which"
    ):
        checkpoint.open(path)


def test_named_types_are_no_variables(tmp_path):
    path = weights(tmp_path / "given.h5")
    with h5py.File(path, "a") as file:
        file["type"] = np.dtype("f")
    with checkpoint.open(path) as reader:
        assert list(reader) == [f"{LAYER}/{number}" for number in range(4)]


def test_a_damaged_group(tmp_path):
    """One byte in the list of a group's names."""
    path = weights(tmp_path / "given.h5")
    content = bytearray(path.read_bytes())
    content[content.rindex(b"SNOD")] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"given\.h5: expected a whole file, got one that is damaged: "):
        checkpoint.open(path)


def test_a_damaged_attribute(tmp_path):
    """The name of a layer, which its group has, lies in a heap of strings that is not there."""
    path = weights(tmp_path / "given.h5")
    with h5py.File(path, "a") as file:
        file[LAYER].attrs["name"] = "norm"
    content = bytearray(path.read_bytes())
    content[content.index(b"GCOL")] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"given\.h5: expected a whole file, got one that is damaged: "):
        checkpoint.open(path)


@pytest.mark.parametrize(
    "error", [RuntimeError("Unspecified error in H5Tget_ebias"), TypeError("no such type")], ids=str
)
def test_a_dtype_that_cannot_be_read(error):
    """HDF5 reads the type of a dataset only where it is asked for, in a damaged file too."""

    class Dataset:
        shape = (2,)

        @property
        def dtype(self):
            raise error

    with pytest.raises(ValueError, match="^x.keras: expected datasets of numbers, booleans or strings, got w, which"):
        keras._shape_and_dtype("x.keras", "w", Dataset())
