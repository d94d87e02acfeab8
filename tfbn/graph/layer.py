"""The part that all front ends share after resolving arguments and creating variables: compute and wire the updates."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfbn.core import averages, modes
from tfbn.core.settings import Settings
from tfbn.core.values import CallInputs, Params, State
from tfbn.graph import original_names, registry, updates
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
    frozen = call.update_statistics.never
    names = original_names.reserve(
        call, settings, params.gamma is not None, has_updates and not frozen, updates_collections is None
    )
    if callable(call.adjustment) and settings.layout.channels and not call.is_training.never:
        # The ops that it creates are the caller's, and so not in our scope.
        call = call._replace(adjustment=call.adjustment(tf.shape(call.inputs)))
    with names.computing():
        outputs, batch, active = modes.compute(call, params, state, settings)
    wired = None
    if batch is not None and has_updates:
        if not frozen:
            updates.check_assignable(state.moving_mean)
        if settings.zero_debias:
            # Created even while frozen, so that checkpoints stay compatible between training phases.
            biased, local_step = create_debias_pair(scope, state.moving_mean, settings)
            state = state._replace(biased=biased, local_step=local_step)
        if not frozen:
            changes = averages.changes(state, batch, settings, active & call.update_statistics)
            with names.updating():
                changed = updates.build(state, changes)
            wired = updates.wire(outputs, changed, settings.path, updates_collections, names)
    if wired is None:
        wired = updates.Wired(original_names.named(outputs, names.output), (), ())
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
    return wired.outputs, [getattr(update, "op", update) for update in wired.updates]
