"""A graph from a file is a program: what would do more than compute is not run to verify that folding was right."""

from __future__ import annotations

import os
import struct
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from tfbn.fold import fold_graph, verify
from tfbn.fold.verify import read_inputs

tf1 = tf.compat.v1
raw = tf.raw_ops
RANDOM = np.random.RandomState(5)


def in_function(path):
    @tf.function
    def write():
        raw.WriteFile(filename=path, contents="written")
        return tf.constant(0.0)

    return write()


def in_branch(path):
    write = tf.function(lambda: tf.strings.to_number(raw.ReadFile(filename=path)))
    return tf.cond(tf1.placeholder_with_default(True, []), write, lambda: tf.constant(0.0))


def python(path):
    return tf1.py_func(lambda: open(path, "w").close(), [], [])


def queue(path):
    return raw.QueueSizeV2(handle=raw.FIFOQueueV2(component_types=[tf.float32]))


def saved(path):
    return raw.SaveV2(prefix=path, tensor_names=["a"], shape_and_slices=[""], tensors=[tf.zeros([3])])


HOSTILE = {
    "WriteFile": lambda path: raw.WriteFile(filename=path, contents="written"),
    "ReadFile": lambda path: raw.ReadFile(filename=path),
    "MatchingFiles": lambda path: raw.MatchingFiles(pattern=path),
    "PyFunc": python,
    "EagerPyFunc": lambda path: tf.py_function(lambda: open(path, "w").close(), [], []),
    "SaveV2": saved,
    "RestoreV2": lambda path: raw.RestoreV2(
        prefix=path, tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
    ),
    "PrintV2": lambda path: raw.PrintV2(input="text", output_stream=f"file://{path}"),
    "FIFOQueueV2": queue,
    "IteratorV2": lambda path: raw.IteratorGetNext(
        iterator=raw.IteratorV2(shared_name="", container="", output_types=[tf.float32], output_shapes=[[]]),
        output_types=[tf.float32],
        output_shapes=[[]],
    ),
    "TensorSliceDataset": lambda path: raw.TensorSliceDataset(components=[tf.zeros([3])], output_shapes=[[]]),
    "CollectiveReduce": lambda path: raw.CollectiveReduce(
        input=tf.zeros([3]),
        group_size=2,
        group_key=1,
        instance_key=1,
        merge_op="Add",
        final_op="Id",
        subdiv_offsets=[0],
    ),
    "Abort": lambda path: raw.Abort(error_msg="ended"),
    "WriteFile in a function": in_function,
    "ReadFile in a branch": in_branch,
}


def frozen(hostile):
    """A batch norm that can be folded, whose outputs wait for an op."""
    with tf.Graph().as_default() as graph:
        x = tf1.placeholder(tf.float32, [None, 6, 6, 3], name="images")
        ones = np.ones(4, np.float32)
        x = tf.nn.conv2d(x, np.random.RandomState(0).normal(0.5, 1.0, [3, 3, 3, 4]).astype(np.float32), 1, "SAME")
        x = raw.FusedBatchNormV3(x=x, scale=2 * ones, offset=ones, mean=ones, variance=ones, is_training=False)[0]
        op = hostile()
        with tf.control_dependencies([] if op is None else tf.nest.flatten(op)):
            tf.identity(x, name="outputs")
    return graph.as_graph_def()


@pytest.mark.parametrize("kind", HOSTILE)
def test_refused(kind, tmp_path):
    """By the op's type, before anything is run; without a comparison the graph is folded."""
    path = str(tmp_path / "touched")
    graph_def = frozen(lambda: HOSTILE[kind](path))
    text = (
        rf"^graph_def: expected a graph that only computes, .*\({kind.split()[0]}\).* verify=False \(--no-verify\)\.$"
    )
    with pytest.raises(ValueError, match=text):
        fold_graph(graph_def, ["outputs"])
    folded = fold_graph(graph_def, ["outputs"], verify=False)
    assert len(folded.folded) == 1
    assert folded.difference is None
    assert str(folded).endswith("Outputs were not compared.")
    assert list(tmp_path.iterdir()) == []


def test_what_only_computes_is_run(tmp_path):
    """Random numbers, loops with their stacks, conditionals and assertions have a state, and are no harm."""

    def ops():
        loop = tf1.while_loop(lambda i: i < 3, lambda i: i + tf.cast(tf.random.uniform([]), tf.int32) + 1, [0])
        branch = tf1.cond(tf1.placeholder_with_default(True, []), lambda: 1, lambda: 2)
        with tf.control_dependencies([tf1.assert_greater(branch, 0)]):
            return tf.group(loop, tf.identity(branch))

    assert fold_graph(frozen(ops), ["outputs"]).difference < 1e-5


