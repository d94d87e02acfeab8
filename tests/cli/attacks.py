"""Files that try to break their readers, small ones: `python -m tests.cli.attacks FOLDER` makes them."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tests.fold.test_hostile import frozen
from tests.graph.regimes import graph
from tfbn import _tensorflow, table_file

tf1 = tf.compat.v1


def recursive_function(path: Path) -> None:
    """A function that calls itself."""
    graph_def = _calling(path)
    body = graph_def.library.function[0]
    call = next(node for node in graph_def.node if node.op == "PartitionedCall")
    inner = body.node_def.add()
    inner.CopyFrom(call)
    inner.name = "again"
    inner.input[:] = [body.signature.input_arg[0].name]
    body.ret[body.signature.output_arg[0].name] = "again:output:0"
    path.write_bytes(graph_def.SerializeToString())


def _calling(path: Path) -> tf1.GraphDef:
    with graph(True, True) as opened:
        x = tf1.placeholder(tf.float32, [2, 3], name="images")
        tf.identity(tf.function(tf.nn.relu)(x), name="outputs")
        return opened.as_graph_def()


def cycle(path: Path) -> None:
    """Ops that take each other's outputs."""
    graph_def = frozen(lambda: None)
    nodes = {node.name: node for node in graph_def.node}
    nodes["outputs"].op, nodes["outputs"].attr["T"].type = "Identity", tf.float32.as_datatype_enum
    first = next(node for node in graph_def.node if node.op == "Conv2D")
    first.input[0] = "outputs"
    path.write_bytes(graph_def.SerializeToString())


def constant_of_terabytes(path: Path) -> None:
    """A shape without the bytes for it: one value stands for all of them."""
    graph_def = frozen(lambda: None)
    tensor = next(node for node in graph_def.node if node.op == "Const").attr["value"].tensor
    tensor.tensor_content = b""
    tensor.float_val[:] = [1.0]
    tensor.tensor_shape.dim[0].size = 2**40
    path.write_bytes(graph_def.SerializeToString())


def constant_variant(path: Path) -> None:
    graph_def = frozen(lambda: None)
    tensor = next(node for node in graph_def.node if node.op == "Const").attr["value"].tensor
    tensor.dtype = tf.variant.as_datatype_enum
    path.write_bytes(graph_def.SerializeToString())


def long_chain(path: Path) -> None:
    """More ops in a row than Python has frames."""
    with tf.Graph().as_default() as opened:
        x = tf1.placeholder(tf.float32, [2, 3], name="images")
        for _ in range(3000):
            x = tf.raw_ops.Identity(input=x)
        tf.identity(x, name="outputs")
    path.write_bytes(opened.as_graph_def().SerializeToString())


def writes(path: Path) -> None:
    """Writes a file when it is run."""
    path.write_bytes(frozen(lambda: tf.raw_ops.WriteFile(filename="written", contents="")).SerializeToString())


def deep_text(path: Path) -> None:
    """Messages within messages."""
    path.write_text("node { attr { key: 'a' value { " + "func { attr { key: 'a' value { " * 5000)


def deep_python(path: Path) -> None:
    path.write_text("from tensorflow.contrib.layers import batch_norm\nx = " + "(" * 5000 + ")" * 5000 + "\n")


def long_sum(path: Path) -> None:
    path.write_text("from tensorflow.contrib.layers import batch_norm\nx = " + " + ".join("x" * 5000) + "\n")


def deep_json(path: Path) -> None:
    path.write_text('{"cells": ' + "[" * 100_000 + '"tensorflow.contrib"')


def no_text(path: Path) -> None:
    path.write_bytes(b"# coding: utf-7\nimport tensorflow.contrib as c\x00\xff\xfe")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def pickle(path: Path) -> None:
    """Runs code when it is unpickled."""

    class Touch:
        def __reduce__(self) -> tuple:
            return Path.touch, (path.with_name("written"),)

    np.savez(path, images=np.array([Touch()], dtype=object))


def state_that_leads_out(path: Path) -> None:
    """A folder whose latest checkpoint is elsewhere."""
    path.mkdir()
    (path / "checkpoint").write_text('model_checkpoint_path: "/etc/passwd"\nall_model_checkpoint_paths: "../../x"\n')


