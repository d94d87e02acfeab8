"""Finds batch norm layers by their ops, no matter what built them: tfbn, contrib, tf.layers, Keras in graph mode.

A layer is a pair of variables, a mean and a variance. Three kinds of ops belong to it: those that normalize by them,
those that normalize by statistics of the batch in their place, and those that update them. Pairs that are called
moving_mean and moving_variance are known by their names; others by the arithmetic of a normalization, see `forms`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tfbn.graphdef.averages import Assignments
from tfbn.graphdef.collector import collector_paused
from tfbn.graphdef.conditions import Condition, Conditions, exclusive
from tfbn.graphdef.dataflow import Dataflow, Node, controls_of, is_assignment, is_gradient, source_of
from tfbn.graphdef.forms import Form, find_forms
from tfbn.graphdef.op_types import FUSED, VARIABLES, normalizes_by_batch
from tfbn.graphdef.short_names import AFFINE, DEBIAS, OLD_RENORM, RENORM, STATISTICS, split_name
from tfbn.graphdef.slices import Slice, slice_of
from tfbn.graphdef.unexplained import Unexplained, find_unexplained


class Normalization(NamedTuple):
    node: Node
    mode: str  # 'training', 'inference' or 'dynamic'
    conditions: frozenset[Condition]


class Update(NamedTuple):
    """An op that updates a moving statistic towards that of the batch."""

    node: Node
    statistic: str  # its short name
    source: Slice
    conditions: frozenset[Condition]


class Layer:
    """The variables of one scope, and what is done with them."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        self.variables: dict[str, list[Node]] = {}  # by short name; partitioned ones have several
        self.normalizations: list[Normalization] = []
        self.updates: list[Update] = []

    @property
    def modes(self) -> tuple[str, ...]:
        """The distinct modes of its calls: 'training', 'inference', or 'dynamic' where each run decides."""
        modes = [normalization.mode for normalization in self.normalizations]
        conditional = [(i, call) for i, call in enumerate(self.normalizations) if call.conditions]
        for i, a in conditional:
            for j, b in conditional:
                if (a.mode, b.mode) == ("training", "inference") and exclusive(a.conditions, b.conditions):
                    modes[i] = modes[j] = "dynamic"
        return tuple(dict.fromkeys(modes))

    @property
    def estimator(self) -> str:
        """The estimator of moving_variance: 'unbiased', 'biased', or '' if it follows no variance."""
        sources = [update.source for update in self.updates if update.statistic == "moving_variance"]
        if not sources:
            return ""
        if "moving_stddev" in self.variables:
            return "biased"
        fused = any(node.type in FUSED for node in sources[0].batch)
        return "unbiased" if fused != sources[0].corrected else "biased"


class Recognized(NamedTuple):
    """The layers of a graph, and the graph as it was analyzed."""

    layers: dict[str, Layer]  # by scope, in the graph's order
    dataflow: Dataflow
    conditions: Conditions
    order: list[Node]
    consumers: dict[Node, list[Node]]
    unrecognized: list[Form]  # normalizations by a batch whose moving statistics are unknown
    unexplained: list[Unexplained]  # possible normalizations by averages of a batch

    @property
    def statistics(self) -> set[Node]:
        """The variables of all layers except beta and gamma."""
        return {
            node
            for layer in self.layers.values()
            for name, nodes in layer.variables.items()
            if name not in AFFINE
            for node in nodes
        }


@collector_paused
def recognize(graph_def: Any) -> Recognized:
    """The layers of a GraphDef or a Graph."""
    dataflow = Dataflow(graph_def)
    order = dataflow.in_order()
    conditions = Conditions(dataflow, order)
    layers = _layers(dataflow)
    owners = {node: layer for layer in layers.values() for nodes in layer.variables.values() for node in nodes}
    by_source = _find_updates(dataflow, conditions, owners)
    for node in dataflow.all:
        if is_gradient(node):
            continue
        for statistics, fused_training in _statistics_of(node):
            layer = _owner(node, statistics, owners, by_source, layers)
            if layer is not None:
                mode = _mode(statistics, fused_training)
                layer.normalizations.append(Normalization(node, mode, conditions.of(node)))
    consumers = dataflow.consumers()
    ahead = {node: [user for user in consumers[node] if not is_gradient(user)] for node in dataflow.all}
    unrecognized = _add_forms(dataflow, conditions, ahead, layers, owners, by_source)
    unexplained = _find_unexplained(dataflow, ahead, layers)
    # An unexplained form with known averages says more.
    named = {node for candidate in unexplained for node in candidate.sources}
    unrecognized = [form for form in unrecognized if named.isdisjoint(form.sources)]
    return Recognized(layers, dataflow, conditions, order, consumers, unrecognized, unexplained)


