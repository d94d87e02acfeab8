"""`check_updates`: does a step move the statistics of the layers that it trains, once and in some order?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.errors import Finding, UpdatesNotWiredError
from tfbn.graph import registry
from tfbn.graph.variables import full_name
from tfbn.graphdef import recognize
from tfbn.graphdef.dataflow import Node, controls_of, data, exclusive, requirements, source_of
from tfbn.training import advice


def check_updates(
    fetches: Any,
    graph: tf.Graph | None = None,
    scope: str | Sequence[str] | None = None,
    raise_on_error: bool = True,
) -> list[Finding]:
    """Checks that a training step moves the moving statistics of each layer whose batch statistics it uses.

    From what the step fetches it walks back over inputs, control inputs and function bodies, and looks for layers that
    normalize by the batch and for the ops that move their statistics. Layers are found as `list_layers` finds them, so
    the graph may be anybody's. Each op is looked at a fixed number of times, and nothing is added to the graph.

    A layer is looked at where the step normalizes by its batch statistics, or may (is_training is a tensor); and its
    statistics count as moved if the updates of one of its calls are reached: of towers, for example, the first.

    Kinds of findings:

    * 'not reached' (error): the layer has updates, and the step runs none of them.
    * 'not assigned' (error): nothing in the graph assigns the statistics. A warning where beta and gamma are not
      trained either, as with trainable=False in `batch_normalization`: the layer seems frozen on purpose.
    * 'stuck' (error): the updates are in a branch or a loop, out of the step's reach, or the step waits for them from
      outside of it.
    * 'unordered' (error): the step runs two updates of the same variable, and nothing says which comes first. Calls of
      tfbn that share variables take turns, and are no finding.
    * 'in evaluation' (warning): a tensor of the network, such as the loss, waits for collected updates of a layer with
      a constant is_training, so that whoever evaluates it moves the statistics. updates_collections=None is no finding.
    * 'trainable' (warning; error where the step's optimizer changes them): moving statistics are among the trainable
      variables, or among those that the optimizer was given.

    Args:
      fetches: what one step fetches: a train op, or anything that Session.run takes, names and nested structures too.
      graph: the graph of the fetches. Default: the default graph.
      scope: a variable scope, or several, whose layers to look at; inner scopes belong to it. Default: all layers. Give
        it where the step is meant to leave other layers alone: that of a GAN's discriminator runs the generator, too.
      raise_on_error: whether to raise where a finding is an error; False returns it among the others.

    Returns:
      A list of findings, named tuples (kind, severity, layer, problem, remedy), whose `str` is a text. None in a
      tf.function, as that of a TF1Module, which runs all updates.

    Raises:
      UpdatesNotWiredError: a finding is an error; its text has every such layer and how to mend it, its attribute
        `findings` the list.
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
    names = _fetched(fetches, graph)
    scope = _scopes(scope, graph)
    with graph.as_default():
        if _tensorflow.in_program_order():
            return []  # a tf.function runs all that assigns variables, whoever asks for it
    step = _Step(graph, names)
    findings = [
        finding
        for layer in step.recognized.layers.values()
        if _in_scope(layer.scope, scope)
        for rule in (_not_moved, _stuck_step, _unordered, _in_evaluation, _trainable)
        for finding in rule(layer, step)
    ]
    if raise_on_error and any(finding.severity == "error" for finding in findings):
        raise UpdatesNotWiredError(findings)
    return findings


def _fetched(fetches: Any, graph: tf.Graph) -> list[str]:
    """The names of the ops behind the fetches."""
    found = [
        graph.as_graph_element(each, allow_tensor=True, allow_operation=True)
        for each in tf.nest.flatten(fetches, expand_composites=True)
        if each is not None
    ]
    if not found:
        raise ValueError(f"fetches: expected what a step fetches, such as a train op, got {fetches!r}.")
    return [getattr(each, "op", each).name for each in found]


def _scopes(given: Any, graph: tf.Graph) -> list[str] | None:
    """The names of the scopes, without slashes at their ends; None for no restriction."""
    if given is None:
        return None
    listed = [given] if isinstance(given, (str, tf.compat.v1.VariableScope)) else list(given)
    found = [getattr(each, "name", each).rstrip("/") for each in listed]
    for scope in found:
        if scope and not any(op.name.startswith(f"{scope}/") for op in graph.get_operations()):
            raise ValueError(
                f"scope: expected a scope of the graph, got {scope!r}, which nothing is under. Name a scope as "
                "print(tfbn.list_layers()) shows them, or leave scope out; patterns are not taken."
            )
    return found


def _in_scope(scope: str, wanted: list[str] | None) -> bool:
    return wanted is None or any(f"{scope}/".startswith(f"{prefix}/" if prefix else "") for prefix in wanted)


class _Step:
    """A graph, its layers, and what one step of it runs."""

    def __init__(self, graph: tf.Graph, names: list[str]) -> None:
        self.recognized = recognize.recognize(graph.as_graph_def())
        nodes = self.recognized.dataflow.nodes
        self._add_calls(graph)
        self.starts = [nodes[name] for name in names]
        self.reached = self.recognized.dataflow.reach(self.starts)
        self.statistics = self.recognized.statistics
        self.holders = recognize.collected(self.recognized, graph)
        trainable = graph.get_collection(tf.compat.v1.GraphKeys.TRAINABLE_VARIABLES)
        self.trainable = {full_name(variable) for variable in trainable}
        self.collected = [
            nodes[entry.name]
            for entry in (getattr(each, "op", each) for each in graph.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS))
            if getattr(entry, "name", None) in nodes
        ]
        calling = [node for node in nodes.values() if node.bodies]
        self.run_by_calls = self.recognized.dataflow.reach(calling) if calling else set()
        self._precede = self._masks()
        self.waiting = _Waiting(self)

    def _add_calls(self, graph: tf.Graph) -> None:
        """What tfbn remembers need not be recognised: outputs of a training call stand for its normalization."""
        self.held = set()  # the layers that update_statistics=False holds still
        for call in registry.calls_of(graph):
            scope = full_name(call.variables["moving_mean"]).rpartition("/")[0]
            if call.held:
                self.held.add(scope)
            node = self.recognized.dataflow.nodes.get(call.outputs.op.name)
            if call.is_training is not False and call.outputs.graph is graph and node is not None:
                mode = "training" if call.is_training is True else "dynamic"
                found = recognize.Normalization(node, mode, self.recognized.conditions.of(node))
                self.recognized.layers[scope].normalizations.append(found)

    def updates(self, layer: recognize.Layer, statistic: str) -> list[recognize.Update]:
        return [update for update in layer.updates if update.statistic == statistic]

    def training(self, layer: recognize.Layer) -> list[recognize.Normalization]:
        """The normalizations by the batch that the step runs, or may run."""
        return [each for each in layer.normalizations if each.mode != "inference" and each.node in self.reached]

    def racing(self, layer: recognize.Layer, statistic: str) -> list[recognize.Update]:
        """The updates of a variable that the step runs and no mutex guards; nothing if it is one alone."""
        found = [
            update
            for update in self.updates(layer, statistic)
            if update.node in self.reached and not update.found.locked
        ]
        return found if len(found) > 1 else []

    def ordered(self, first: Node, second: Node) -> bool:
        numbers, masks = self._precede
        return bool(masks[first] >> numbers[second] & 1 or masks[second] >> numbers[first] & 1)

    def _masks(self) -> tuple[dict[Node, int], dict[Node, int]]:
        """For each node, as bits, the racing updates that run before it; one pass for all of them."""
        racing = [
            update.node
            for layer in self.recognized.layers.values()
            for statistic in recognize.STATISTICS
            for update in self.racing(layer, statistic)
        ]
        numbers = {node: number for number, node in enumerate(racing)}
        masks: dict[Node, int] = {}
        for node in self.recognized.order if racing else ():
            mask = 1 << numbers[node] if node in numbers else 0
            for each in requirements(node):
                mask |= masks.get(each, 0)
            masks[node] = mask
        return numbers, masks