def entries_twice(path: Path) -> None:
    """The index of a checkpoint in which a reader finds, or does not find, a second entry that is no entry at all."""
    odd_entry(lambda entry: setattr(entry, "dtype", 0))(path)
    odd = table_file.read(path.read_bytes())
    odd_entry(lambda entry: None)(path)
    right = table_file.read(path.read_bytes())
    name = b"bn/moving_mean"
    block = table_file._entries_block(sorted([*right.items(), (name, odd[name])], key=lambda item: item[0]))
    path.write_bytes(table_of(block))


def compressed(path: Path) -> None:
    """The index of a checkpoint as Snappy compresses it, which TensorFlow reads and does not write."""
    odd_entry(lambda entry: setattr(entry, "dtype", 0))(path)
    block = table_file._entries_block(sorted(table_file.read(path.read_bytes()).items()))
    parts = [block[start : start + 60] for start in range(0, len(block), 60)]
    literals = b"".join(bytes([len(part) - 1 << 2]) + part for part in parts)
    path.write_bytes(table_of(table_file._encode_varint(len(block)) + literals, b"\x01"))


def control_characters(path: Path) -> None:
    """Names that clear the line, and turn around what follows."""
    names = [f"bn\x1b[2K\r\u202e/{name}" for name in ("moving_mean", "moving_variance")]
    values = [tf.constant([0.5, -1.0]), tf.constant([0.5, 2.0])]
    prefix = str(path.with_suffix(""))
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=["", ""], tensors=values)


def table_of(block: bytes, kind: bytes = b"\x00") -> bytes:
    """A table of one block, as it is; of the `kind` 1 it is compressed."""
    handle = table_file._encode_varint(0) + table_file._encode_varint(len(block))
    content = bytearray(block + kind + struct.pack("<I", table_file.masked_crc32c(block + kind)))
    metadata = table_file._append(content, table_file._entries_block([]))
    blocks = table_file._append(content, table_file._entries_block([(b"\xff", handle)]))
    return bytes(content) + (metadata + blocks).ljust(40, b"\x00") + table_file._MAGIC


def odd_variables(path: Path) -> None:
    """A SavedModel whose variables have an index that ends TensorFlow's reader."""
    with graph(True, True), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [2, 3], name="images")
        outputs = tf.identity(x * tf1.get_variable("bn/moving_mean", initializer=tf.ones([3])), name="outputs")
        session.run(tf1.global_variables_initializer())
        tf1.saved_model.simple_save(session, str(path), {"images": x}, {"outputs": outputs})
    odd_entry(lambda entry: setattr(entry, "dtype", 0))(path / "variables" / "variables.index")


def garbled_state(path: Path) -> None:
    path.mkdir()
    (path / "checkpoint").write_bytes(b"\xff\xfe\x00")


def pipe(name: str) -> Callable[[Path], None]:
    """Makes a whole checkpoint in a folder, but for this file, which nothing is ever written to."""

    def write(path: Path) -> None:
        path.mkdir()
        odd_entry(lambda entry: None)(path / "model.index")
        (path / "checkpoint").write_text('model_checkpoint_path: "model"\n')
        (path / name).unlink()
        os.mkfifo(path / name)

    return write


def odd_entry(change: Callable[[Any], object]) -> Callable[[Path], None]:
    """Makes the index of a checkpoint, with right checksums, in which something else is wrong with a variable."""

    def write(path: Path) -> None:
        tensors = [tf.zeros([3]), tf.ones([3])]
        names = ["bn/moving_mean", "bn/moving_variance"]
        prefix = str(path.with_suffix(""))
        tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=["", ""], tensors=tensors)
        table = table_file.read(path.read_bytes())
        entry = _tensorflow.bundle_types()[1].FromString(table[names[0].encode()])
        change(entry)
        path.write_bytes(table_file.build({**table, names[0].encode(): entry.SerializeToString()}))

    return write


