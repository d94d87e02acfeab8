"""`keep_training`: the layers that still normalize by the batch while the rest of the graph infers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from typing import Any, NamedTuple

from tfbn.export.decide import find_training
from tfbn.graphdef import recognize, tensor_names
from tfbn.graphdef.graph import Graph

_MAX_LISTED = 10


class KeptLayers(NamedTuple):
    """The ops that `keep_training` names, in a graph in which nothing is decided yet."""

    recognized: recognize.Recognized
    layers: dict[str, str]  # the scope of every layer's variables, by the names of the ops that normalize
    calls: dict[str, str]  # the name scope of the layer's call, by the same
    ops_by_scope: dict[str, set[str]]  # the ops that normalize by the batch, or may, by the scope that names them

    @property
    def ops(self) -> set[str]:
        return set().union(*self.ops_by_scope.values())

    def call_around(self, name: str) -> str | None:
        """The name scope of the innermost call that an op is in."""
        around = [scope for scope in self.calls.values() if _is_in(name, scope)]
        return max(around, key=len) if around else None


def find(keep_training: Any, graph: Graph, roots: list[str], source: Iterable[str]) -> KeptLayers | None:
    """The layers of `graph` that still normalize by the batch; None if there are none.

    `source` has the names of all ops of the original graph.

    Raises:
      ValueError: a scope names no layer that the outputs are computed from, or only layers that never train.
    """
    scopes = _scopes(keep_training)
    if not scopes:
        return None
    recognized = recognize.recognize(graph)
    needed = graph.pruned(roots)
    training = {name: scope for name, (scope, _) in find_training(graph, recognized).items()}
    layers = {
        call.node.name: layer.scope
        for layer in recognized.layers.values()
        for call in layer.normalizations
        if call.node.name in graph
    }
    layers.update(training)
    kept = KeptLayers(recognized, layers, {name: _call_scope(name, scope) for name, scope in layers.items()}, {})
    names = {*graph, *source}
    for scope in scopes:
        ops = _ops_named(scope, kept, names)
        kept.ops_by_scope[scope] = {name for name in ops if name in needed and name in training}
        if not kept.ops_by_scope[scope]:
            raise ValueError(_problem(scope, ops, kept, needed, training))
    return kept


def _scopes(keep_training: Any) -> list[str]:
    several = [keep_training] if isinstance(keep_training, str) else keep_training
    scopes = list(several) if isinstance(several, Iterable) else [several]
    for scope in scopes:
        if not isinstance(scope, str) or not scope.strip("/"):
            raise ValueError(f"expected `keep_training` to be scopes of layers or names of their ops, got {scope!r}.")
    return scopes


def _ops_named(scope: str, kept: KeptLayers, names: Set[str]) -> set[str]:
    """The normalizing ops of the layers in a scope, or of the layer that an op belongs to."""
    text = scope.partition(":")[0].rstrip("/")
    around = {name for name, layer in kept.layers.items() if _is_in(name, text) or _is_in(layer, text)}
    if around or text not in names:
        return around
    inside = {
        name: max(len(inner) for inner in scopes if _is_in(text, inner))
        for name, scopes in ((name, (kept.calls[name], layer)) for name, layer in kept.layers.items())
        if any(_is_in(text, inner) for inner in scopes)
    }
    return {name for name, length in inside.items() if length == max(inside.values())}


def _is_in(name: str, scope: str) -> bool:
    return f"{name}/".startswith(f"{scope}/")


def _call_scope(name: str, layer: str) -> str:
    """The part of an op's name up to the layer's scope, which ends it.

    A tower or a branch adds its own scope in front, and a call that shares variables numbers the layer's.
    """
    around, layer_scopes = name.split("/")[:-1], _plain(layer.split("/"))

    def agreement(end: int) -> int:
        scopes = _plain(around[:end])
        pairs = zip(reversed(scopes), reversed(layer_scopes))
        return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(scopes), len(layer_scopes)))

    best = max(range(1, len(around) + 1), key=agreement, default=0)
    return "/".join(around[:best] if best and agreement(best) else around) or name


def _plain(scopes: list[str]) -> list[str]:
    return [re.sub(r"_\d+$", "", scope) for scope in scopes]


def _problem(scope: str, named: set[str], kept: KeptLayers, needed: Graph, training: dict[str, str]) -> str:
    expected = "expected `keep_training` to name batch norm layers that the outputs are computed from"
    inferring = {kept.layers[name] for name in named if name in needed}
    if inferring:
        return (
            f"expected `keep_training` to name layers that normalize by the batch in training, got {scope!r}, whose "
            f"layers were built with is_training=False: {_join(inferring)}."
        )
    if named:
        others = {kept.layers[name] for name in named}
        return f"{expected}, got {scope!r}, whose layers have no part in them: {_join(others)}."
    needed_layers = {name: layer for name, layer in training.items() if name in needed}
    near = tensor_names.nearest(scope, [*dict.fromkeys(needed_layers.values()), *needed_layers])
    if near:
        return f"{expected}, got {scope!r}, which names none. Is it {' or '.join(near)}?"
    layers = (
        f"The layers are {_join(set(needed_layers.values()))}." if needed_layers else "None of their layers trains."
    )
    return f"{expected}, got {scope!r}, which names none. {layers}"


def _join(names: Iterable[str]) -> str:
    several = sorted(names)
    rest = f" and {len(several) - _MAX_LISTED} more" if len(several) > _MAX_LISTED else ""
    return ", ".join(several[:_MAX_LISTED]) + rest