class _Waiting:
    """Which tensors of the network wait, by control inputs alone, for collected updates; one pass for all layers."""

    def __init__(self, step: _Step) -> None:
        layers = [layer for layer in step.recognized.layers.values() if "dynamic" not in layer.modes]
        bits: dict[Node, int] = {}
        for number, layer in enumerate(layers):
            for update in layer.updates:
                if update.node in step.holders:
                    bits[update.node] = 1 << number
        self._numbers = {layer.scope: number for number, layer in enumerate(layers)}
        self.trains: set[Node] = set()
        self._first: dict[int, list[Node]] = {}
        waits: dict[Node, int] = {}
        takes: dict[Node, int] = {}
        network = {each.node for layer in layers for each in layer.normalizations}
        for node in step.recognized.order if bits else ():
            inputs, all_inputs = list(data(node)), list(requirements(node))
            own = bits.get(node, 0)
            waits[node], takes[node] = own, own
            for each in all_inputs:
                waits[node] |= waits.get(each, 0)
            for each in inputs:
                takes[node] |= takes.get(each, 0)
            if not recognize.is_gradient(node) and not network.isdisjoint(inputs):
                network.add(node)
            if _trains(node, step) or not self.trains.isdisjoint(all_inputs):
                self.trains.add(node)
            tied = waits[node] & ~takes[node]
            if tied and node in network and node not in self.trains and not self._private(node, step):
                # Only where it begins to wait: what follows from it waits, too.
                for each in network.intersection(inputs):
                    tied &= ~(waits.get(each, 0) & ~takes.get(each, 0))
                self._note(node, tied)

    def _note(self, node: Node, bits: int) -> None:
        while bits:
            lowest = bits & -bits
            self._first.setdefault(lowest.bit_length() - 1, []).append(node)
            bits -= lowest

    def _private(self, node: Node, step: _Step) -> bool:
        """Whether it is in a body, which has to wait itself, or is the copy of the loss that create_train_op makes."""
        if step.recognized.conditions.of(node):
            return True
        barriers = [each for each in controls_of(node) if each.name.rpartition("/")[2].startswith("update_barrier")]
        return bool(barriers) and node not in step.starts

    def of(self, layer: recognize.Layer) -> list[Node]:
        number = self._numbers.get(layer.scope)
        found = [] if number is None else self._first.get(number, [])
        # The layer's own ops: with renorm, one update waits for another.
        return [node for node in found if not node.name.startswith(layer.scope)]


