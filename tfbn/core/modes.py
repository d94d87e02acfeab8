"""Training, inference, or whichever of the two a run decides."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.core import normalization
from tfbn.core.values import Batch, Options, Params, State


class Seen(NamedTuple):
    """What a call in training normalizes, for whoever observes it."""

    inputs: tf.Tensor
    weights: tf.Tensor | None  # as `sample_weights` gives them
    is_training: Any  # True or a tensor
    state: State
    options: Options


Observer = Callable[[Seen], None]
_observers: list[Observer] = []


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Within, `observer` is told of each call that may train, and no call moves a statistic or corrects by renorm."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


def observed() -> Observer | None:
    """Who is told of calls, if anybody."""
    return _observers[-1] if _observers else None


def compute(
    inputs: tf.Tensor,
    params: Params,
    state: State,
    options: Options,
    is_training: Any = True,
    batch_weights: tf.Tensor | None = None,
    mask: tf.Tensor | None = None,
    adjustment: tuple[Any, Any] | None = None,
) -> tuple[tf.Tensor, Batch | None, tf.Tensor | bool]:
    """The outputs, what the batch says of its channels, and whether that is to move the statistics.

    `is_training` is a bool, or what becomes a boolean tensor.
    """
    if is_training is False:
        return normalization.normalize_by_moving(inputs, params, state, options), None, False

    weights = normalization.sample_weights(inputs, options, batch_weights, mask)
    observer = observed()
    if observer is not None:
        options = options._replace(renorm_clipping=None)
        observer(Seen(inputs, weights, is_training, state, options))
        return _compute(inputs, params, state, options, is_training, weights, adjustment)[0], None, False
    return _compute(inputs, params, state, options, is_training, weights, adjustment)


def _compute(
    inputs: tf.Tensor,
    params: Params,
    state: State,
    options: Options,
    is_training: Any,
    weights: tf.Tensor | None,
    adjustment: tuple[Any, Any] | None,
) -> tuple[tf.Tensor, Batch, tf.Tensor | bool]:
    pooled = normalization.pool(inputs, options, weights) if options.across else None
    some = normalization.has_samples(inputs, weights, pooled)
    normalized = functools.partial(
        normalization.normalize_batch,
        options=options,
        some=some,
        weights=weights,
        adjustment=adjustment,
        pooled=pooled,
    )
    if is_training is True:
        return (*normalized(inputs, params, state), some)

    predicate = tf.convert_to_tensor(is_training)

    def train(inputs: tf.Tensor, params: Params, state: State) -> list[tf.Tensor]:
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
    outputs, *of_batch = choose(predicate, train, infer, inputs, params, state, options.across)
    active = predicate if some is True else tf.logical_and(predicate, normalization.truth(some))
    return outputs, Batch(*of_batch), active


def both(active: tf.Tensor | bool, update_statistics: Any) -> tf.Tensor | bool:
    """Whether a step moves the statistics that has something to move them by."""
    if update_statistics is True:
        return active
    update_statistics = tf.convert_to_tensor(update_statistics)
    return update_statistics if active is True else tf.logical_and(normalization.truth(active), update_statistics)


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
        return tf.compat.v1.cond(predicate, lambda: one(inputs, params, state), lambda: other(inputs, params, state))
    chosen = one(*_where(predicate, inputs, params, state))
    rest = other(*_where(tf.logical_not(predicate), inputs, params, state))
    return [tf.where(predicate, mine, others) for mine, others in zip(chosen, rest)]


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