def _find_unexplained(dataflow: Dataflow, ahead: dict[Node, list[Node]], layers: dict[str, Layer]) -> list[Unexplained]:
    known: set[Node] = set()
    inferred_by: set[Node] = set()
    sources: set[Node] = set()
    for layer in layers.values():
        statistics = {node for name, nodes in layer.variables.items() if name not in AFFINE for node in nodes}
        if layer.modes == ("inference",):
            inferred_by |= statistics
        else:
            known |= statistics
            sources.update(node for update in layer.updates for node in update.source.batch)
    return find_unexplained(dataflow, ahead, known, inferred_by, sources)


def _add_forms(
    dataflow: Dataflow,
    conditions: Conditions,
    ahead: dict[Node, list[Node]],
    layers: dict[str, Layer],
    owners: dict[Node, Layer],
    by_source: dict[Node, Layer],
) -> list[Form]:
    """Adds normalizations by their arithmetic, and layers with variables of any name; returns forms of no layer."""
    assignments = Assignments(dataflow, owners.keys())
    named = list(layers.values())
    complete = {id(layer) for layer in named if layer.normalizations}
    unnamed: dict[tuple[Node, Node], Layer] = {}
    sources: dict[tuple[Node, Node], set[Node]] = {}
    apart = []
    for form in find_forms([node for node in dataflow.all if not is_gradient(node)], ahead):
        layer = _owner_of_form(form, owners, by_source)
        if layer is None and _around(form.node.name.split("/")[:-1], layers) is None:
            pair = _constants_of(form) if form.is_fixed else assignments.pair_of(form)
            if pair is None:
                if _looks_like_a_layer(form):
                    apart.append(form)
                continue
            sources.setdefault(pair, set()).update(form.sources)
            layer = unnamed.get(pair)
            if layer is None:
                layer = unnamed[pair] = Layer("")
                layer.variables = {"moving_mean": [pair[0]], "moving_variance": [pair[1]]}
            for short, variable in (("beta", form.beta), ("gamma", form.gamma)):
                if variable is not None and variable not in pair:
                    layer.variables.setdefault(short, [variable])
        if layer is not None and id(layer) not in complete:
            layer.normalizations.append(Normalization(form.node, _mode_of_form(form), conditions.of(form.node)))
    for (mean, variance), layer in unnamed.items():
        layer.scope = _scope_of(layer, layers)
        layers[layer.scope] = layer
        for short, variable in (("moving_mean", mean), ("moving_variance", variance)):
            for node in assignments.by_variable.get(variable, ()):
                source = slice_of(node.inputs[1], controls_of(node))
                source = source if source.batch else source._replace(batch=assignments.sources_of(variable))
                layer.updates.append(Update(node, short, source, conditions.of(node)))
            if variable not in assignments.by_variable:
                for node in assignments.list_others(variable, sources[mean, variance], dataflow):
                    source = Slice(frozenset(), frozenset(sources[mean, variance]), False, False, False)
                    layer.updates.append(Update(node, short, source, conditions.of(node)))
    return _add_further_calls(apart, [*unnamed.values(), *named], conditions)


def _add_further_calls(forms: list[Form], layers: list[Layer], conditions: Conditions) -> list[Form]:
    """Adds forms that are another call of a layer, in training; returns the others.

    Where calls share variables, as towers or the batches of a discriminator do, one may update the averages for all.
    Such calls are known by beta and gamma.
    """
    by_affine: dict[tuple[Node | None, ...], list[Layer]] = {}
    for layer in layers:
        by_affine.setdefault(tuple(layer.variables.get(short, [None])[0] for short in AFFINE), []).append(layer)
    others = []
    for form in forms:
        affine = (form.beta, form.gamma)
        sharing = by_affine.get(affine, []) if any(affine) else []
        if len(sharing) == 1 and not form.variance.variables and sharing[0].updates:
            sharing[0].normalizations.append(Normalization(form.node, "training", conditions.of(form.node)))
        else:
            others.append(form)
    return others


def _constants_of(form: Form) -> tuple[Node, Node] | None:
    """The constants that a frozen graph has in place of the statistics' variables."""
    pair = []
    for statistic in (form.mean, form.variance):
        constants = [node for node in statistic.vectors if node.type == "Const"]
        if len(statistic.vectors) != 1 or len(constants) != 1:
            return None
        pair += constants
    return (pair[0], pair[1]) if pair[0] is not pair[1] else None


def _owner_of_form(form: Form, owners: dict[Node, Layer], by_source: dict[Node, Layer]) -> Layer | None:
    statistics = (form.variance, form.mean)
    for variable in (node for statistic in statistics for node in (*statistic.variables, *statistic.vectors)):
        if variable in owners:
            return owners[variable]
    for node, _ in (*form.variance.batch, *form.mean.batch):
        if node in by_source:
            return by_source[node]
    return None


