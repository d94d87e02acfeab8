"""What every front end does with its arguments resolved and its variables there: compute, and wire the updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.core import modes, policy, values
from tfbn.graph import registry, updates, variables


class Plan(NamedTuple):
    """The resolved arguments that all calls of a layer have in common."""

    row: policy.Row
    options: values.Options
    decay: Any
    renorm_decay: Any
    zero_debias: bool
    updates_collections: Any
    synchronized: bool = False


def apply(
    inputs: tf.Tensor,
    scope: tf.compat.v1.VariableScope,
    made: variables.Variables,
    plan: Plan,
    *,
    is_training: Any,
    moves: bool,
    update_statistics: Any = True,
    batch_weights: tf.Tensor | None = None,
    mask: tf.Tensor | None = None,
    adjustment: Callable | None = None,
) -> tuple[tf.Tensor, list[tf.Operation]]:
    """The outputs of one call, and its update ops, which are collected or forced as the plan says.

    `is_training` and `update_statistics` are bools or tensors; `moves` tells whether a training step moves the
    statistics at all.
    """
    adjusted = adjustment(tf.shape(inputs)) if adjustment is not None and is_training is not False else None
    options = plan.options
    if options.fused and not plan.row.fused and variables.has_trained_statistics(made):
        # The original's composed ops have the gradient that the fused kernel does not give moving statistics.
        options = options._replace(fused=False)
    params = values.Params(made["beta"], made["gamma"])
    state = values.State(made["moving_mean"], made["moving_variance"], made["renorm_mean"], made["renorm_stddev"])
    outputs, batch, active = modes.compute(inputs, params, state, options, is_training, batch_weights, mask, adjusted)
    found: list[Any] = []
    wired = updates.Wired(outputs, (), ())
    if batch is not None and moves and update_statistics is False and plan.zero_debias:
        # Held still, they are there all the same, so that checkpoints fit from one phase of training to the next.
        variables.create_debias_pair(scope, made["moving_mean"], plan.row, plan.synchronized)
    elif batch is not None and moves and update_statistics is not False:
        found = updates.build(
            scope,
            made,
            batch,
            plan.row,
            modes.both(active, update_statistics),
            decay=plan.decay,
            renorm_decay=plan.renorm_decay,
            epsilon=plan.options.epsilon,
            zero_debias=plan.zero_debias,
            synchronized=plan.synchronized,
        )
        wired = updates.wire(outputs, found, plan.row, plan.updates_collections)
    wired.outputs.set_shape(inputs.shape)
    registry.record(
        registry.Call(
            scope.name,
            made,
            plan.row,
            options,
            inputs,
            wired.outputs,
            is_training,
            wired.updates,
            wired.collections,
            update_statistics is False,
            (batch_weights, mask),
        )
    )
    return wired.outputs, [update.op for update in found]
