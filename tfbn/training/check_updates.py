"""`check_updates`: does a step update the statistics of the layers that it trains, once and in some order?"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.errors import Finding, NoLayersWarning, UpdatesNotWiredError
from tfbn.graphdef.collector import collector_paused
from tfbn.graphdef.dataflow import names_of
from tfbn.graphdef.forms import Form
from tfbn.graphdef.unexplained import Unexplained
from tfbn.training import advice
from tfbn.training.rules import RULES
from tfbn.training.step import Step


def check_updates(
    fetches: Any,
    graph: tf.Graph | None = None,
    scope: str | Sequence[str] | None = None,
    raise_on_error: bool = True,
) -> list[Finding]:
    """Checks that a training step updates the moving statistics of each layer whose batch statistics it uses.

    From the fetches it walks back over inputs, control inputs and function bodies, and looks for layers that normalize
    by the batch and for the ops that update their statistics. Layers are found as by `list_layers`, so the graph need
    not be built by tfbn. Each op is visited a fixed number of times; nothing is added to the graph.

    A layer is checked if the step normalizes by its batch statistics, or may (is_training is a tensor). Its statistics
    count as updated if the step reaches the updates of one of its calls: with towers, for example, of the first.

    Kinds of findings:

    * 'not reached' (error): the layer has updates, and the step runs none of a statistic. A layer that the step neither
      normalizes by nor updates is left alone.
    * 'not assigned' (error): nothing in the graph assigns the statistics. A warning where beta and gamma are not
      trained either, as with trainable=False in `batch_normalization`: the layer seems frozen on purpose.
    * 'stuck' (error): the updates are in a branch or a loop, out of the step's reach, or the step waits for them from
      outside of it.
    * 'unordered' (error): the step runs two updates of the same variable in no fixed order. Calls of tfbn that share
      variables take turns, and are no finding.
    * 'in evaluation' (warning): a tensor of the network, such as the loss, waits for collected updates of a layer with
      a constant is_training, so that evaluating it updates the statistics. updates_collections=None is no finding.
    * 'trainable' (warning; error where the step's optimizer changes them): moving statistics are among the trainable
      variables, or among those that the optimizer was given.
    * 'not copied' (warning): beta or gamma of a layer that only infers are assigned from those of another layer in the
      graph, as those of a target network are, and nothing assigns its statistics.
    * 'unrecognized' (warning): the step normalizes by the batch, and no moving averages of these statistics are known;
      or averages of a batch shift or scale data in an unknown form.

    If no layer is recognized in the graph, a `NoLayersWarning` says so.

    Args:
      fetches: what one step fetches: a train op, or anything that Session.run takes, names and nested structures too.
      graph: the graph of the fetches. Default: the default graph.
      scope: a variable scope, or several, whose layers to check, inner scopes included. Default: all layers. Pass it if
        the step should not update other layers: that of a GAN's discriminator also runs the generator.
      raise_on_error: whether to raise where a finding is an error; False returns it among the others.

    Returns:
      A list of findings, named tuples (kind, severity, layer, problem, remedy), whose `str` is a text. Empty in a
      tf.function, as of a TF1Module, which runs all updates.

    Raises:
      UpdatesNotWiredError: a finding is an error; its text names every such layer and the remedy, its attribute
        `findings` has the list.
      ValueError, TypeError: fetches that are not in the graph, or that Session.run does not take; a scope that nothing
        in the graph is under.

    Example:
      >>> import tensorflow.compat.v1 as tf1, tfbn
      >>> with tf1.Graph().as_default():
      ...     images = tf1.placeholder(tf1.float32, [None, 8, 8, 3])
      ...     loss = tf1.reduce_mean(tfbn.batch_norm(images, scope="bn") ** 2)
      ...     forgotten = tf1.train.GradientDescentOptimizer(0.1).minimize(loss)
      ...     with tf1.control_dependencies(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)):
      ...         wired = tf1.train.GradientDescentOptimizer(0.1).minimize(loss)
      ...     print([finding.kind for finding in tfbn.check_updates(forgotten, raise_on_error=False)])
      ...     print(tfbn.check_updates(wired))
      ['not reached']
      []
    """
    graph = graph or tf.compat.v1.get_default_graph()
    names = _names_of_ops(fetches, graph)
    scope = _names_of_scopes(scope, graph)
    with graph.as_default():
        if _tensorflow.in_program_order():
            return []  # a tf.function runs all that assigns variables, whatever is fetched
    findings, has_layers = _audit(graph, names, scope)
    if not has_layers:
        warnings.warn(
            "check_updates recognized no batch norm layer in this graph. If it has one, its updates are not checked.",
            NoLayersWarning,
            stacklevel=2,
        )
    if raise_on_error and any(finding.severity == "error" for finding in findings):
        raise UpdatesNotWiredError(findings)
    return findings


@collector_paused
def _audit(graph: tf.Graph, names: list[str], scopes: list[str] | None) -> tuple[list[Finding], bool]:
    """The findings of a step that runs the ops of these names, and whether the graph has layers at all."""
    step = Step(graph, names)
    findings = [
        Finding(rule.kind, rule.severity, layer.scope, problem, rule.remedy)
        for layer in step.recognized.layers.values()
        if _in_scope(layer.scope, scopes)
        for rule in RULES
        for problem in rule.check(layer, step)
    ]
    findings += [
        Finding("unrecognized", "warning", form.node.name, _describe_form(form), advice.UNRECOGNIZED)
        for form in step.recognized.unrecognized
        if form.node in step.reached and _in_scope(form.node.name, scopes)
    ]
    findings += [
        Finding("unrecognized", "warning", each.node.name, _describe_unexplained(each), advice.UNKNOWN_FORM)
        for each in step.recognized.unexplained
        if each.node in step.reached and _in_scope(each.node.name, scopes)
    ]
    return findings, bool(step.recognized.layers)


def _describe_form(form: Form) -> str:
    sources = names_of(form.sources)
    return f"{form.node.name} normalizes by statistics of the batch ({sources}) without known moving averages."


def _describe_unexplained(unexplained: Unexplained) -> str:
    return (
        f"{unexplained.node.name} may normalize by averages of the batch ({names_of(unexplained.variables)}, of "
        f"{names_of(unexplained.sources)}), in an unknown form."
    )


def _names_of_ops(fetches: Any, graph: tf.Graph) -> list[str]:
    """The names of the ops behind the fetches."""
    leaves = tf.nest.flatten(fetches, expand_composites=True)
    elements = [_element(leaf, graph) for leaf in leaves if leaf is not None]
    if not elements:
        raise ValueError(f"fetches: expected what a step fetches, such as a train op, got {fetches!r}.")
    return [getattr(element, "op", element).name for element in elements]


def _element(fetch: Any, graph: tf.Graph) -> Any:
    try:
        return graph.as_graph_element(fetch, allow_tensor=True, allow_operation=True)
    except (KeyError, TypeError) as error:
        if isinstance(error, TypeError) and not isinstance(fetch, str):  # such a name is not UTF-8
            raise
        ops = [op.name for op in graph.get_operations()]
        nearest = difflib.get_close_matches(str(fetch).partition(":")[0], ops, 3)
        hint = f" The nearest names are {', '.join(nearest)}." if nearest else ""
        raise ValueError(f"fetches: expected ops and tensors of the graph, got {fetch!r}.{hint}") from error


def _names_of_scopes(scope: Any, graph: tf.Graph) -> list[str] | None:
    """The names of the scopes, without slashes at their ends; None for no restriction."""
    if scope is None:
        return None
    listed = [scope] if isinstance(scope, (str, tf.compat.v1.VariableScope)) else list(scope)
    scopes = [getattr(item, "name", item).rstrip("/") for item in listed]
    for name in scopes:
        if name and not any(op.name.startswith(f"{name}/") for op in graph.get_operations()):
            raise ValueError(
                f"scope: expected a scope of the graph, got {name!r}, which contains nothing. Name a scope as "
                "print(tfbn.list_layers()) shows them, or leave scope out; patterns are not taken."
            )
    return scopes


def _in_scope(scope: str, scopes: list[str] | None) -> bool:
    return scopes is None or any(f"{scope}/".startswith(f"{prefix}/" if prefix else "") for prefix in scopes)
