"""Graphs in files: MetaGraphs, GraphDefs and SavedModels."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

tf1 = tf.compat.v1


class LoadedGraph(NamedTuple):
    """What `inference_graph` takes of a file."""

    source: Any
    checkpoint: str | None
    outputs: dict[str, str] | None  # of the signature: tensors by name
    inputs: dict[str, str] | None


@contextmanager
def load(path: str | os.PathLike[str], tags: Sequence[str], checkpoint: str | None) -> Iterator[LoadedGraph]:
    """Loads what is in a file or a SavedModel's directory.

    Raises:
      FileNotFoundError: nothing is there.
      ValueError: it is none of these.
    """
    file = Path(path)
    if not file.exists():
        meta = f"{os.fspath(path)}.meta"
        hint = f"; its graph is in {meta}, give that" if Path(meta).exists() else ""
        raise FileNotFoundError(errno.ENOENT, f"there is no such file or directory{hint}", os.fspath(path))
    if checkpoint is not None and Path(checkpoint).is_dir():
        checkpoint = tf.train.latest_checkpoint(checkpoint) or checkpoint
    if not file.is_dir():
        yield _read_file(file, checkpoint)
        return
    with tf.Graph().as_default(), tf1.Session() as session:
        try:
            meta_graph = tf1.saved_model.load(session, list(tags), os.fspath(file))
        except (RuntimeError, OSError, tf.errors.OpError) as error:
            raise ValueError(f"expected a SavedModel with the tags {list(tags)}, got {file}: {error}") from error
        signatures = meta_graph.signature_def
        signature = signatures.get(tf1.saved_model.signature_constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY)
        if signature is None:
            yield LoadedGraph(session, checkpoint, None, None)
        else:
            yield LoadedGraph(session, checkpoint, _names(signature.outputs), _names(signature.inputs))


def _names(tensors: Any) -> dict[str, str]:
    return {key: info.name for key, info in sorted(tensors.items())}


def _read_file(path: Path, checkpoint: str | None) -> LoadedGraph:
    kind = tf1.MetaGraphDef if path.suffix == ".meta" else tf1.GraphDef
    message = read_message(path, kind)
    prefix = path.with_suffix("")  # of the checkpoint that a Saver writes with a MetaGraph
    if checkpoint is None and kind is tf1.MetaGraphDef and Path(f"{prefix}.index").exists():
        checkpoint = os.fspath(prefix)
    return LoadedGraph(message, checkpoint, None, None)


def read_message(path: Path, kind: type) -> Any:
    """The protocol buffer in a file: as text where its name ends in .pbtxt, and in binary otherwise.

    Raises:
      ValueError: the file holds something else.
    """
    from google.protobuf import text_format

    message = kind()
    try:
        if path.suffix == ".pbtxt":
            text_format.Parse(path.read_text(encoding="utf-8"), message)
        else:
            message.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf has an exception for each of its implementations
        if isinstance(error, OSError):
            raise
        raise ValueError(f"{path}: expected a {kind.__name__}, got something else: {error}") from error
    return message
