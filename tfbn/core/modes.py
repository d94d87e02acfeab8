"""Training, inference, or the one of the two that a run asks for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.core import normalization
from tfbn.core.flag import Flag
from tfbn.core.observation import TrainingCall, observer_of
from tfbn.core.settings import Settings
from tfbn.core.values import Batch, CallInputs, Params, State
from tfbn.ops.empty import hide_empty_shape


def compute(call: CallInputs, params: Params, state: State, settings: Settings) -> tuple[tf.Tensor, Batch | None, Flag]:
    """The outputs, what the batch says of its channels, and whether a batch was there to say it."""
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
    observer = observer_of([state.moving_mean])
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
    nonempty = normalization.has_samples(inputs, weights, pooled)
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
        # What stands for the batch is multiplied by a rate of zero.
        count = len(Batch._fields) if options.renorm_clipping is not None else 2
        nothing = tf.zeros(state.moving_mean.shape, normalization.compute_dtype(inputs.dtype))
        return [normalization.normalize_by_moving(inputs, params, state, options), *[nothing] * count]

    # Read before the branches: of gradients that a tape outside of the tf.function took, TensorFlow has no derivatives
    # by what is read within.
    params = Params(*(None if value is None else tf.convert_to_tensor(value) for value in params))
    # The assignments stay outside: a ref variable cannot be assigned in a control flow v2 branch.
    outputs, *of_batch = choose(predicate, train, infer, inputs, params, state, call.across)
    return outputs, Batch(*of_batch), Flag(predicate) & Flag(nonempty)


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
    chosen = one(*_where(predicate, inputs, params, state))
    rest = other(*_where(tf.logical_not(predicate), inputs, params, state))
    return [tf.where(predicate, mine, others) for mine, others in zip(chosen, rest)]


# Called within a branch of a conditional, gives what both branches take, as this one is to take it.
Side = Callable[[], tuple[tf.Tensor, Params]]


def _switch(predicate: tf.Tensor, inputs: tf.Tensor, params: Params) -> tuple[Side, Side]:
    """The inputs and parameters as the branch of True and that of False are to take them.

    Each branch of a v1 conditional takes them in by a Switch of its own. The gradients of two meet in an AddN, one side
    of it zeros: over the whole tensor a fourth of the fused kernel's step, and twelve ops for each tensor. Those of one
    Switch for both branches meet in a Merge, which copies nothing.
    """
    v2 = tf.compat.v1.control_flow_v2_enabled() or tf.compat.v1.get_default_graph().building_function
    # In the body of a loop or a branch, TensorFlow would take this Switch for one of that loop's or branch's own.
    if v2 or _tensorflow.in_v1_body():
        return (lambda: (inputs, params),) * 2
    # A predicate for this layer alone, as a conditional has one: export may decide layers differently.
    predicate = tf.identity(predicate, "pred_id")
    switched = [None if value is None else tf.raw_ops.Switch(data=value, pred=predicate) for value in (inputs, *params)]

    def side(name: str) -> tuple[tf.Tensor, Params]:
        tensors = [None if each is None else getattr(each, name) for each in switched]
        _tensorflow.take_into_branch(tensor for tensor in tensors if tensor is not None)
        return tensors[0], Params(*tensors[1:])

    return functools.partial(side, "output_true"), functools.partial(side, "output_false")


def _where(held: tf.Tensor, inputs: tf.Tensor, params: Params, state: State) -> tuple[tf.Tensor, Params, State]:
    """The same, or where not `held` numbers that do no harm: a zero gradient times infinity would be NaN."""

    def at(value: Any, harmless: float) -> tf.Tensor | None:
        if value is None:
            return None
        value = tf.convert_to_tensor(value)
        return tf.where(held, value, tf.constant(harmless, value.dtype))

    return (
        at(inputs, 0.0),
        Params(at(params.beta, 0.0), at(params.gamma, 1.0)),
        State(*(at(value, start) for value, start in zip(state, (0.0, 1.0, 0.0, 1.0)))),
    )
