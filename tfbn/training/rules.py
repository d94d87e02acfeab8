"""The rules of `check_updates`, one for each way in which a step can miss a layer's statistics."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import tensorflow as tf

from tfbn.graphdef import short_names
from tfbn.graphdef.conditions import exclusive
from tfbn.graphdef.dataflow import Node
from tfbn.graphdef.recognize import Layer, Update
from tfbn.training import advice
from tfbn.training.step import Missed, Step


class Rule(NamedTuple):
    kind: str
    severity: str  # 'error' or 'warning'
    check: Callable[[Layer, Step], Iterator[str]]  # yields what is wrong
    remedy: str


def _frozen(layer: Layer, step: Step) -> Iterator[str]:
    if missed := _missed(layer, step, "frozen"):
        yield f"{_trained(missed)}, and nothing updates {_names(missed)}; beta and gamma are not trained either."


def _not_assigned(layer: Layer, step: Step) -> Iterator[str]:
    if missed := _missed(layer, step, "not assigned"):
        yield f"{_trained(missed)}, but nothing in the graph assigns {_names(missed)}."


def _out_of_reach(layer: Layer, step: Step) -> Iterator[str]:
    if missed := _missed(layer, step, "out of reach"):
        places = ", ".join(sorted({_place(update) for update in missed.updates}))
        yield (
            f"{_trained(missed)}, but the updates of {_names(missed)} ({missed.updates[0].node.name}) are in {places} "
            "and nothing outside runs them."
        )


def _not_reached(layer: Layer, step: Step) -> Iterator[str]:
    if missed := _missed(layer, step, "not run"):
        yield f"{_trained(missed)}, but runs no update of {_names(missed)}. {_whereabouts(missed.updates, step)}"


def _waited_for_from_outside(layer: Layer, step: Step) -> Iterator[str]:
    for update in layer.updates:
        for start in step.starts if update.node in step.reached and update.conditions else ():
            if step.recognized.conditions.of(start) & update.conditions:
                yield (
                    f"the update {update.node.name} is in {_place(update)}, and {start.name} waits for it from outside:"
                    " Session.run refuses it, or runs nothing when the branch is not taken."
                )
                return


def _unordered(layer: Layer, step: Step) -> Iterator[str]:
    for statistic in short_names.STATISTICS:
        for a, b in itertools.combinations(step.racing(layer, statistic), 2):
            if not step.is_ordered(a.node, b.node) and not exclusive(a.conditions, b.conditions):
                yield (
                    f"the step runs {a.node.name} and {b.node.name}, which both read and assign {statistic}, in no"
                    " order: one may use a value that the other has replaced."
                )
                break


def _in_evaluation(layer: Layer, step: Step) -> Iterator[str]:
    for node in step.waiting_for(layer)[:1]:
        yield (
            f"{node.name} waits for its collected updates: evaluating it updates the statistics. If it is under "
            "the control_dependencies of the optimizer by accident, build it before them."
        )


def _trained_statistics(layer: Layer, step: Step) -> Iterator[str]:
    if names := [step.optimized[node] for node in _statistics(layer) if node in step.optimized]:
        yield f"{_describe_trained(layer, step)}, and the optimizer changes them ({min(names)})."


def _listed_statistics(layer: Layer, step: Step) -> Iterator[str]:
    nodes = _statistics(layer)
    if step.optimized.keys().isdisjoint(nodes) and any(node.name in step.trainable for node in nodes):
        yield f"{_describe_trained(layer, step)}."


def _not_copied(layer: Layer, step: Step) -> Iterator[str]:
    copy = step.partial_copies.get(layer.scope)
    if copy is not None and layer.modes == ("inference",):
        yield (
            f"it normalizes by {_unassigned(layer)}, which nothing in the graph assigns, while {copy.assignment.name} "
            f"copies {copy.short} from {copy.source.scope}."
        )


RULES = (
    Rule("not assigned", "warning", _frozen, advice.FROZEN),
    Rule("not assigned", "error", _not_assigned, advice.NOT_ASSIGNED),
    Rule("stuck", "error", _out_of_reach, advice.STUCK),
    Rule("not reached", "error", _not_reached, advice.NOT_REACHED),
    Rule("stuck", "error", _waited_for_from_outside, advice.STUCK),
    Rule("unordered", "error", _unordered, advice.UNORDERED),
    Rule("in evaluation", "warning", _in_evaluation, advice.IN_EVALUATION),
    Rule("trainable", "error", _trained_statistics, advice.TRAINABLE),
    Rule("trainable", "warning", _listed_statistics, advice.TRAINABLE),
    Rule("not copied", "warning", _not_copied, advice.NOT_COPIED),
)


def _missed(layer: Layer, step: Step, cause: str) -> Missed | None:
    missed = step.missed(layer)
    return missed if missed is not None and missed.cause == cause else None


def _trained(missed: Missed) -> str:
    if missed.normalization is None:
        return f"the step updates {' and '.join(missed.updated)}"
    return f"the step normalizes by the statistics of its batch ({missed.normalization.name})"


def _names(missed: Missed) -> str:
    return " and ".join(missed.statistics)


def _whereabouts(updates: list[Update], step: Step) -> str:
    """Which collections have the updates that the step does not run, and what that says about the cause."""
    names = ", ".join(dict.fromkeys(update.node.name for update in updates))
    holders = sorted({collection for update in updates for collection in step.holders.get(update.node, ())})
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


def _place(update: Update) -> str:
    loops = [condition for condition in update.conditions if condition.branch is None]
    return f"the loop {loops[0].of}" if loops else f"a branch on {next(iter(update.conditions)).of}"


def _statistics(layer: Layer) -> list[Node]:
    names = (*short_names.STATISTICS, *short_names.RENORM, *short_names.OLD_RENORM)
    return [node for name in names for node in layer.variables.get(name, ())]


def _unassigned(layer: Layer) -> str:
    return " and ".join(node.name for name in short_names.STATISTICS for node in layer.variables.get(name, ()))


def _describe_trained(layer: Layer, step: Step) -> str:
    """Which moving statistics are trained, and by which list."""
    nodes = [node for node in _statistics(layer) if node.name in step.trainable or node in step.optimized]
    names = ", ".join(node.name.rpartition("/")[2] for node in nodes)
    if any(node.name in step.trainable for node in nodes):
        return f"{names} are among the trainable variables"
    return f"{names} are among what the optimizer was given to train"
