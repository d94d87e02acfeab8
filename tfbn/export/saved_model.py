"""`saved_model`: a training graph as a SavedModel for inference."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn import files
from tfbn.export import preserve_names
from tfbn.export.freeze import dtype_of
from tfbn.export.freeze import variables as variables_of
from tfbn.export.inference_graph import InferenceGraph, inference_graph
from tfbn.export.never_updated import find_never_updated
from tfbn.export.source import Source, open_source
from tfbn.graphdef import recognize
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.messages import reason
from tfbn.graphdef.nodes import data_inputs, split_tensor, tensor_name
from tfbn.paths import check_is_utf8

tf1 = tf.compat.v1


def saved_model(
    directory: str | os.PathLike[str],
    source: Any,
    outputs: Any,
    *,
    inputs: Any = None,
    is_training: Any = None,
    variables: str = "freeze",
    checkpoint: str | os.PathLike[str] | None = None,
    keep_training: Iterable[str] = (),
    signature: str = "serving_default",
) -> InferenceGraph:
    """Writes the graph that a model was trained in as a SavedModel for inference.

    The graph is that of `inference_graph`, under the tag "serve" and with one signature, for tf.saved_model.load of
    TensorFlow 2 and for TensorFlow Serving. Kept variables are resource variables in it, under their names.

    Args:
      directory: where to write. It must not exist yet, and appears only when it is complete and on the disk. A link to
        an empty directory is followed.
      source: as in `inference_graph`.
      outputs: as in `inference_graph`, or a dict of these by their names in the signature. Default names: those of the
        ops, with underscores for slashes.
      inputs: the same for the inputs.
      is_training: as in `inference_graph`.
      variables: as in `inference_graph`.
      checkpoint: as in `inference_graph`.
      keep_training: as in `inference_graph`.
      signature: the key of the signature.

    Returns:
      What `inference_graph` returns.

    Raises:
      TrainingModeError: as `inference_graph`.
      ValueError: as `inference_graph`; or the directory already exists, is the current one or a mount, or is not UTF-8.
      FileExistsError: the directory appeared meanwhile.
      OSError: it cannot be written.

    Example:
      >>> import os, tempfile, tensorflow.compat.v1 as tf1, tfbn
      >>> directory = os.path.join(tempfile.mkdtemp(), "model")
      >>> with tf1.Graph().as_default(), tf1.Session() as session:
      ...     images = tf1.placeholder(tf1.float32, [None, 8, 8, 3], name="images")
      ...     outputs = tfbn.batch_norm(images, is_training=tf1.placeholder(tf1.bool, []))
      ...     session.run(tf1.global_variables_initializer())
      ...     _ = tfbn.export.saved_model(directory, session, {"normalized": outputs})
      >>> sorted(os.listdir(directory))
      ['saved_model.pb', 'variables']
    """
    check_is_utf8(directory)
    with files.new_directory(directory) as partial:
        exported = inference_graph(
            source,
            _distinct(outputs, "outputs"),
            inputs=_distinct(inputs, "inputs"),
            is_training=is_training,
            variables=variables,
            checkpoint=checkpoint,
            keep_training=keep_training,
        )
        opened = open_source(source, checkpoint)
        kept = {} if variables == "freeze" else opened.values(opened.graph_def, list(exported.report.kept))
        if kept:
            exported = _with_warnings(exported, kept, opened)
        with tf.Graph().as_default() as graph:
            created = _load(exported.graph_def, kept)
            with tf1.Session() as session:
                session.run([variable.initializer for variable in created], _initial(created, kept))
                signatures = {signature: _signature(graph, exported, inputs, outputs)}
                try:
                    builder = tf1.saved_model.Builder(os.fspath(partial))
                    builder.add_meta_graph_and_variables(session, [tf1.saved_model.tag_constants.SERVING], signatures)
                    builder.save()
                except tf.errors.OpError as error:  # such as of a full disk
                    raise OSError(f"{os.fspath(directory)} cannot be written: {reason(error)}") from error
    return exported


def _with_warnings(exported: InferenceGraph, values: dict[str, np.ndarray], source: Source) -> InferenceGraph:
    """Adds to the report the warnings that depend on the values of kept variables."""
    graph = Graph.from_graph_def(exported.graph_def)
    never_updated = find_never_updated(graph, recognize.recognize(graph), values, source.graph_def)
    return exported._replace(report=exported.report._replace(never_updated=tuple(never_updated)))


def _distinct(tensors: Any, argument: str) -> Any:
    """The distinct tensors of a dict, which may have one under several keys; anything else unchanged."""
    return list(dict.fromkeys(_by_key(tensors, argument).values())) if isinstance(tensors, Mapping) else tensors


def _by_key(tensors: Mapping[str, Any], argument: str) -> dict[str, str]:
    names = {key: preserve_names.name_of(tensor, argument) for key, tensor in tensors.items()}
    return {key: name if ":" in name else f"{name}:0" for key, name in names.items()}


def _load(graph_def: Any, values: dict[str, np.ndarray]) -> list[Any]:
    """Imports the graph into the default one, with resource variables for its variables; returns these."""
    graph = Graph.from_graph_def(graph_def)
    created = {
        # A function, so that its ops are in the variable's name scope, apart from those of the graph.
        name: tf1.Variable(
            functools.partial(tf.zeros, values[name].shape, dtype_of(graph[name])),
            name=name,
            use_resource=True,
            trainable=False,
        )
        for name in variables_of(graph)
    }
    default = tf1.get_default_graph()
    present = {op.name for op in default.get_operations()}
    for name in created:
        if graph[name].op != "VarHandleOp":
            read = graph.add("ReadVariableOp", f"{name}/value", [(name, 0)], dtype=dtype_of(graph[name]))
            graph.select(graph.keys() - {read}).redirect({(name, 0): (read, 0)})
    # Variables create reads, some under the names of reads in the graph.
    needed = {source for node in graph.values() for source, _ in data_inputs(node)}
    tensors = [tensor_name((name, 0)) for name in graph if name in present and name in needed]
    mapped = {name: default.get_tensor_by_name(name) for name in tensors}
    tf.import_graph_def(graph.select(graph.keys() - present).to_graph_def(), input_map=mapped, name="")
    return list(created.values())


def _initial(variables: list[Any], values: dict[str, np.ndarray]) -> dict[Any, np.ndarray]:
    # Fed, because a constant would stay in the graph, in addition to the file with the variables.
    return {variable.initial_value: values[variable.op.name] for variable in variables}


def _signature(graph: tf.Graph, exported: InferenceGraph, inputs: Any, outputs: Any) -> Any:
    def by_key(given: Any, argument: str, tensors: tuple[str, ...]) -> dict[str, Any]:
        if isinstance(given, Mapping):
            by_name = dict(zip(_distinct(given, argument), tensors))
            keys = {key: by_name[name] for key, name in _by_key(given, argument).items()}
        else:
            keys = {}
            for name in tensors:
                other = keys.setdefault(_key(name), name)
                if other != name:
                    raise ValueError(
                        f"expected `{argument}` with names of their own in the signature, got {other} and {name}, both "
                        f"{_key(name)}. Give a dict of them by name."
                    )
        return {key: graph.get_tensor_by_name(name) for key, name in keys.items()}

    return tf1.saved_model.predict_signature_def(
        by_key(inputs, "inputs", exported.inputs), by_key(outputs, "outputs", exported.outputs)
    )


def _key(tensor: str) -> str:
    name, index = split_tensor(tensor)
    return name.replace("/", "_") + (f"_{index}" if index else "")