def _trains(node: Node, step: _Step) -> bool:
    """Whether an op changes a variable that is no layer's statistic: an optimizer's, a step counter."""
    if "Apply" in node.type:
        return True
    if not recognize.is_assignment(node):
        return False
    variable = source_of(node.inputs[0])
    return variable.type in recognize.VARIABLES and variable not in step.statistics


def _not_moved(layer: recognize.Layer, step: _Step) -> Iterator[Finding]:
    training = step.training(layer)
    if not training:
        return
    present = [name for name in recognize.STATISTICS if name in layer.variables]
    updates = {name: step.updates(layer, name) for name in present}
    missing = [name for name in present if not any(update.node in step.reached for update in updates[name])]
    if not missing:
        return
    left = [update for name in missing for update in updates[name]]
    if not left and layer.scope in step.held:
        return
    by = f"the step normalizes by the statistics of its batch ({training[0].node.name})"
    what = " and ".join(missing)
    affine = [node.name for name in recognize.AFFINE for node in layer.variables.get(name, ())]
    frozen = bool(affine) and bool(step.trainable) and not step.trainable.intersection(affine)
    if frozen and not any(update.node in step.holders for update in left):
        problem = f"{by}, and nothing moves {what}; beta and gamma are not trained either."
        yield Finding("not assigned", "warning", layer.scope, problem, advice.FROZEN)
    elif not left:
        problem = f"{by}, but nothing in the graph assigns {what}."
        yield Finding("not assigned", "error", layer.scope, problem, advice.NOT_ASSIGNED)
    elif all(_out_of_reach(update, step) for update in left):
        where = ", ".join(sorted({_place(update) for update in left}))
        problem = f"{by}, but the updates of {what} ({left[0].node.name}) are in {where} and nothing outside runs them."
        yield Finding("stuck", "error", layer.scope, problem, advice.STUCK)
    else:
        problem = f"{by}, but runs no update of {what}. {_whereabouts(left, step)}"
        yield Finding("not reached", "error", layer.scope, problem, advice.NOT_REACHED)


