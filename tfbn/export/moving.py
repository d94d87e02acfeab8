"""Reads moving statistics where a layer used those of the batch."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfbn.export.freeze import dtype_of
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.nodes import Tensor


class Moving(NamedTuple):
    """A moving statistic that an update assigns."""

    variable: str  # the name of its op
    handle: Tensor  # or the reference, as the update takes it


def read_moving(graph: Graph, moving: Moving, dtype: tf.DType) -> Tensor:
    """Adds a read of the statistic, in this dtype."""
    variable = graph[moving.variable]
    variable_dtype = dtype_of(variable)
    if variable.op == "VarHandleOp":
        read = graph.add("ReadVariableOp", f"{variable.name}/inference", [moving.handle], dtype=variable_dtype)
    else:
        read = graph.add("Identity", f"{variable.name}/inference", [moving.handle], T=variable_dtype)
    if variable_dtype != dtype:
        read = graph.add("Cast", f"{read}/cast", [(read, 0)], SrcT=variable_dtype, DstT=dtype)
    return read, 0
