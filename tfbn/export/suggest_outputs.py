"""Suggests outputs of a training graph, for the error where the user names none."""

from __future__ import annotations

import re
from typing import Any

from tfbn.export.source import open_source
from tfbn.graphdef import recognize, walks
from tfbn.graphdef.dataflow import Node, controls_of, is_gradient
from tfbn.graphdef.op_types import PLACEHOLDERS

_MAX_SUGGESTED = 6
_USUAL = re.compile("(.*_)?(logits|predictions?|probabilit(y|ies)|probs?|softmax|scores?|outputs?|embeddings?)")
_LOSSES = re.compile(".*CrossEntropyWithLogits")
_NO_OUTPUTS = re.compile(
    "NoOp|Assert|.*Summary.*|(Resource|Sparse)?(Apply|Scatter).*|Assign.*|Save.*|Restore.*|Shape(N)?|Size|Rank"
)


def suggest_outputs(source: Any) -> list[str]:
    """The names of ops behind batch norm layers, or else behind placeholders, that look like a model's outputs.

    First those that a loss takes as logits, then those with a usual name of outputs, then those that no other op takes;
    `source` is as for `inference_graph`.
    """
    recognized = recognize.recognize(open_source(source, None).graph_def)
    nodes = recognized.dataflow.nodes
    starts = [call.node for layer in recognized.layers.values() for call in layer.normalizations]
    starts = starts or [node for node in nodes.values() if node.type in PLACEHOLDERS]

    def follow(node: Node) -> list[Node]:
        """The ops that use its value, without gradients and ops that wait for a training step."""
        data = [user for user in recognized.consumers[node] if any(source is node for source, _ in user.inputs)]
        data += (caller for caller, _ in node.callers)  # a body's results are its outputs
        return [user for user in data if not (is_gradient(user) or _waits_for_changes(user))]

    behind = walks.reach(starts, follow)
    outputs = {name: node for name, node in nodes.items() if node in behind and not _NO_OUTPUTS.fullmatch(node.type)}
    logits = [node.inputs[0][0].name for node in nodes.values() if _LOSSES.fullmatch(node.type)]
    usual = [name for name in outputs if _USUAL.fullmatch(name.rpartition("/")[2].lower())]
    last = [name for name, node in outputs.items() if not follow(node)]
    return list(dict.fromkeys(name for name in (*logits, *usual, *last) if name in outputs))[:_MAX_SUGGESTED]


def _waits_for_changes(node: Node) -> bool:
    return any(_NO_OUTPUTS.fullmatch(control.type) for control in controls_of(node))
