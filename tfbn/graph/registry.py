"""What each call of a front end made, remembered with the graph it was made in."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.core import policy, values
from tfbn.graph import variables


class Call(NamedTuple):
    """One call of a layer; calls that share variables are several."""

    scope: str  # of the variables
    variables: variables.Variables
    row: policy.Row
    options: values.Options
    inputs: tf.Tensor
    outputs: tf.Tensor  # before activation_fn
    is_training: Any  # a bool, or a tensor that each run decides
    updates: tuple[Any, ...]  # operations or tensors as a collection holds them; empty where statistics stay still
    collections: tuple[str, ...] | None  # that got the updates; None where the outputs wait for them
    held: bool = False  # whether update_statistics=False holds the statistics still
    weights: tuple[Any, Any] = (None, None)  # batch_weights and mask


def record(call: Call) -> None:
    """Remembers the call with the default graph; one in a branch or loop body with the graph around the body.

    Not in a collection: a MetaGraph would export it.
    """
    calls_of(_tensorflow.graph_around_bodies()).append(call)


def calls_of(graph: tf.Graph) -> list[Call]:
    """The calls made in this graph, in order; none of a graph that was imported."""
    return _tensorflow.graph_table(graph).setdefault("calls", [])
