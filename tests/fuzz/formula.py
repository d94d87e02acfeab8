"""What a layer computes, by automatic differentiation of the plain formula in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tests.fuzz.layer_case import DECAY, RENORM_DECAY, Case, Numbers, is_unbiased

tf1 = tf.compat.v1


def expected(case: Case, given: Numbers) -> dict[str, np.ndarray]:
    """Outputs, derivatives and statistics by automatic differentiation of the plain formula in float64."""
    arguments, state, epsilon = case.arguments, given.vectors, case.arguments["epsilon"]
    number = max(1, case.shape[0] // (arguments["virtual_batch_size"] or case.shape[0] or 1))
    counted = np.broadcast_to(given.counted, given.x.shape) if len(case.shape) > 1 else np.ones(case.shape)
    axes, after = list(range(len(case.shape) - 1)), dict(state)

    def layer(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tf.Tensor:
        parts = []
        for part in range(number) if axes else [0]:
            values, own = (x[part::number], counted[part::number]) if axes else (x, counted)
            total = own.sum(tuple(axes))
            if case.training and total.all():
                # Elements without weight may be anything.
                mean = tf.reduce_sum(tf.where(own > 0, own * values, 0.0), axes) / total
                squares = tf.square(tf.where(own > 0, values, 0.0) - mean)
                variance = tf.reduce_sum(tf.where(own > 0, own * squares, 0.0), axes) / total
                parts.append((values, mean, variance, total))
            else:
                parts.append((values, state["moving_mean"], state["moving_variance"], None))
        counting, r, d = [part for part in parts if part[3] is not None], 1.0, 0.0
        if counting:
            r, d = follow([tuple(np.asarray(value) for value in part[1:]) for part in counting])
        outputs = []
        for values, mean, variance, total in parts:
            normalized = (values - mean) / tf.sqrt(variance + epsilon)
            outputs.append((normalized * r + d if total is not None else normalized) * gamma + beta)
        return outputs[0] if len(outputs) == 1 else tf.reshape(tf.stack(outputs, 1), x.shape)

    def follow(counting: list[tuple[np.ndarray, ...]]) -> tuple[Any, Any]:
        """Moves the statistics in `after`; the corrections of renorm."""
        mean = np.mean([mean for mean, _, _ in counting], 0)
        variance = np.mean([variance for _, variance, _ in counting], 0)
        correction = [n / np.maximum(n - 1, 1) if is_unbiased(case) else 1.0 for _, _, n in counting]
        followed = np.mean([own * factor for (_, own, _), factor in zip(counting, correction)], 0)
        targets, r, d, clipping = {"moving_mean": (mean, DECAY)}, 1.0, 0.0, arguments["renorm_clipping"]
        if clipping is None:
            targets["moving_variance"] = followed, DECAY
        else:
            stddev = np.sqrt(variance + epsilon)
            r = np.clip(stddev / state["renorm_stddev"], clipping.get("rmin", 0), clipping.get("rmax", np.inf))
            d = (mean - state["renorm_mean"]) / state["renorm_stddev"]
            d = np.clip(d, -clipping.get("dmax", np.inf), clipping.get("dmax", np.inf))
            targets.update(renorm_mean=(mean, RENORM_DECAY), renorm_stddev=(stddev, RENORM_DECAY))
            targets["moving_stddev"] = stddev, DECAY
        if arguments["update_statistics"]:
            after.update({key: decay * state[key] + (1 - decay) * to for key, (to, decay) in targets.items()})
            if clipping is not None:
                after["moving_variance"] = after["moving_stddev"] ** 2 - epsilon
        return r, d

    with np.errstate(all="ignore"):
        sources = [tf.constant(value) for value in (given.x, state["gamma"], state["beta"])]
        results = derivatives(layer, sources, given, by_tapes)
    return {**{name: value.numpy() for name, value in results.items()}, **after}


def derivatives(
    layer: Callable, sources: list, given: Numbers, gradient: Callable, axis: int = -1, once: bool = False
) -> dict[str, Any]:
    """The outputs, the gradients of a loss and, but for `once`, those of a weighted sum of these."""
    slope, tangent = (tf.constant(np.moveaxis(value, -1, axis)) for value in (given.slope, given.tangent))

    def loss() -> tf.Tensor:
        outputs.append(layer(*sources))
        return tf.reduce_sum(slope * tf.tanh(tf.cast(outputs[-1], tf.float64)))

    def penalty() -> tf.Tensor:
        first.extend(gradient(loss, sources))
        weighed = [
            tf.reduce_sum(tf.cast(part, tf.float64) * weight) for part, weight in zip(first, (tangent, 0.7, -1.3))
        ]
        return tf.add_n(weighed)

    outputs: list = []
    first: list = []
    second = [] if once else gradient(penalty, sources)
    first = first or gradient(loss, sources)
    names = ["outputs", "dx", "dgamma", "dbeta", "ddx", "ddgamma", "ddbeta"]
    return dict(zip(names, [outputs[0], *first, *second]))


def by_tapes(value: Callable, sources: list) -> list:
    with tf.GradientTape() as tape:
        tape.watch(sources)
        result = value()
    return tape.gradient(result, sources, unconnected_gradients="zero")


def by_graph(value: Callable, sources: list) -> list:
    return tf1.gradients(value(), sources, unconnected_gradients="zero")
