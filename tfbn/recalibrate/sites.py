"""The places where a TF1 graph normalizes by the batch: their inputs, weights, and conditions."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.core import normalization
from tfbn.core.settings import Settings
from tfbn.graph import registry
from tfbn.graph.variables import full_name, parts
from tfbn.graphdef import recognize, short_names
from tfbn.graphdef.dataflow import Node, Tensor
from tfbn.graphdef.op_types import FUSED
from tfbn.recalibrate import pooled

UPDATED = (*short_names.STATISTICS, *short_names.RENORM, *short_names.DEBIAS)


class Site(NamedTuple):
    """A call in training."""

    inputs: tf.Tensor
    outputs: tf.Tensor
    axes: tuple[int, ...]  # of the channels
    weights: tuple[Any, Any]  # batch_weights and mask
    settings: Settings | None  # None for layers that tfbn did not build, which have no weights
    unbiased: bool
    conditions: list[tuple[tf.Tensor, bool]]  # tensors, with the values that make it train

    def sample_weights(self) -> tf.Tensor | None:
        return (
            None if self.settings is None else normalization.sample_weights(self.inputs, self.settings, *self.weights)
        )


class Layer(NamedTuple):
    scope: str
    variables: dict[str, Node]  # that training updates, by short name
    sites: list[Site]
    unbiased: bool
    epsilon: float
    renorm: bool


def find(graph: tf.Graph, layers: Any, independent: bool = True) -> tuple[list[Layer], list[Layer]]:
    """The selected layers, and all others.

    Raises ValueError for selected layers whose batches no run can fetch exactly; with `independent`, as recalibration
    needs it, also for layers that depend on another's averages.
    """
    recognized = recognize.recognize(graph.as_graph_def())
    called: dict[str, list[registry.Call]] = {}
    for call in registry.calls_of(graph):
        mean = parts(call.variables["moving_mean"])[0]
        called.setdefault(_scope_of(full_name(mean)), []).append(call)
    scopes = [
        scope
        for scope, layer in recognized.layers.items()
        if (scope in called or layer.normalizations) and not _is_frozen(layer)
    ]
    selected_scopes = _select_scopes(scopes, layers)
    selected, others, refused = [], [], []
    for scope in scopes:
        layer = recognized.layers[scope]
        calls = called.get(scope)
        sites, reason = _sites_of_calls(calls, graph) if calls else _sites_of_ops(layer, recognized, graph)
        described = _layer(layer, sites)
        if scope not in selected_scopes or (layers is None and not sites and not reason):
            others.append(described)
        elif reason or not sites:
            refused.append(f"{scope}: {reason or 'it never normalizes by the batch in this graph'}")
        else:
            selected.append(described)
    if refused:
        raise ValueError(
            "layers: expected layers whose inputs a run can fetch, got some whose inputs it cannot:\n  "
            + "\n  ".join(refused)
            + "\nName the others in `layers`."
        )
    if not selected:
        raise ValueError(
            "session: expected a graph with layers that normalize by the batch, got one in which none does. Build it "
            "with is_training=True or a placeholder."
        )
    if independent:
        _check_renorm(selected, recognized)
    return selected, others


def _is_frozen(layer: recognize.Layer) -> bool:
    return any(node.type == "Const" for name in short_names.STATISTICS for node in layer.variables.get(name, ()))


def _scope_of(name: str) -> str:
    scope, _, short = name.rpartition("/")
    return scope.rpartition("/")[0] if short.startswith("part_") else scope


def _select_scopes(scopes: list[str], layers: Any) -> set[str]:
    if layers is None:
        return set(scopes)
    selected: set[str] = set()
    for prefix in [layers] if isinstance(layers, str) else layers:
        matching = {scope for scope in scopes if pooled.under(scope, prefix)}
        if not matching:
            raise ValueError(
                f"layers: expected scopes of layers, got {prefix!r}. There are: {', '.join(scopes) or 'none'}."
            )
        selected |= matching
    return selected


def _layer(layer: recognize.Layer, sites: list[Site]) -> Layer:
    settings = sites[0].settings if sites else None
    statistics = {name: nodes[0] for name, nodes in layer.variables.items() if name in UPDATED}
    return Layer(
        layer.scope,
        statistics,
        sites,
        unbiased=sites[0].unbiased if sites else True,
        epsilon=0.0 if settings is None else settings.epsilon,
        renorm="moving_stddev" in layer.variables,
    )


Sites = tuple[list[Site], str]  # the calls that train, or why they cannot be observed


def _sites_of_calls(calls: list[registry.Call], graph: tf.Graph) -> Sites:
    sites = []
    for call in calls:
        if call.is_training is False:
            continue
        needed = [call.inputs, call.outputs, *(weight for weight in call.weights if weight is not None)]
        conditions = [] if call.is_training is True else [(call.is_training, True)]
        needed += [tensor for tensor, _ in conditions if tf.is_tensor(tensor)]
        if not all(tensor.graph is graph and graph.is_fetchable(tensor) for tensor in needed):
            return [], "it is in a loop or a branch. Build it outside, and give it is_training as a tensor"
        settings = call.settings
        axes = settings.layout.pooled.axes
        sites.append(Site(call.inputs, call.outputs, axes, call.weights, settings, settings.unbiased, conditions))
    return sites, ""


def _sites_of_ops(layer: recognize.Layer, recognized: recognize.Recognized, graph: tf.Graph) -> Sites:
    sites = []
    for call in layer.normalizations:
        if call.mode == "inference":
            continue
        if {*short_names.RENORM, *short_names.OLD_RENORM} & set(layer.variables):
            return [], "it has renorm, and tfbn did not build it"
        if any(len(nodes) > 1 for name, nodes in layer.variables.items() if name in UPDATED):
            return [], "its statistics are partitioned"
        if call.mode == "dynamic" or call.node.type not in FUSED:
            return [], "it computes its statistics by composed ops, which may include weights"
        conditions = []
        for condition in call.conditions:
            if condition.branch is None:
                return [], "it is in a loop"
            conditions.append(_predicate(condition, recognized, graph))
        inputs = _outside(call.node.inputs[0])
        if inputs is None or not graph.is_fetchable(inputs[0].name):
            return [], "it is in a branch that computes its inputs"
        tensor = graph.get_tensor_by_name(f"{inputs[0].name}:{inputs[1]}")
        axis = 1 if "data_format" in call.node.attr and call.node.attr["data_format"].s == b"NCHW" else 3
        sites.append(Site(tensor, tensor, (axis,), (None, None), None, layer.estimator != "biased", conditions))
    return sites, ""


def _predicate(condition: Any, recognized: recognize.Recognized, graph: tf.Graph) -> tuple[tf.Tensor, bool]:
    """The predicate of a branch, and the value for which the branch runs."""
    node = recognized.dataflow.nodes[condition.of]
    if node.bodies:  # an If, whose first body is for True
        source, index = node.inputs[0]
        return graph.get_tensor_by_name(f"{source.name}:{index}"), condition.branch == 0
    return graph.get_tensor_by_name(f"{node.name}:0"), condition.branch == 1


def _outside(tensor: Tensor) -> Tensor | None:
    """The tensor outside of a branch that the branch takes in; None where the branch computes it."""
    while tensor[0].type in ("Switch", "Identity", "_Arg"):
        if len(tensor[0].inputs) > 1 and tensor[0].type == "_Arg":
            return None  # several calls pass different values
        tensor = tensor[0].inputs[0]
    return None if tensor[0].callers else tensor


def _check_renorm(layers: list[Layer], recognized: recognize.Recognized) -> None:
    nodes = recognized.dataflow.nodes
    for first in layers:
        if not first.renorm:
            continue
        outputs = {nodes[site.outputs.op.name] for site in first.sites}
        behind = [
            layer.scope
            for layer in layers
            if layer is not first
            and outputs & recognized.dataflow.reach([nodes[site.inputs.op.name] for site in layer.sites])
        ]
        if behind:
            raise ValueError(
                f"layers: expected layers of which none depends on another's averages, got {', '.join(behind)} behind "
                f"{first.scope}, which has renorm. Recalibrate one after the other: first with layers={first.scope!r}, "
                "then those behind it."
            )
