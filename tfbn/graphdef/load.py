"""Graphs in files: MetaGraphs, GraphDefs and SavedModels."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf
from google.protobuf.message import DecodeError

from tfbn import _tensorflow, bundle_index
from tfbn.graphdef.messages import reason
from tfbn.graphdef.outside import reaching_outside
from tfbn.graphdef.whole import check_whole
from tfbn.paths import check_is_file_or_folder

tf1 = tf.compat.v1

# Restoring variables and filling vocabulary tables, which is what loading a SavedModel is for.
_LOADING_OPS = (
    *("RestoreV2", "Variable", "VariableV2", "Assign", "VarHandleOp", "AssignVariableOp", "ReadVariableOp"),
    *("VarIsInitializedOp", "HashTable", "HashTableV2", "MutableHashTable", "MutableHashTableV2"),
    *("LookupTableImport", "LookupTableImportV2", "InitializeTable", "InitializeTableV2"),
    *("InitializeTableFromTextFile", "InitializeTableFromTextFileV2"),
)
# The errors of TensorFlow for damaged MetaGraphs, including those for messages in their collections.
IMPORT_ERRORS = (ValueError, IndexError, KeyError, TypeError, RuntimeError, OSError, tf.errors.OpError, DecodeError)
_INIT_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")
_INIT_SIGNATURE = "__saved_model_init_op"
_MAX_LISTED = 5
_SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")


class LoadedGraph(NamedTuple):
    """The arguments for `inference_graph` from a file."""

    source: Any
    checkpoint: str | None
    outputs: dict[str, str] | None  # of the signature: tensors by name
    inputs: dict[str, str] | None
    path: Path  # the file, or the SavedModel's directory


@contextmanager
def load(path: str | os.PathLike[str], tags: Sequence[str], checkpoint: str | None) -> Iterator[LoadedGraph]:
    """Loads a file or the directory of a SavedModel; of a folder of checkpoints, the latest one with its graph.

    Raises:
      FileNotFoundError: the path does not exist.
      ValueError: it is none of these, or a SavedModel that would do more than restore variables and tables when it is
        loaded.
    """
    file = Path(path)
    if not file.exists():
        meta = f"{os.fspath(path)}.meta"
        hint = f"; its graph is in {meta}, give that" if Path(meta).exists() else ""
        raise FileNotFoundError(errno.ENOENT, f"there is no such file or directory{hint}", os.fspath(path))
    if checkpoint is not None and Path(checkpoint).is_dir():
        checkpoint = bundle_index.find_latest(checkpoint) or checkpoint
    if file.name in _SAVED_MODEL_FILES:
        file = file.parent
    elif file.is_dir() and not _is_saved_model(file):
        file = _find_meta_graph(file)
    if not file.is_dir():
        yield _read_file(file, checkpoint)
        return
    _check_loading_computes_only(file, tags)
    bundle_index.check(file / "variables" / "variables")
    with tf.Graph().as_default(), tf1.Session() as session:
        try:
            meta_graph = tf1.saved_model.load(session, list(tags), os.fspath(file))
        except IMPORT_ERRORS as error:
            raise ValueError(
                f"expected a SavedModel with the tags {list(tags)}, got {file}: {reason(error)}"
            ) from error
        signatures = meta_graph.signature_def
        signature = signatures.get(tf1.saved_model.signature_constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY)
        if signature is None:
            yield LoadedGraph(session, checkpoint, None, None, file)
        else:
            yield LoadedGraph(session, checkpoint, _names(signature.outputs), _names(signature.inputs), file)


def _is_saved_model(folder: Path) -> bool:
    return any((folder / name).exists() for name in _SAVED_MODEL_FILES)


def _find_meta_graph(folder: Path) -> Path:
    """The MetaGraph of the latest checkpoint in a folder, or the only one."""
    state = bundle_index.read_state(folder)
    # The folder may have been moved since, so only the name in its path counts.
    latest = folder / f"{Path(state.model_checkpoint_path).name}.meta" if state else None
    if latest is not None and latest.exists():
        return latest
    meta_graphs = sorted(folder.glob("*.meta"))
    if len(meta_graphs) == 1:
        return meta_graphs[0]
    others = [*meta_graphs, *(path for path in sorted(folder.iterdir()) if path.is_dir() and _is_saved_model(path))]
    hint = f"Give one of those in it: {', '.join(map(str, others[:_MAX_LISTED]))}." if others else "It has neither."
    raise ValueError(f"{folder}: expected a SavedModel, or a folder with a checkpoint and its MetaGraph. {hint}")


def _check_loading_computes_only(folder: Path, tags: Sequence[str]) -> None:
    """Loading runs ops of the file, to restore variables and to initialize: refuses any that do more."""
    for meta_graph in _meta_graphs(folder):
        if set(meta_graph.meta_info_def.tags) != set(tags):
            continue
        tensors = [meta_graph.saver_def.restore_op_name]
        tensors += [info.name for info in meta_graph.signature_def[_INIT_SIGNATURE].outputs.values()]
        for collection in _INIT_COLLECTIONS:
            tensors += meta_graph.collection_def[collection].node_list.value
        ops = [name.partition(":")[0] for name in tensors]
        outside = reaching_outside(meta_graph.graph_def, ops, _LOADING_OPS)
        if outside:
            raise ValueError(
                f"expected a SavedModel that restores variables when it is loaded, got {folder}, which would run "
                f"{', '.join(outside[:5])} as well. Load it yourself if you trust it, and pass the session."
            )


def _meta_graphs(folder: Path) -> Iterable[Any]:
    for name in _SAVED_MODEL_FILES:
        if (folder / name).exists():
            return read_message(folder / name, _tensorflow.saved_model_type()).meta_graphs
    return ()


def _names(tensors: Any) -> dict[str, str]:
    return {key: info.name for key, info in sorted(tensors.items())}


def _read_file(path: Path, checkpoint: str | None) -> LoadedGraph:
    kind = tf1.MetaGraphDef if path.suffix == ".meta" else tf1.GraphDef
    message = read_message(path, kind)
    prefix = path.with_suffix("")  # of the checkpoint that a Saver writes with a MetaGraph
    if checkpoint is None and kind is tf1.MetaGraphDef and Path(f"{prefix}.index").exists():
        checkpoint = os.fspath(prefix)
    return LoadedGraph(message, checkpoint, None, None, path)


def serialize(message: Any, path: Path) -> bytes:
    """The message as bytes for a file of this name, as `read_message` reads them: as text for .pbtxt."""
    from google.protobuf import text_format

    if path.suffix == ".pbtxt":
        return text_format.MessageToString(message).encode("utf-8")
    return bytes(message.SerializeToString(deterministic=True))


def read_meta_graph(path: Path) -> Any:
    """The MetaGraphDef in a file.

    Raises:
      ValueError: the file holds something else, or a graph without ops; or it is a folder.
    """
    if path.is_dir():
        raise ValueError(f"{path}: expected the file of a MetaGraph (.meta), got a folder. Name the file in it.")
    meta_graph = read_message(path, tf1.MetaGraphDef)
    if not meta_graph.graph_def.node:
        raise ValueError(f"{path}: expected a MetaGraph (.meta), got one without ops.")
    return meta_graph


def read_message(path: Path, kind: type) -> Any:
    """The protocol buffer in a file: as text where its name ends in .pbtxt, and in binary otherwise.

    Raises:
      ValueError: the file holds something else, or a graph that is not whole.
    """
    from google.protobuf import text_format

    check_is_file_or_folder(path)
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
    for graph_def in _graph_defs(message):
        try:
            check_whole(graph_def)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return message


def _graph_defs(message: Any) -> list[Any]:
    if isinstance(message, tf1.GraphDef):
        return [message]
    meta_graphs = [message] if isinstance(message, tf1.MetaGraphDef) else message.meta_graphs
    return [meta_graph.graph_def for meta_graph in meta_graphs]