def _whereabouts(left: list[recognize.Update], step: _Step) -> str:
    """Where the updates are that the step does not run, and what that says of the cause."""
    names = ", ".join(dict.fromkeys(update.node.name for update in left))
    holders = sorted({collection for update in left for collection in step.holders.get(update.node, ())})
    if not holders:
        return f"No collection holds {names}; a Keras layer has its own in layer.updates."
    text = f"Collected in {', '.join(holders)}: {names}."
    if tf.compat.v1.GraphKeys.UPDATE_OPS in holders:
        run = [entry in step.reached for entry in step.collected]
        if any(run) and not any(run[run.index(False) :]):
            text += (
                f" The step runs the first {run.index(False)} of the {len(run)} entries of UPDATE_OPS: the collection"
                " was read before this layer was built."
            )
    return text


def _out_of_reach(update: recognize.Update, step: _Step) -> bool:
    """Whether nothing that Session.run can fetch runs the update."""
    if not update.conditions:
        return False
    if update.node.callers:
        return update.node not in step.run_by_calls
    found, waiting = {update.node}, [update.node]
    while waiting:
        for each in step.recognized.consumers[waiting.pop()]:
            if each.type in ("Merge", "RefMerge", "Exit") and not step.recognized.conditions.of(each):
                return False
            if each not in found and step.recognized.conditions.of(each):
                found.add(each)
                waiting.append(each)
    return True


def _place(update: recognize.Update) -> str:
    loops = [each for each in update.conditions if each.branch is None]
    return f"the loop {loops[0].of}" if loops else f"a branch on {next(iter(update.conditions)).of}"


def _stuck_step(layer: recognize.Layer, step: _Step) -> Iterator[Finding]:
    for update in layer.updates:
        for start in step.starts if update.node in step.reached and update.conditions else ():
            if step.recognized.conditions.of(start) & update.conditions:
                problem = (
                    f"the update {update.node.name} is in {_place(update)}, and {start.name} waits for it from outside:"
                    " Session.run refuses it, or runs nothing when the branch is not taken."
                )
                yield Finding("stuck", "error", layer.scope, problem, advice.STUCK)
                return


def _unordered(layer: recognize.Layer, step: _Step) -> Iterator[Finding]:
    for statistic in recognize.STATISTICS:
        for a, b in itertools.combinations(step.racing(layer, statistic), 2):
            if not step.ordered(a.node, b.node) and not exclusive(a.conditions, b.conditions):
                problem = (
                    f"the step runs {a.node.name} and {b.node.name}, which both read and assign {statistic}, in no"
                    " order: one works on a value that the other has replaced."
                )
                yield Finding("unordered", "error", layer.scope, problem, advice.UNORDERED)
                break


def _in_evaluation(layer: recognize.Layer, step: _Step) -> Iterator[Finding]:
    found = step.waiting.of(layer)
    if found:
        problem = f"{found[0].name} waits for its collected updates: whatever evaluates it moves the statistics. If it "
        problem += "was only written under the control_dependencies of the optimizer, build it before them."
        yield Finding("in evaluation", "warning", layer.scope, problem, advice.IN_EVALUATION)


def _trainable(layer: recognize.Layer, step: _Step) -> Iterator[Finding]:
    names = (*recognize.STATISTICS, *recognize.RENORM)
    nodes = [node for name in names for node in layer.variables.get(name, ())]
    applied = {
        source_of(node.inputs[0]): node.name
        for node in sorted(step.reached, key=lambda node: node.name)
        if "Apply" in node.type and node.inputs and source_of(node.inputs[0]) in nodes
    }
    found = [node for node in nodes if node.name in step.trainable or node in applied]
    if not found:
        return
    problem = ", ".join(node.name.rpartition("/")[2] for node in found)
    listed = any(node.name in step.trainable for node in found)
    problem += " are among the trainable variables" if listed else " are among what the optimizer was given to train"
    problem += f", and the optimizer changes them ({min(applied.values())})." if applied else "."
    yield Finding("trainable", "error" if applied else "warning", layer.scope, problem, advice.TRAINABLE)
