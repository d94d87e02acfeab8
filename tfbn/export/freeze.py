"""Variables turned into constants of their names, and what reads them into ops that take values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.graphdef.dataflow import PASSING
from tfbn.graphdef.nodes import Nodes, Tensor, control_inputs, data_inputs, set_attr, set_inputs, source_of
from tfbn.graphdef.recognize import VARIABLES, assigns


def variables(nodes: Nodes) -> list[str]:
    """The names of the ops that are variables."""
    return [name for name, node in nodes.items() if node.op in VARIABLES]


def dtype_of(variable: Any) -> tf.DType:
    return tf.as_dtype(variable.attr["dtype"].type).base_dtype


def freeze(nodes: Nodes, values: Mapping[str, Any]) -> None:
    """Makes constants of the variables in `values`. Those have the names of the variables' ops.

    Raises:
      ValueError: an op takes a variable's handle that cannot take a value in its place.
    """
    # All sources before the first change: a read handle is a value, and looks like a handle once its op is an Identity.
    sources = [(node, source_of(nodes, data_inputs(node)[0])) for node in nodes.values() if data_inputs(node)]
    for node, source in sources:
        if source in values:
            _take_value(nodes, node, nodes[source])
    for name, value in values.items():
        constant(nodes[name], np.asarray(value, dtype_of(nodes[name]).as_numpy_dtype))


def constant(node: Any, value: Any) -> None:
    """Makes a constant of an op."""
    set_inputs(node, [], [])
    node.op = "Const"
    node.attr.clear()
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    node.attr["dtype"].type = node.attr["value"].tensor.dtype


def _take_value(nodes: Nodes, node: Any, variable: Any) -> None:
    """Lets an op take the value of a variable where it took the variable."""
    dtype = dtype_of(variable)
    if node.op in PASSING:
        node.op = node.op[3:] if node.op.startswith("Ref") else node.op
        set_attr(node, "T", dtype)
    elif node.op == "ReadVariableOp":
        _become(node, "Identity", T=dtype)
    elif node.op == "VariableShape":
        _become(node, "Shape", T=dtype, out_type=tf.as_dtype(node.attr["out_type"].type or tf.int32.as_datatype_enum))
    elif node.op in ("VarIsInitializedOp", "IsVariableInitialized"):
        constant(node, True)
    elif node.op == "ResourceGatherNd":
        _become(node, "GatherNd", Tparams=dtype, Tindices=tf.as_dtype(node.attr["Tindices"].type))
    elif node.op == "ResourceGather":
        axis = tf.compat.v1.NodeDef(name=f"{node.name}/axis")
        indices, batch_dims = tf.as_dtype(node.attr["Tindices"].type), node.attr["batch_dims"].i
        constant(axis, np.int32(batch_dims))
        axis.input.append(f"^{data_inputs(node)[0][0]}")  # in a loop, what takes nothing would be outside of it
        nodes[axis.name] = axis
        _become(node, "GatherV2", Tparams=dtype, Tindices=indices, Taxis=tf.int32, batch_dims=batch_dims)
        inputs: list[Tensor] = [*data_inputs(node), (axis.name, 0)]
        set_inputs(node, inputs, control_inputs(node))
    elif variable.op == "VarHandleOp" and not assigns(node.op):
        raise ValueError(
            f"expected ops that read the variable {variable.name}, got {node.name}, a {node.op}, which takes its "
            'handle. Export with variables="keep".'
        )


def _become(node: Any, op: str, **attrs: Any) -> None:
    node.op = op
    node.attr.clear()
    for key, value in attrs.items():
        set_attr(node, key, value)
