"""`list_layers`: the batch norm layers of a graph, as a table."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbn.graph import registry
from tfbn.graph.variables import full_name, parts
from tfbn.graphdef import recognize, short_names
from tfbn.graphdef.collector import collector_paused
from tfbn.tables import format_table
from tfbn.training.holders import find_holders, is_inline

SHOWN = ("beta", "gamma", "moving_mean", "moving_variance")


class Layer(NamedTuple):
    """One layer: a set of variables, by however many calls it is used.

    A variable is what a Saver takes, a list of its parts where it is partitioned, and None where the layer has none. In
    a graph imported without collections it is the tensor of the variable's op, in a frozen one the constant.
    """

    scope: str  # of the variables
    path: str  # which of the original's paths; '' for a layer that this tfbn has not built
    estimator: str  # of the variance that moving_variance follows: 'unbiased', 'biased', or '' where it follows none
    dtype: str  # of the inputs; of the arithmetic, where only composed ops are known
    param_dtype: str  # of the moving statistics
    mode: str  # 'training', 'inference', 'dynamic': is_training is decided by each run; several where calls differ
    updates: str  # the collections that hold them, 'inline', 'nowhere', or '' where there are none
    beta: Any
    gamma: Any
    moving_mean: Any
    moving_variance: Any
    arrays: dict[str, np.ndarray]  # the values of the four by name, where a session was given


class Layers(list):
    """A list of `Layer`, printed as a table."""

    COLUMNS = ("scope", "path", "mode", "updates", "estimator", "dtype", "param_dtype")

    def __str__(self) -> str:
        header = (*self.COLUMNS, "variables")
        rows = [
            [
                *(getattr(layer, column) or "-" for column in self.COLUMNS),
                ", ".join(name for name in SHOWN if getattr(layer, name) is not None),
            ]
            for layer in self
        ]
        return format_table([header, *rows])

    __repr__ = __str__


@collector_paused
def list_layers(graph: tf.Graph | None = None, session: Any = None) -> Layers:
    """Lists the batch norm layers of a graph, no matter what built them.

    Layers that tfbn built in this process are listed from its records. Others (of an imported MetaGraph or GraphDef, of
    tf.layers, of Keras in graph mode, written by hand) are recognized by their ops, whatever their variables are
    called: a layer normalizes by a mean and a variance per channel that are variables, or are averaged in variables.
    Nothing is added to the graph.

    Args:
      graph: the graph. Default: the session's, or the default graph.
      session: a session whose variables have values, for `arrays` of the layers.

    Returns:
      A list with a record for each layer, in the order of building; `print` shows it as a table. The fields: scope,
      path, estimator ('unbiased', 'biased'), dtype and param_dtype, mode ('training', 'inference', 'dynamic'), updates
      (the collections that hold them, or 'inline', 'nowhere'), the variables beta, gamma, moving_mean and
      moving_variance, and arrays, a dict of the same four names.

    Example:
      >>> import tensorflow.compat.v1 as tf1, tfbn
      >>> with tf1.Graph().as_default():
      ...     images = tf1.placeholder(tf1.float32, [None, 8, 8, 3])
      ...     _ = tfbn.batch_norm(images, scope="first")
      ...     _ = tfbn.batch_norm(images, scope="second", is_training=False)
      ...     print(tfbn.list_layers())
      scope   path        mode       updates     estimator  dtype    param_dtype  variables
      first   core-fused  training   update_ops  unbiased   float32  float32      beta, moving_mean, moving_variance
      second  core-fused  inference  -           -          float32  float32      beta, moving_mean, moving_variance
    """
    graph = graph or (session.graph if session is not None else tf.compat.v1.get_default_graph())
    called: dict[str, list[registry.Call]] = {}
    for call in registry.calls_of(graph):
        called.setdefault(full_name(call.variables["moving_mean"]).rpartition("/")[0], []).append(call)
    listed = [_from_calls(scope, calls) for scope, calls in called.items()]
    recognized = recognize.recognize(graph.as_graph_def())
    holders = find_holders(recognized, graph)
    listed += [
        _from_ops(layer, recognized, holders, graph)
        for scope, layer in recognized.layers.items()
        if scope not in called and layer.normalizations
    ]
    if session is not None:
        listed = [layer._replace(arrays=_arrays(layer, graph, session)) for layer in listed]
    return Layers(listed)


def _from_calls(scope: str, calls: list[registry.Call]) -> Layer:
    modes = {True: "training", False: "inference"}
    updating = [call for call in calls if call.updates]
    return Layer(
        scope,
        path=_join_distinct(call.settings.path.name for call in calls),
        estimator=_join_distinct("unbiased" if call.settings.path.fused else "biased" for call in updating),
        dtype=_join_distinct(call.inputs.dtype.name for call in calls),
        param_dtype=calls[0].variables["moving_mean"].dtype.base_dtype.name,
        mode=_join_distinct(modes.get(call.is_training, "dynamic") if _static(call) else "dynamic" for call in calls),
        updates=_join_distinct(_destination_of_updates(call) for call in updating),
        **{name: _variable_or_parts(calls[0].variables[name]) for name in SHOWN},
        arrays={},
    )


def _static(call: registry.Call) -> bool:
    return isinstance(call.is_training, bool)


def _destination_of_updates(call: registry.Call) -> str:
    return "inline" if call.collections is None else ", ".join(map(str, call.collections)) or "nowhere"


def _join_distinct(values: Any) -> str:
    return ", ".join(dict.fromkeys(values))


def _variable_or_parts(variable: Any) -> Any:
    if variable is None:
        return None
    variables = parts(variable)
    return variables[0] if len(variables) == 1 else variables


def _from_ops(
    layer: recognize.Layer, recognized: recognize.Recognized, holders: dict[Any, list[str]], graph: tf.Graph
) -> Layer:
    by_name = {
        full_name(variable): variable for variable in graph.get_collection(tf.compat.v1.GraphKeys.GLOBAL_VARIABLES)
    }
    variables: dict[str, Any] = {}
    for name in SHOWN:
        nodes = layer.variables.get(name, [])
        tensors = [by_name.get(node.name, graph.get_tensor_by_name(f"{node.name}:0")) for node in nodes]
        variables[name] = None if not tensors else tensors[0] if len(tensors) == 1 else tensors
    statistic = next(nodes[0] for name, nodes in layer.variables.items() if name in short_names.STATISTICS)
    updates = [update.node for update in layer.updates if update.statistic in short_names.STATISTICS]
    return Layer(
        layer.scope,
        path="",
        estimator=layer.estimator,
        dtype=_join_distinct(_inputs_dtype(normalization.node) for normalization in layer.normalizations),
        param_dtype=_dtype(statistic, "dtype"),
        mode=_join_distinct(layer.modes),
        updates=_join_distinct(
            name
            for node in updates
            for name in holders.get(node, ["inline" if is_inline(node, recognized) else "nowhere"])
        ),
        **variables,
        arrays={},
    )


def _inputs_dtype(normalization: Any) -> str:
    return _dtype(normalization, "T")


def _dtype(node: Any, attr: str) -> str:
    return tf.as_dtype(node.attr[attr].type).base_dtype.name if attr in node.attr else ""


def _arrays(layer: Layer, graph: tf.Graph, session: Any) -> dict[str, np.ndarray]:
    variables = {name: getattr(layer, name) for name in SHOWN}
    readable = {
        name: [_readable(part, graph) for part in (variable if isinstance(variable, list) else [variable])]
        for name, variable in variables.items()
        if variable is not None
    }
    return {name: np.concatenate(values) for name, values in session.run(readable).items()}


def _readable(variable: Any, graph: tf.Graph) -> Any:
    """What Session.run can fetch for it; a handle's value is read by the op created with it."""
    if isinstance(variable, tf.Tensor) and variable.dtype == tf.resource:
        return graph.get_tensor_by_name(f"{variable.op.name}/Read/ReadVariableOp:0")
    return variable