FOLD, EXPORT, MIGRATE = "fold {} out.pb", "export {} out.pb --outputs outputs", "migrate --write {}"
READ = ["checkpoint list {} --rename a=b", "checkpoint diagnose {}"]  # without a rename, of its index alone
NO_PIPE = "expected a file or a folder, got a pipe"
NO_FILE = "there is no such file"
# Each file by its name, with what is done with it and what is said then: None where all is well.
ATTACKS: dict[str, tuple[Callable[[Path], None], dict[str, str | None]]] = {
    "recursive.pb": (recursive_function, dict.fromkeys([EXPORT, FOLD], r"functions call themselves: __inference_relu")),
    "cycle.pb": (cycle, dict.fromkeys([EXPORT, FOLD], r"expected a graph that .*import.*: 3 nodes in a cycle")),
    "terabytes.pb": (
        constant_of_terabytes,
        dict.fromkeys([EXPORT, FOLD, f"{FOLD} --no-verify"], r"the constant \S+ of [\d,]+ bytes, more than the limit"),
    ),
    "variant.pb": (constant_variant, dict.fromkeys([EXPORT, FOLD], "with the constant .* of the dtype variant")),
    "chain.pb": (long_chain, {EXPORT: None, FOLD: None}),
    "writes.pb": (writes, {FOLD: r"\(WriteFile\).*--no-verify", f"{FOLD} --no-verify": None, EXPORT: None}),
    "deep.pbtxt": (deep_text, dict.fromkeys([EXPORT, FOLD], "expected a GraphDef, got something else")),
    "deep.py": (deep_python, {MIGRATE: "nested too deeply to be followed"}),
    "sum.py": (long_sum, {MIGRATE: "nested too deeply to be followed"}),
    "deep.ipynb": (deep_json, {MIGRATE: "not a notebook that can be read"}),
    "text.py": (no_text, {MIGRATE: "line 2: not utf-7"}),
    "itself.py": (link_to_itself, {MIGRATE: "a symbolic link that leads back to itself"}),
    "itself.pb": (link_to_itself, {EXPORT: NO_FILE, FOLD: "Too many levels of symbolic links"}),
    "itself.h5": (link_to_itself, dict.fromkeys(["checkpoint list {}", "checkpoint diagnose {}"], NO_FILE)),
    "dtype.index": (odd_entry(lambda entry: setattr(entry, "dtype", 0)), dict.fromkeys(READ, "its dtype is number 0")),
    "variant.index": (
        odd_entry(lambda entry: setattr(entry, "dtype", tf.variant.as_datatype_enum)),
        {"checkpoint diagnose {}": "bn/moving_mean of the dtype variant"},
    ),
    "shape.index": (
        odd_entry(lambda entry: entry.shape.dim.add(size=-3)),
        dict.fromkeys(READ, r"its shape is \[3, -3\]"),
    ),
    "size.index": (
        odd_entry(lambda entry: entry.shape.dim.add(size=2**62)),
        dict.fromkeys(READ, r"it has more than 2\*\*63 bytes"),
    ),
    "twice.index": (entries_twice, dict.fromkeys(READ, "its keys are not in order")),
    "compressed.index": (compressed, dict.fromkeys(READ, "a block is compressed")),
    "variables": (odd_variables, dict.fromkeys([EXPORT, *READ], "its dtype is number 0")),
    "control.index": (control_characters, dict.fromkeys(READ)),
    "pickle.npz": (pickle, {"fold chain.pb out.pb --inputs {}": "Object arrays cannot be loaded"}),
    "garbled": (garbled_state, dict.fromkeys([*READ, EXPORT], "checkpoint: expected a file in which TensorFlow notes")),
    "pipe_state": (pipe("checkpoint"), dict.fromkeys([*READ, EXPORT], NO_PIPE)),
    "pipe_index": (pipe("model.index"), dict.fromkeys(READ, NO_PIPE)),
    "pipe_data": (pipe("model.data-00000-of-00001"), dict.fromkeys(READ, NO_PIPE)),
    "leads_out": (
        state_that_leads_out,
        {
            **dict.fromkeys(["checkpoint list {}", "checkpoint diagnose {}"], "names /etc/passwd, which is outside"),
            EXPORT: "It has neither",
        },
    ),
}


def make(folder: Path) -> None:
    for name, (write, _) in ATTACKS.items():
        write(folder / name)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
