"""A kind of checkpoint is one file: what a new one has to say of itself, and that nothing else names any."""

from __future__ import annotations

import ast
import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.checkpoint.models import reference
from tfbn import checkpoint
from tfbn.checkpoint import kinds
from tfbn.checkpoint.kinds import Kind
from tfbn.checkpoint.open import KINDS, discover
from tfbn.checkpoint.reader import Entry, Reader
from tfbn.checkpoint.writer import Writer
from tfbn.files import replacing

PACKAGE = Path(checkpoint.__file__).parent
RANDOM = np.random.default_rng(8)
VALUES = {
    f"net.norm.{short}": RANDOM.normal(3.0, 1.0, [4]).astype(np.float32) ** 2
    for short in ("beta", "gamma", "moving_mean", "moving_variance")
}


class ArchiveReader(Reader):
    """Arrays in a .npz file, with dots in the place of slashes."""

    format = "npz"

    def __init__(self, path):
        self._file = np.load(path)
        entries = {
            name: Entry(name, name.replace(".", "/"), self._file[name].shape, self._file[name].dtype.name)
            for name in self._file.files
        }
        super().__init__(path, entries)

    def _read(self, name):
        return self._file[name]

    def close(self):
        self._file.close()


class ArchiveWriter(Writer):
    def __init__(self):
        self.arrays = {}

    def add(self, name, array):
        self.arrays[name] = array


class Archive(Kind):
    name = "npz"
    endings = (".npz",)
    like_formats = ("npz",)
    default_scope = "norm"

    def open(self, path):
        return ArchiveReader(path)

    def name_of(self, path, is_debias):
        return path.replace("/", ".")

    @contextlib.contextmanager
    def writing(self, target, like, force):
        writer = ArchiveWriter()
        yield writer
        with replacing(target, force=force) as partial, partial.open("wb") as file:
            np.savez(file, **writer.arrays)


@pytest.fixture
def archive(tmp_path):
    """A file of the new kind, which is registered."""
    np.savez(tmp_path / "model.npz", **VALUES)
    KINDS.append(Archive())
    yield tmp_path / "model.npz"
    KINDS.pop()


class TestANewKind:
    def test_listed(self, archive):
        (layer,) = checkpoint.list_layers(archive)
        assert (layer.scope, layer.shape, layer.dtype) == ("net/norm", (4,), "float32")
        assert set(layer.variables.values()) == set(VALUES)

    def test_diagnosed(self, archive):
        """Well, and after its variance has become negative."""
        assert checkpoint.diagnose(archive) == []
        np.savez(archive, **{**VALUES, "net.norm.moving_variance": -VALUES["net.norm.moving_variance"]})
        (finding,) = checkpoint.diagnose(archive)
        assert (finding.kind, finding.layer) == ("negative variance", "net/norm")

    @pytest.mark.parametrize("to", ["contrib", "tf.layers", "TF1Module", "BatchNorm"])
    def test_there_and_back(self, to, archive, tmp_path):
        """Under the default scope of either program where both have one."""
        checkpoint.convert(archive, tmp_path / "model", to)
        scopes = [layer.scope for layer in checkpoint.list_layers(tmp_path / "model")]
        default = {"contrib": "BatchNorm", "tf.layers": "batch_normalization"}.get(to, "norm")
        assert scopes == [f"net/{default}"]
        plan = checkpoint.convert(tmp_path / "model", tmp_path / "back.npz", "npz")
        assert plan.to == "npz"
        with np.load(tmp_path / "back.npz") as back:
            assert set(back) == set(VALUES)
            for name, array in VALUES.items():
                np.testing.assert_array_equal(back[name], array)

    def test_like(self, archive, tmp_path):
        """A file of the kind tells kind, names and types."""
        np.savez(tmp_path / "like.npz", **{name: np.zeros(4) for name in VALUES})
        checkpoint.convert(archive, tmp_path / "wider.npz", like=tmp_path / "like.npz")
        with np.load(tmp_path / "wider.npz") as wider:
            assert {name: (array.dtype, array.tolist()) for name, array in wider.items()} == {
                name: (np.float64, array.tolist()) for name, array in VALUES.items()
            }

    @pytest.mark.parametrize(
        "target, to, text",
        [
            ("out", "npz", r"^target: expected a path that ends in \.npz for npz, got .*out"),
            ("out.npz", "contrib", r"^target: expected the prefix of a checkpoint for contrib, got .*out\.npz"),
            ("out", "nps", r"^to: expected one of \('contrib', .*'npz'\), got 'nps'"),
        ],
    )
    def test_refused(self, target, to, text, archive, tmp_path):
        """Its name and its ending are in the errors, without being in any other file."""
        with pytest.raises(ValueError, match=text):
            checkpoint.convert(archive, tmp_path / target, to)
        assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]

    def test_like_another_kind(self, archive, tmp_path):
        with pytest.raises(
            ValueError, match=r"^like: expected a checkpoint of npz, got .*contrib, which is one of con"
        ):
            checkpoint.convert(archive, tmp_path / "out.npz", "npz", like=reference("contrib"))


