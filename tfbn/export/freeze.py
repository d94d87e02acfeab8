"""Turns variables into constants under their names, and their reads into ops that take values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.graphdef.dataflow import Dataflow, source_of
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.nodes import become, become_constant, control_inputs, data_inputs, set_attr, set_inputs
from tfbn.graphdef.op_types import PASSING, VARIABLES, assigns


def variables(graph: Graph) -> list[str]:
    """The names of the ops that are variables."""
    return [name for name, node in graph.items() if node.op in VARIABLES]


def dtype_of(variable: Any) -> tf.DType:
    return tf.as_dtype(variable.attr["dtype"].type).base_dtype


def freeze(graph: Graph, values: Mapping[str, Any]) -> None:
    """Makes constants of the variables in `values`, whose keys are the names of the variables' ops.

    Raises:
      ValueError: an op takes a variable's handle that cannot take a value in its place.
    """
    # Find all sources before the first change: a read is a value, and looks like a handle once its op is an Identity.
    sources = {node.name: source_of(node.inputs[0]).name for node in Dataflow(graph).nodes.values() if node.inputs}
    for name, source in sources.items():
        if source in values:
            _take_value(graph, graph[name], graph[source])
    for name, value in values.items():
        become_constant(graph[name], np.asarray(value, dtype_of(graph[name]).as_numpy_dtype))


def _take_value(graph: Graph, node: Any, variable: Any) -> None:
    """Makes an op take the value of a variable in place of the variable."""
    dtype = dtype_of(variable)
    if node.op in PASSING:
        node.op = node.op[3:] if node.op.startswith("Ref") else node.op
        set_attr(node, "T", dtype)
    elif node.op == "ReadVariableOp":
        become(node, "Identity", T=dtype)
    elif node.op == "VariableShape":
        become(node, "Shape", T=dtype, out_type=tf.as_dtype(node.attr["out_type"].type or tf.int32.as_datatype_enum))
    elif node.op in ("VarIsInitializedOp", "IsVariableInitialized"):
        become_constant(node, True)
    elif node.op == "ResourceGatherNd":
        become(node, "GatherNd", Tparams=dtype, Tindices=tf.as_dtype(node.attr["Tindices"].type))
    elif node.op == "ResourceGather":
        indices, batch_dims = tf.as_dtype(node.attr["Tindices"].type), node.attr["batch_dims"].i
        # In a loop, an op without inputs would be outside of it.
        axis = graph.add_constant(f"{node.name}/axis", np.int32(batch_dims), [data_inputs(node)[0][0]])
        become(node, "GatherV2", Tparams=dtype, Tindices=indices, Taxis=tf.int32, batch_dims=batch_dims)
        set_inputs(node, [*data_inputs(node), (axis, 0)], control_inputs(node))
    elif variable.op == "VarHandleOp" and not assigns(node.op):
        raise ValueError(
            f"expected ops that read the variable {variable.name}, got {node.name}, a {node.op}, which takes its "
            'handle. Export with variables="keep".'
        )
