"""What every front end does once its arguments are resolved and its variables there: compute, and wire the updates."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfbn.core import averages, modes
from tfbn.core.settings import Settings
from tfbn.core.values import CallInputs, Params, State
from tfbn.graph import registry, updates
from tfbn.graph.variables import Variables, create_debias_pair, has_trained_statistics


def apply(
    call: CallInputs,
    scope: tf.compat.v1.VariableScope,
    variables: Variables,
    settings: Settings,
    updates_collections: Any,
    has_updates: bool,
) -> tuple[tf.Tensor, list[tf.Operation]]:
    """The outputs of one call and its update ops, which are collected, or which the outputs wait for.

    `has_updates` is whether training updates the statistics at all.
    """
    if not settings.path.adjusts:
        call = call._replace(adjustment=None)
    if settings.fused and not settings.path.fused and has_trained_statistics(variables):
        # The original's composed ops have the gradient that the fused kernel does not give moving statistics.
        settings = settings._replace(fused=False)
    params = Params(variables["beta"], variables["gamma"])
    state = State(**{name: variables[name] for name in State._fields})
    outputs, batch, active = modes.compute(call, params, state, settings)
    frozen = call.update_statistics.never
    update_values: list[Any] = []
    wired = updates.Wired(outputs, (), ())
    if batch is not None and has_updates:
        if not frozen:
            updates.check_assignable(state.moving_mean)
        if settings.zero_debias:
            # Created even while frozen, so that checkpoints stay compatible between training phases.
            biased, local_step = create_debias_pair(scope, state.moving_mean, settings)
            state = state._replace(biased=biased, local_step=local_step)
        if not frozen:
            changes = averages.changes(state, batch, settings, active & call.update_statistics)
            update_values = updates.build(state, changes)
            wired = updates.wire(outputs, update_values, settings.path, updates_collections)
    wired.outputs.set_shape(call.inputs.shape)
    registry.record(
        registry.Call(
            scope=scope.name,
            variables=variables,
            settings=settings,
            inputs=call.inputs,
            outputs=wired.outputs,
            is_training=call.is_training.value,
            updates=wired.updates,
            collections=wired.collections,
            statistics_frozen=frozen,
            weights=(call.batch_weights, call.mask),
        )
    )
    return wired.outputs, [update.op for update in update_values]
