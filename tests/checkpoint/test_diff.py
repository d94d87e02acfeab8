"""What differs between two checkpoints."""

from __future__ import annotations

import numpy as np
import pytest

from tests.checkpoint.models import reference
from tests.checkpoint.test_bundle import write
from tfbn import checkpoint
from tfbn.checkpoint.bundle import writing

BASE = {"a": np.float32([1, np.nan, 3]), "n/moving_mean": np.float32([0, 0]), "s": np.array(b"text", object)}


def compare(folder, other):
    for name, arrays in (("first", BASE), ("second", other)):
        with writing(str(folder / name), True) as writer:
            for path, array in arrays.items():
                writer.add(path, np.asarray(array))
    return checkpoint.diff(folder / "first", folder / "second")


@pytest.mark.parametrize(
    "change, expected",
    [
        ({}, []),
        ({"a": np.float32([1, np.nan, 3.5])}, [("a", "values", "1 of 3 elements, by up to 0.5", 0.5)]),
        ({"a": np.float32([1, 2, 3])}, [("a", "values", "1 of 3 elements, by up to nan", np.nan)]),
        ({"a": np.float32([[1, np.nan, 3]])}, [("a", "shape", "3 and 1x3", 0.0)]),
        ({"a": np.float64([1, np.nan, 3])}, [("a", "dtype", "float32 and float64", 0.0)]),
        ({"s": np.array(b"other", object)}, [("s", "values", "1 of 1 elements", 0.0)]),
        ({"new": np.float32(1)}, [("new", "only in the second", "scalar", 0.0)]),
    ],
)
def test_kinds(change, expected, tmp_path):
    """Each with what is behind it."""
    np.testing.assert_equal([tuple(each) for each in compare(tmp_path, {**BASE, **change})], expected)


def test_only_in_the_first(tmp_path):
    (found,) = compare(tmp_path, {name: array for name, array in BASE.items() if name != "a"})
    assert found[:3] == ("a", "only in the first", "3")


def test_by_canonical_names(tmp_path):
    """Two kinds of checkpoint with the same variables are the same, zero debias' pair too."""
    checkpoint.convert(reference("zero_debias"), tmp_path / "objects", "BatchNorm")
    found = checkpoint.diff(reference("zero_debias"), tmp_path / "objects")
    assert found == []
    assert str(found) == "No differences."


def test_renamed(tmp_path):
    """What a conversion has renamed is compared under its new name."""
    write(
        tmp_path / "first", {"net/BatchNorm/moving_mean": np.arange(3.0), "net/BatchNorm/moving_variance": np.ones(3)}
    )
    rename = [("^net/BatchNorm", "norm")]
    checkpoint.convert(tmp_path / "first", tmp_path / "second", "BatchNorm", rename=rename)
    assert checkpoint.diff(tmp_path / "first", tmp_path / "second", rename=rename) == []
    assert len(checkpoint.diff(tmp_path / "first", tmp_path / "second")) == 4
    with pytest.raises(ValueError, match="rename: expected a pattern that is found in a name, got 'nowhere'"):
        checkpoint.diff(tmp_path / "first", tmp_path / "second", rename=[("nowhere", "x")])


def test_nearest_names(tmp_path):
    """Of what only one of them has, that of the same shape in the other which is most like it."""
    vector, scalar = np.float32([0, 0]), np.float32(0)
    write(tmp_path / "first", {"net/BatchNorm/beta": vector, "net/BatchNorm/gamma": vector, "step": scalar})
    write(tmp_path / "second", {"net/bn/beta": vector, "net/BatchNorm/bet": scalar, "net/bn/gamma": vector})
    differences = {row.path: row.detail for row in checkpoint.diff(tmp_path / "first", tmp_path / "second")}
    assert differences == {
        "net/BatchNorm/beta": "2, there net/bn/beta",
        "net/BatchNorm/gamma": "2, there net/bn/gamma",
        "net/BatchNorm/bet": "scalar",
        "net/bn/beta": "2, there net/BatchNorm/beta",
        "net/bn/gamma": "2, there net/BatchNorm/gamma",
        "step": "scalar",
    }
    many = {f"layer{i}/gamma": vector for i in range(300)}
    write(tmp_path / "many", {**many, "layer/beta": vector})
    write(tmp_path / "nested", {f"net/{name}": array for name, array in many.items()})
    details = {row.path: row.detail for row in checkpoint.diff(tmp_path / "many", tmp_path / "nested")}
    assert details["layer7/gamma"] == "2, there net/layer7/gamma"
    assert details["layer/beta"] == "2"