def _mode_of_form(form: Form) -> str:
    if not form.variance.batch:
        return "inference"
    return "dynamic" if form.variance.variables else "training"


def _looks_like_a_layer(form: Form) -> bool:
    # Layer norm is made of the fused op as well, with constants for scale and offset.
    fused = form.node.type in FUSED
    return bool(form.variance.batch) and (not fused or form.gamma is not None or form.beta is not None)


def _scope_of(layer: Layer, layers: dict[str, Layer]) -> str:
    """The scope around all of its variables; the mean's name where there is none, or it is another layer's."""
    names = [nodes[0].name.split("/")[:-1] for nodes in layer.variables.values()]
    common = names[0]
    for scopes in names[1:]:
        alike = [a == b for a, b in zip(common, scopes)]
        common = common[: alike.index(False) if False in alike else len(alike)]
    scope = "/".join(common)
    return layer.variables["moving_mean"][0].name if not scope or scope in layers else scope


def _layers(dataflow: Dataflow) -> dict[str, Layer]:
    # A frozen graph has constants under the variables' names.
    kinds = (*VARIABLES, "Const")
    named = [(node, *split_name(node.name)) for node in dataflow.nodes.values() if node.type in kinds]
    layers = {scope: Layer(scope) for _, scope, short in named if short in STATISTICS}
    for node, scope, short in named:
        if short in DEBIAS:
            # The pair is under the mean's full name, within the layer's scope.
            scope = scope.rpartition("moving_mean")[0].rstrip("/")
            half = scope[: len(scope) // 2]
            scope = half if half in layers and scope == f"{half}/{half}" else scope
        if scope in layers and short in (*STATISTICS, *RENORM, *OLD_RENORM, *DEBIAS, *AFFINE):
            layers[scope].variables.setdefault(short, []).append(node)
    return layers


def _find_updates(dataflow: Dataflow, conditions: Conditions, owners: dict[Node, Layer]) -> dict[Node, Layer]:
    """Adds the layers' updates; returns, by the ops that reduce the batch, the layers whose statistics they compute."""
    by_source: dict[Node, Layer] = {}
    for node in dataflow.all:
        if not is_assignment(node):
            continue
        variable = source_of(node.inputs[0])
        if variable not in owners:
            continue
        statistics = slice_of(node.inputs[1], controls_of(node))
        if statistics.batch:  # neither an initial value nor a restored one
            layer = owners[variable]
            layer.updates.append(Update(node, split_name(variable.name)[1], statistics, conditions.of(node)))
            for source in statistics.batch:
                by_source.setdefault(source, layer)
    return by_source


def _statistics_of(node: Node) -> Iterator[tuple[Slice, bool]]:
    """The sources of an op's statistics, and whether it is fused and trains; nothing if it does not normalize."""
    if node.type in FUSED:
        if normalizes_by_batch(node.type, node.attr):
            yield Slice(frozenset(_affine_of(node)), frozenset([node]), False, False, False), True
        elif len(node.inputs) > 4:
            yield slice_of(node.inputs[4]), False
    elif node.type == "Rsqrt" and node.inputs[0][0].type in ("Add", "AddV2"):
        terms = [slice_of(tensor) for tensor in node.inputs[0][0].inputs]
        # One of them is epsilon.
        statistics = [term for term in terms if term.variables or term.batch]
        if len(statistics) == 1:
            yield statistics[0], False


def _affine_of(node: Node) -> set[Node]:
    return {variable for tensor in node.inputs[1:3] for variable in slice_of(tensor).variables}


def _mode(statistics: Slice, fused_training: bool) -> str:
    if fused_training or not statistics.variables:
        return "training"
    if not statistics.batch:
        return "inference"
    # Without a predicate, the moving statistics stand in for those of an empty batch.
    return "dynamic" if statistics.chosen else "training"


def _owner(
    node: Node, statistics: Slice, owners: dict[Node, Layer], by_source: dict[Node, Layer], layers: dict[str, Layer]
) -> Layer | None:
    """The layer by the variables that it reads, by updates from the same source, or by its scope."""
    for variable in statistics.variables:
        if variable in owners:
            return owners[variable]
    for source in statistics.batch:
        if source in by_source:
            return by_source[source]
    return _around(node.name.split("/")[:-1], layers)


def _around(scopes: list[str], layers: dict[str, Layer]) -> Layer | None:
    """The layer that an op in these name scopes is in.

    The layer's own scope may be inside others, such as a tower's or a cond's; the name scopes of further calls have
    numbers.
    """
    plain = [re.sub(r"_\d+$", "", scope) for scope in scopes]
    for parts in (scopes, plain):
        for length in range(len(parts), 0, -1):
            for start in range(len(parts) - length + 1):
                layer = layers.get("/".join(parts[start : start + length]))
                if layer is not None:
                    return layer
    return None
