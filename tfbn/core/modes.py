"""Training, inference, or whichever of the two a run asks for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.core import normalization
from tfbn.core.flag import Flag
from tfbn.core.observation import TrainingCall, find_observer
from tfbn.core.settings import Settings
from tfbn.core.values import Batch, CallInputs, Params, State
from tfbn.ops.empty import hide_empty_shape


def compute(call: CallInputs, params: Params, state: State, settings: Settings) -> tuple[tf.Tensor, Batch | None, Flag]:
    """The outputs, the statistics of the batch, and whether there are any."""
    if not settings.layout.channels:
        return tf.identity(call.inputs), None, Flag(False)
    call = _hide_empty_shapes(call)
    if call.is_training.never:
        return normalization.normalize_by_moving(call.inputs, params, state, settings), None, Flag(False)

    adjustment = call.adjustment
    if adjustment is not None:
        parts = adjustment(tf.shape(call.inputs)) if callable(adjustment) else adjustment
        adjustment = tuple(hide_empty_shape(tf.convert_to_tensor(part)) for part in parts)
    weights = normalization.sample_weights(call.inputs, settings, call.batch_weights, call.mask)
    observer = find_observer([state.moving_mean])
    if observer is not None:
        settings = settings._replace(renorm_clipping=None)
        observer(TrainingCall(call.inputs, weights, call.is_training, state, settings))
    outputs, batch, active = _compute(call, params, state, settings, weights, adjustment)
    return (outputs, batch, active) if observer is None else (outputs, None, Flag(False))


def _hide_empty_shapes(call: CallInputs) -> CallInputs:
    names = ("inputs", "batch_weights", "mask")
    return call._replace(**{name: hide_empty_shape(getattr(call, name)) for name in names})


def _compute(
    call: CallInputs,
    params: Params,
    state: State,
    options: Settings,
    weights: tf.Tensor | None,
    adjustment: tuple[Any, Any] | None,
) -> tuple[tf.Tensor, Batch, Flag]:
    inputs = call.inputs
    pooled = normalization.pool(inputs, options, weights) if call.across else None
    nonempty = normalization.has_samples(inputs, options, weights, pooled)
    normalized = functools.partial(
        normalization.normalize_batch,
        options=options,
        nonempty=nonempty,
        weights=weights,
        adjustment=adjustment,
        pooled=pooled,
    )
    if call.is_training.always:
        return (*normalized(inputs, params, state), Flag(nonempty))

    predicate = tf.convert_to_tensor(call.is_training.value)

    def train(inputs: tf.Tensor, params: Params, state: State) -> list[tf.Tensor]:
        if options.layout.leaves_remainder(inputs.shape):
            with tf.control_dependencies([options.layout.assert_divides(tf.shape(inputs)[0])]):
                return [tf.identity(value) for value in infer(inputs, params, state)]
        outputs, batch = normalized(inputs, params, state)
        return [outputs, *(value for value in batch if value is not None)]

    def infer(inputs: tf.Tensor, params: Params, state: State) -> list[tf.Tensor]:
        # Stands in for the batch's statistics; the update rate is zero.
        count = len(Batch._fields) if options.renorm_clipping is not None else 2
        nothing = tf.zeros(state.moving_mean.shape, normalization.compute_dtype(inputs.dtype))
        return [normalization.normalize_by_moving(inputs, params, state, options), *[nothing] * count]

    # Read before the branches: for a tape outside of the tf.function, TensorFlow has no second derivatives by variables
    # that are read within.
    params = Params(*(None if value is None else tf.convert_to_tensor(value) for value in params))
    # The assignments stay outside: a ref variable cannot be assigned in a control flow v2 branch.
    outputs, *statistics = choose(predicate, train, infer, inputs, params, state, call.across)
    return outputs, Batch(*statistics), Flag(predicate) & Flag(nonempty)


def choose(
    predicate: tf.Tensor,
    one: Callable[..., list[tf.Tensor]],
    other: Callable[..., list[tf.Tensor]],
    inputs: tf.Tensor,
    params: Params,
    state: State,
    across: bool = False,
) -> list[tf.Tensor]:
    """`one(inputs, params, state)` where the predicate holds, else `other(...)`; only that is computed.

    Both are computed under XLA, which does not compile the gradient that TensorFlow makes of a conditional from outside
    of the compiled function; and `across` replicas, because TensorFlow refuses their collectives in a conditional.
    """
    if not across and not _tensorflow.compiled_by_xla():
        yes, no = _switch(predicate, inputs, params)
        return tf.compat.v1.cond(predicate, lambda: one(*yes(), state), lambda: other(*no(), state))
    on_true = one(*_where(predicate, inputs, params, state))
    on_false = other(*_where(tf.logical_not(predicate), inputs, params, state))
    return [tf.where(predicate, first, second) for first, second in zip(on_true, on_false)]


# Called within a branch of a conditional, returns the inputs and parameters for this branch to use.
Side = Callable[[], tuple[tf.Tensor, Params]]


def _switch(predicate: tf.Tensor, inputs: tf.Tensor, params: Params) -> tuple[Side, Side]:
    """The inputs and parameters for the branch of True and for that of False.

    By default each branch of a v1 conditional takes a tensor in by a separate Switch. An AddN then sums the gradients
    of both, one of which is zeros: over the whole tensor this costs a fourth of the fused kernel's step, and twelve ops
    for each tensor. With one Switch for both branches, a Merge joins the gradients, which copies nothing.
    """
    v2 = tf.compat.v1.control_flow_v2_enabled() or tf.compat.v1.get_default_graph().building_function
    # In the body of a loop or a branch, TensorFlow would take this Switch for one of that loop or branch.
    if v2 or _tensorflow.in_v1_body():
        return (lambda: (inputs, params),) * 2
    # A separate predicate for this layer, as a conditional has: export may decide layers differently.
    predicate = tf.identity(predicate, "pred_id")
    switched = [None if value is None else tf.raw_ops.Switch(data=value, pred=predicate) for value in (inputs, *params)]

    def side(name: str) -> tuple[tf.Tensor, Params]:
        tensors = [None if pair is None else getattr(pair, name) for pair in switched]
        _tensorflow.take_into_branch(tensor for tensor in tensors if tensor is not None)
        return tensors[0], Params(*tensors[1:])

    return functools.partial(side, "output_true"), functools.partial(side, "output_false")


def _where(condition: tf.Tensor, inputs: tf.Tensor, params: Params, state: State) -> tuple[tf.Tensor, Params, State]:
    """The same where the condition holds, else harmless numbers: a zero gradient times infinity would be NaN."""

    def guard(value: Any, harmless: float) -> tf.Tensor | None:
        if value is None:
            return None
        value = tf.convert_to_tensor(value)
        return tf.where(condition, value, tf.constant(harmless, value.dtype))

    return (
        guard(inputs, 0.0),
        Params(guard(params.beta, 0.0), guard(params.gamma, 1.0)),
        State(*(guard(value, start) for value, start in zip(state, (0.0, 1.0, 0.0, 1.0)))),
    )