def test_a_loop_without_an_end(monkeypatch):
    """Is given up after a time, with what to do."""
    monkeypatch.setattr(verify, "MAX_RUN_SECONDS", 1)
    graph_def = frozen(lambda: tf1.while_loop(lambda i: i >= 0, lambda i: i, [tf1.placeholder_with_default(1, [])]))
    with pytest.raises(ValueError, match=r"^graph_def: expected a graph that runs in 1 seconds, .*\(--no-verify\)\.$"):
        fold_graph(graph_def, ["outputs"])
    assert fold_graph(graph_def, ["outputs"], verify=False).folded


def test_unneeded_nodes_do_not_run(tmp_path):
    """Even where it is hostile."""
    graph_def = frozen(lambda: None)
    with tf.Graph().as_default() as graph:
        raw.WriteFile(filename=str(tmp_path / "touched"), contents="written", name="write")
    graph_def.node.extend(graph.as_graph_def().node)
    assert fold_graph(graph_def, ["outputs"]).difference < 1e-5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["empty", "cut", "no archive", "a byte changed", "pickled", "one array"])
def test_damaged_inputs(kind, tmp_path):
    """An error that names the file; a pickle is not read."""
    path, values = tmp_path / "inputs.npz", np.random.RandomState(1).normal(2.0, 1.0, [40])
    np.savez(path, images=values if kind != "pickled" else np.array([{}], dtype=object))
    whole = path.read_bytes()
    damaged = {"empty": b"", "cut": whole[:-30], "no archive": b"PK\3\4abc"}
    damaged["a byte changed"] = whole[:200] + bytes([whole[200] ^ 1]) + whole[201:]
    path.write_bytes(damaged.get(kind, whole))
    if kind == "one array":
        with path.open("wb") as file:
            np.save(file, values)
    with pytest.raises(
        ValueError, match=f"^{path}: expected arrays by name, as numpy.savez writes them, got a file that"
    ):
        read_inputs(path)


# Of the header of an array in an archive, with the way to compress it: each makes a parser of its own fail.
HEADERS = {
    "null": b"{'descr': '<f4\0', 'fortran_order': False, 'shape': (1,)}",
    "call": b"__import__('os').system('touch called')",
    "deep": b"(" * 3000 + b")" * 3000,
    "minus": b"-" * 9000 + b"1",
    "size": b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 4)}" % 2**60,
    "negative": b"{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 4)}",
    "shape": b"{'descr': '<f4', 'fortran_order': False, 'shape': (1.5,)}",
    "item": b"{'descr': ('<f4', (100000, 100000)), 'fortran_order': False, 'shape': (1,)}",
}


@pytest.mark.parametrize("kind", HEADERS)
def test_headers_of_arrays(kind, tmp_path):
    header = HEADERS[kind] + b"\n"
    with zipfile.ZipFile(tmp_path / "inputs.npz", "w") as file:
        file.writestr("images.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(400))
    with pytest.raises(ValueError, match=r"npz: expected arrays by name, .* cannot be read: .*[^.]\.$"):
        read_inputs(tmp_path / "inputs.npz")
    assert os.listdir(tmp_path) == ["inputs.npz"]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_inputs_that_are_compressed(method, tmp_path):
    with zipfile.ZipFile(tmp_path / "inputs.npz", "w", method) as file:
        file.writestr("images.npy", RANDOM.bytes(4000))
    content = bytearray((tmp_path / "inputs.npz").read_bytes())
    content[44:104] = bytes(60)
    (tmp_path / "inputs.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"inputs\.npz: expected arrays by name, .* cannot be read: "):
        read_inputs(tmp_path / "inputs.npz")


@pytest.mark.parametrize("head", [b"\x80\x04K\x01.", b"P", b""])
def test_no_advice_to_trust_a_pickle(head, tmp_path):
    """NumPy takes what it does not know for one, and says how it is read."""
    (tmp_path / "inputs.npz").write_bytes(head)
    with pytest.raises(ValueError, match="cannot be read: it is no archive\\.$"):
        read_inputs(tmp_path / "inputs.npz")


def test_inputs_that_unpack_to_too_much(tmp_path, monkeypatch):
    """A small archive of many zeros is refused by its directory, before anything is unpacked."""
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros(10**6))
    assert read_inputs(tmp_path / "bomb.npz")["x"].size == 10**6
    monkeypatch.setattr(verify, "MAX_INPUT_BYTES", 10**6)
    assert (tmp_path / "bomb.npz").stat().st_size < 10**5
    with pytest.raises(ValueError, match="its arrays are 8,000,128 bytes unpacked, more than the limit of 1,000,000"):
        read_inputs(tmp_path / "bomb.npz")


def test_inputs_that_would_be_too_large():
    graph_def = frozen(lambda: None)
    images = next(node for node in graph_def.node if node.op == "Placeholder")
    images.attr["shape"].shape.dim[1].size = 2**30
    with pytest.raises(ValueError, match=r"inputs: .* random ones of [\d,]+ bytes are more than the limit"):
        fold_graph(graph_def)
