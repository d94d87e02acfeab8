"""The calls of the front ends, recorded with their graph."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.core.settings import Settings
from tfbn.graph.variables import Variables


class Call(NamedTuple):
    """One call of a layer; calls that share variables are several."""

    scope: str  # of the variables
    variables: Variables
    settings: Settings
    inputs: tf.Tensor
    outputs: tf.Tensor  # before activation_fn
    is_training: Any  # a bool, or a tensor that each run evaluates
    updates: tuple[Any, ...]  # operations or tensors as a collection has them; empty where nothing is updated
    collections: tuple[str, ...] | None  # that got the updates; None where the outputs wait for them
    statistics_frozen: bool = False  # by update_statistics=False
    weights: tuple[Any, Any] = (None, None)  # batch_weights and mask


def record(call: Call) -> None:
    """Records the call with the default graph; one in a branch or loop body with the graph around the body.

    Not in a collection: a MetaGraph would export it.
    """
    calls_of(_tensorflow.graph_around_bodies()).append(call)


def calls_of(graph: tf.Graph) -> list[Call]:
    """The calls made in this graph, in order; none of a graph that was imported."""
    return _tensorflow.graph_table(graph).setdefault("calls", [])
