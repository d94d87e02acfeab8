"""Layers as one writes them without a library: four or more get_variable, the formulas, assignments.

Each takes inputs with the channels last and a scope, and returns outputs and updates. Keeps to Python 3.7, as steps.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

import tensorflow as tf

v1 = tf.compat.v1

DECAY = 0.999
RENORM_DECAY = 0.99
EPSILON = 0.001
CLIPPING = {"rmin": 1 / 3.0, "rmax": 3.0, "dmax": 5.0}

Layer = Tuple[Any, List[Any]]


def plain(inputs: Any, scope: str, training: bool = True, data_format: str = "NHWC") -> Layer:
    """The fused op."""
    with v1.variable_scope(scope):
        gamma, beta, moving_mean, moving_variance = _variables(inputs.shape[-1 if data_format == "NHWC" else 1])
        if not training:
            return _fused(inputs, gamma, beta, moving_mean, moving_variance, False, data_format).y, []
        fused = _trained(inputs, gamma, beta, data_format)
        return fused.y, [
            _follow(moving_mean, fused.batch_mean, 1 - DECAY),
            _follow(moving_variance, fused.batch_variance, 1 - DECAY),
        ]


def convolution(inputs: Any, scope: str, training: bool = True) -> Layer:
    """A convolution of one position, the fused op and relu."""
    with v1.variable_scope(scope):
        channels = inputs.shape[-1]
        weights = v1.get_variable("weights", [1, 1, channels, channels])
        outputs, updates = plain(v1.nn.conv2d(inputs, weights, [1, 1, 1, 1], "SAME"), "BatchNorm", training)
        return tf.nn.relu(outputs), updates


def inline(inputs: Any, scope: str) -> Layer:
    """Outputs that wait for the updates."""
    outputs, updates = plain(inputs, scope)
    with tf.control_dependencies([getattr(update, "op", update) for update in updates]):
        return tf.identity(outputs), []


def placeholder(inputs: Any, scope: str, is_training: Any) -> Layer:
    """Whichever mode each run asks for."""
    with v1.variable_scope(scope):
        gamma, beta, moving_mean, moving_variance = _variables(inputs.shape[-1])

        def train() -> List[Any]:
            fused = _trained(inputs, gamma, beta)
            return [fused.y, fused.batch_mean, fused.batch_variance]

        def infer() -> List[Any]:
            fused = _fused(inputs, gamma, beta, moving_mean, moving_variance, False)
            return [fused.y, tf.identity(moving_mean), tf.identity(moving_variance)]

        outputs, mean, variance = v1.cond(is_training, train, infer)
        return outputs, [_follow(moving_mean, mean, 1 - DECAY), _follow(moving_variance, variance, 1 - DECAY)]


def renorm(inputs: Any, scope: str) -> Layer:
    """Batch renormalization with clipping, by its formulas."""
    with v1.variable_scope(scope):
        gamma, beta, moving_mean, moving_variance = _variables(inputs.shape[-1])
        moving_stddev = _statistic("moving_stddev", inputs.shape[-1], v1.ones_initializer())
        renorm_mean = _statistic("renorm_mean", inputs.shape[-1], v1.zeros_initializer())
        renorm_stddev = _statistic("renorm_stddev", inputs.shape[-1], v1.ones_initializer())
        mean, variance = tf.nn.moments(inputs, [0, 1, 2])
        stddev = tf.sqrt(variance + EPSILON)
        r = tf.stop_gradient(tf.clip_by_value(stddev / renorm_stddev, CLIPPING["rmin"], CLIPPING["rmax"]))
        d = tf.stop_gradient(
            tf.clip_by_value((mean - renorm_mean) / renorm_stddev, -CLIPPING["dmax"], CLIPPING["dmax"])
        )
        outputs = tf.nn.batch_normalization(inputs, mean, variance, d * gamma + beta, r * gamma, EPSILON)
        with tf.control_dependencies([r, d]):
            updates = [
                _follow(renorm_mean, mean, 1 - RENORM_DECAY),
                _follow(renorm_stddev, stddev, 1 - RENORM_DECAY),
                _follow(moving_mean, mean, 1 - DECAY),
            ]
            deviation = tf.convert_to_tensor(_follow(moving_stddev, stddev, 1 - DECAY))
            updates.append(v1.assign(moving_variance, tf.nn.relu(tf.square(deviation) - EPSILON)))
        return outputs, updates


def composed(inputs: Any, scope: str) -> Layer:
    """Without the fused op."""
    with v1.variable_scope(scope):
        gamma, beta, moving_mean, moving_variance = _variables(inputs.shape[-1])
        mean, variance = tf.nn.moments(inputs, [0, 1, 2])
        outputs = tf.nn.batch_normalization(inputs, mean, variance, beta, gamma, EPSILON)
        return outputs, [_follow(moving_mean, mean, 1 - DECAY), _follow(moving_variance, variance, 1 - DECAY)]


def function(channels: int, training: bool = True) -> Tuple[Callable[[Any], Any], Dict[str, Any]]:
    """The fused op for a tf.function: what gives the outputs and follows the averages, and the variables by name."""
    variables = {name: tf.Variable(tf.zeros([channels]), name=name) for name in ("beta", "gamma", "moving_mean")}
    variables["moving_variance"] = tf.Variable(tf.ones([channels]))
    variables["gamma"].assign(tf.ones([channels]))
    gamma, beta, moving_mean, moving_variance = (
        variables[name] for name in ("gamma", "beta", "moving_mean", "moving_variance")
    )

    def call(inputs: Any) -> Any:
        if not training:
            return _fused(inputs, gamma, beta, moving_mean, moving_variance, False).y
        fused = _trained(inputs, gamma, beta)
        moving_mean.assign_sub((moving_mean - fused.batch_mean) * (1 - DECAY))
        moving_variance.assign_sub((moving_variance - fused.batch_variance) * (1 - DECAY))
        return fused.y

    return call, variables


# By the name of the path that does the same; a layer gets the path's tensors as well.
LAYERS: Dict[str, Callable[..., Layer]] = {
    "default": plain,
    "inline updates": inline,
    "is_training placeholder": placeholder,
    "renorm": renorm,
    "fused=False": composed,
}


def _variables(channels: Any) -> Tuple[Any, Any, Any, Any]:
    return (
        v1.get_variable("gamma", [channels], initializer=v1.ones_initializer()),
        v1.get_variable("beta", [channels], initializer=v1.zeros_initializer()),
        _statistic("moving_mean", channels, v1.zeros_initializer()),
        _statistic("moving_variance", channels, v1.ones_initializer()),
    )


def _statistic(name: str, channels: Any, initializer: Any) -> Any:
    return v1.get_variable(name, [channels], initializer=initializer, trainable=False)


def _trained(inputs: Any, gamma: Any, beta: Any, data_format: str = "NHWC") -> Any:
    unused = tf.constant([], tf.float32)
    return _fused(inputs, gamma, beta, unused, unused, True, data_format)


def _fused(
    inputs: Any, gamma: Any, beta: Any, mean: Any, variance: Any, training: bool, data_format: str = "NHWC"
) -> Any:
    return tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=gamma,
        offset=beta,
        mean=mean,
        variance=variance,
        epsilon=EPSILON,
        data_format=data_format,
        is_training=training,
    )


def _follow(average: Any, value: Any, rate: float) -> Any:
    return v1.assign_sub(average, (average - value) * rate)