def strings(tree):
    """Every string of a module but the docstrings."""
    documented = [node for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))]
    docstrings = {id(node.body[0].value) for node in documented if isinstance(node.body[0], ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def test_what_all_kinds_share_names_none():
    """Neither a kind, nor a format, nor an ending is in the code of another file than those of the kinds."""
    words = {word for kind in KINDS for word in (kind.name, *kind.endings, *kind.like_formats)}
    assert {"Keras", ".h5", "objects", "SavedModel"} <= words
    # The formats of a bundle, and the names that the three kinds of TF1 share.
    files = [path for path in PACKAGE.glob("*.py") if path.name not in {"bundle_reader.py", "tf1_names.py"}]
    texts = {path.name: strings(ast.parse(path.read_text(encoding="utf-8"))) for path in files}
    assert [(name, text) for name, found in texts.items() for text in found if text in words] == []
    names = {kind.name for kind in KINDS}
    assert [
        text for file in ("convert.py", "plan.py") for text in texts[file] if any(name in text for name in names)
    ] == []


def test_nothing_names_their_files():
    """Each file in the folder is a kind, and no other file imports it."""
    modules = [f"tfbn.checkpoint.kinds.{path.stem}" for path in sorted((PACKAGE / "kinds").glob("[!_]*.py"))]
    assert sorted(type(kind).__module__ for kind in KINDS) == modules
    assert [path.name for path in PACKAGE.glob("**/*.py") if "tfbn.checkpoint.kinds." in path.read_text()] == []


@pytest.mark.parametrize("precedence", [-2, 0, 2])
def test_a_kind_is_a_file(precedence, tmp_path, monkeypatch):
    """Another file in the folder is another kind, at the place that its precedence says."""
    name = f"drawer_{precedence + 2}"
    (tmp_path / f"{name}.py").write_text(
        "from tfbn.checkpoint.kinds import Kind\n"
        f"class Drawer(Kind):\n    name = 'drawer'\n    endings = ('.drawer',)\n    precedence = {precedence}\n"
    )
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path)])
    names = [kind.name for kind in discover()]
    assert [each for each in names if each != "drawer"] == [kind.name for kind in KINDS]
    assert names.index("drawer") == {-2: 0, 0: names.index("tf.layers") + 1, 2: len(names) - 1}[precedence]
    sys.modules.pop(f"tfbn.checkpoint.kinds.{name}")


def test_precedence():
    """What the others do not recognize is contrib's, and Keras' files are asked for by their endings first."""
    assert [KINDS[0].name, KINDS[-1].name] == ["contrib", "Keras"]
    (objects,) = [kind for kind in KINDS if kind.name == "BatchNorm"]
    assert next(kind for kind in KINDS if "objects" in kind.like_formats) is objects
