"""The index of a checkpoint, read without TensorFlow: what TensorFlow lists, or nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import tfbn
from tests.test_package import run
from tfbn import cli
from tfbn.checkpoint import index

DATA = Path(__file__).parent / "data"
BY_NAME = sorted(str(path.with_suffix("")) for path in DATA.glob("*.index"))
DTYPES = ["float16", "bfloat16", "float32", "float64", "complex64", "complex128", "bool", "string"]
DTYPES += [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]


def listed(path):
    with tfbn.checkpoint.open(path) as reader:
        return list(reader.entries.values())


@pytest.mark.parametrize("prefix", BY_NAME, ids=lambda prefix: Path(prefix).name)
def test_what_tensorflow_lists(prefix):
    """The same names, shapes and dtypes, by the prefix and by a file of the checkpoint."""
    assert index.read_entries(prefix) == index.read_entries(f"{prefix}.index") == listed(prefix)


@pytest.fixture
def odd(tmp_path):
    """A checkpoint with every dtype, a scalar, an empty variable, names that are not ASCII, and one in parts."""
    with tf.Graph().as_default(), tf.Session() as session:
        tensors = {f"of_{dtype}": tf.zeros([2, 1], dtype) for dtype in DTYPES if dtype != "string"}
        tensors.update(of_string=tf.constant(["a", "b"]), scalar=tf.constant(1.0), empty=tf.zeros([0, 300]))
        tensors["größe/x"] = tf.zeros([70_000])
        session.run(
            tf.raw_ops.SaveV2(
                prefix=str(tmp_path / "odd"),
                tensor_names=[*tensors, "parts", "parts"],
                shape_and_slices=[""] * len(tensors) + ["5 2 0,3:0,2", "5 2 3,2:0,2"],
                tensors=[*tensors.values(), tf.zeros([3, 2]), tf.zeros([2, 2])],
            )
        )
    return str(tmp_path / "odd")


def test_odd_variables(odd):
    """Each as TensorFlow lists it; of one in parts the whole."""
    entries = index.read_entries(odd)
    assert entries == listed(odd)
    assert {entry.name: entry.shape for entry in entries}["parts"] == (5, 2)
    assert len(entries) == len(DTYPES) + 4


def test_damage_is_seen(odd):
    """A byte that is not as it was gives nothing, and never another list."""
    path, random = Path(f"{odd}.index"), np.random.RandomState(3)
    content, entries = path.read_bytes(), index.read_entries(odd)
    for place in random.randint(0, len(content), 40):
        path.write_bytes(content[:place] + bytes([content[place] ^ (1 << random.randint(8))]) + content[place + 1 :])
        assert index.read_entries(odd) in (None, entries)
    for end in random.randint(0, len(content), 10):
        path.write_bytes(content[:end])
        assert index.read_entries(odd) is None


def test_what_tensorflow_is_left_to_read(tmp_path, monkeypatch):
    """Objects, folders, files that are not there, and a large index."""
    shutil.copy(f"{BY_NAME[0]}.index", tmp_path / "model.index")
    assert index.read_entries(str(tmp_path / "model")) is not None
    (tmp_path / "model").mkdir()
    objects = tf.train.Checkpoint(x=tf.Variable(1.0)).write(str(tmp_path / "objects"))
    for path in (objects, str(tmp_path), str(tmp_path / "model"), str(tmp_path / "missing"), "gs://bucket/model"):
        assert index.read_entries(path) is None
    monkeypatch.setattr(index, "MAX_BYTES", 100)
    assert index.read_entries(BY_NAME[0]) is None


@pytest.mark.process
def test_listing_needs_no_tensorflow(capsys):
    """The command prints what it prints with one."""
    source = "sys.modules['tensorflow'] = None; from tfbn import cli; cli.main(sys.argv[1:])"
    output = run(f"sys.argv[1:] = {['checkpoint', 'list', BY_NAME[0]]}; {source}")
    assert cli.main(["checkpoint", "list", BY_NAME[0], "--rename", "moving_mean=moving_mean"]) == 0
    assert capsys.readouterr().out == output
    assert "moving_variance" in output


@pytest.mark.process
def test_functions_and_the_modules_of_their_names():
    """Importing the module never takes the function's place, whichever comes first."""
    run("""
        import tfbn.checkpoint.open, tfbn.checkpoint.diff as diff
        from tfbn.checkpoint import convert
        assert all(map(callable, (tfbn.checkpoint.open, diff, convert))), (diff, convert)
        assert tfbn.checkpoint.convert is convert
        assert set(dir(tfbn.checkpoint)) == set(tfbn.checkpoint.__all__)
        """)
    output = run("""
        sys.modules['tensorflow'] = None
        import tfbn
        try:
            tfbn.checkpoint.convert
        except ImportError as error:
            print(error)
        """)
    assert output.startswith("tfbn.checkpoint.convert needs TensorFlow 2.12 or newer")
