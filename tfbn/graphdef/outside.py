"""Finds the ops of a graph that act on more than its tensors: on files, the network, other processes, Python.

A graph from a file is a program. Before it is run, it is searched for side effects, in the ops that lead to the
fetches and in all functions that those name. Stateful ops are refused unless they are listed here, so that unknown ones
are refused too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from tfbn import _tensorflow

# Stateful but harmless: calls, loops and branches, whose functions are searched too, and random numbers.
_HARMLESS = re.compile(
    "(StatefulPartitionedCall|If|While|Case|Assert|Print|PrintV2|TensorArray.*|Stack.*|Multinomial|"
    "Random(Uniform|UniformInt|StandardNormal|Gamma|Poisson|PoissonV2|Shuffle)|(Parameterized)?TruncatedNormal)"
)
# Registered as stateless, yet not harmless. Debug ops write to URLs in their attributes, Abort ends the process.
_REACHING_OUT = re.compile(
    "(ReadFile|MatchingFiles|PyFuncStateless|GenerateVocabRemapping|InitializeTableFromTextFile|Abort|SymbolicGradient|"
    "Reader.*|Debug.*|TPU.*|.*Dataset.*)"
)


def reaching_outside(graph_def: Any, fetches: Iterable[str], allowed: Iterable[str] = ()) -> list[str]:
    """The ops that would act outside of the graph when `fetches`, names of ops, are run: as 'name (type)'.

    Args:
      graph_def: the graph, with its library.
      fetches: names of ops.
      allowed: types of ops that are expected there.
    """
    known = {*allowed, *(function.signature.name for function in graph_def.library.function)}
    refused = {
        node.name: node for node in _reach(graph_def, fetches) if node.op not in known and _reaches_outside(node)
    }
    return [f"{name} ({node.op})" for name, node in sorted(refused.items())]


def _reaches_outside(node: Any) -> bool:
    if node.op == "PrintV2" and node.attr["output_stream"].s.startswith(b"file:"):
        return True
    definition = _tensorflow.op_definition(node.op)
    if definition is None or _REACHING_OUT.fullmatch(node.op):
        return True
    return bool(definition.is_stateful) and not _HARMLESS.fullmatch(node.op)


def _reach(graph_def: Any, fetches: Iterable[str]) -> Iterator[Any]:
    """The ops that run for `fetches`, and all of the functions that they name."""
    nodes = {node.name: node for node in graph_def.node}
    bodies = {function.signature.name: function.node_def for function in graph_def.library.function}
    waiting = [nodes[name] for name in fetches if name in nodes]
    seen = {id(node) for node in waiting}
    while waiting:
        node = waiting.pop()
        yield node
        following = [nodes[name] for name in map(_source, node.input) if nodes.get(node.name) is node and name in nodes]
        for name in _functions(node):
            following += bodies.pop(name, ())
        for following_node in following:
            if id(following_node) not in seen:
                seen.add(id(following_node))
                waiting.append(following_node)


def _source(text: str) -> str:
    return text.lstrip("^").partition(":")[0]


def _functions(node: Any) -> Iterator[str]:
    yield node.op
    for value in node.attr.values():
        yield value.func.name
        yield from (function.name for function in value.list.func)
