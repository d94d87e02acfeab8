"""What each front end of tfbn makes of a case, in the case's surroundings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

import tfbn
from tests.fuzz.formula import by_graph, by_tapes, derivatives
from tests.fuzz.layer_case import DECAY, RENORM_DECAY, Case, Numbers, is_unbiased
from tests.graph.regimes import graph
from tests.keras import generations

tf1 = tf.compat.v1


def computed(case: Case, given: Numbers) -> dict[str, np.ndarray]:
    """What tfbn makes of it, with the channels last."""
    axis = 1 if case.first else -1
    stored = "float64" if case.dtype == "float64" else "float32"
    x = tf.cast(tf.constant(np.moveaxis(given.x, -1, axis)), case.dtype).numpy()
    vectors = {name: value.astype(stored) for name, value in given.vectors.items()}
    weighing = {} if given.weights is None else {"batch_weights": given.weights.astype(stored)}
    weighing.update({} if given.mask is None else {"mask": given.mask})
    if case.front in ("batch_norm", "batch_normalization"):
        results = in_graph(case, given, x, vectors, weighing, axis)
    else:
        results = in_eager(case, given, x, vectors, weighing, axis)
    for name in results.keys() & {"outputs", "dx", "ddx"}:
        results[name] = np.moveaxis(np.asarray(results[name], np.float64), axis, -1)
    return {name: np.asarray(value, np.float64) for name, value in results.items()}


def in_eager(case: Case, given: Numbers, x: Any, vectors: dict, weighing: dict, axis: int) -> dict[str, Any]:
    arguments, statistics = dict(case.arguments), [name for name in vectors if name not in ("beta", "gamma")]
    renorm = arguments["renorm_clipping"] is not None
    sources = [tf.constant(x), tf.constant(vectors["gamma"]), tf.constant(vectors["beta"])]
    flag = tf.constant(case.training) if case.dynamic else case.training
    if case.front == "functional":
        arguments.update(decay=DECAY, renorm_decay=RENORM_DECAY, unbiased=is_unbiased(case), axis=axis)

        def train(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tuple[tf.Tensor, list]:
            params = tfbn.functional.Params(beta, gamma)
            state = tfbn.functional.State(**{name: tf.constant(vectors[name]) for name in statistics})
            if not case.training:
                outputs = tfbn.functional.infer(
                    x, params, state, epsilon=arguments["epsilon"], axis=axis, fused=arguments["fused"]
                )
                return outputs, [vectors[name] for name in statistics]
            outputs, state = tfbn.functional.train(x, params, state, **weighing, **arguments)
            return outputs, [getattr(state, name) for name in statistics]

        after = dict(zip(statistics, train(*sources)[1]))
        return {**surrounded(case, lambda *values: train(*values)[0], sources, given, axis), **after}
    arguments.update(decay=DECAY, renorm_decay=RENORM_DECAY, renorm=renorm, scale=True, unbiased=is_unbiased(case))
    arguments["axis"] = axis
    if case.front == "BatchNorm":
        norm = tfbn.BatchNorm(case.shape[-1], param_dtype=vectors["beta"].dtype, **arguments)
    else:
        dtype = {"float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}.get(case.dtype, case.dtype)
        norm = tfbn.keras.layer_class(generations.ALL[-1])(dtype=dtype, **arguments)
        norm.build(x.shape)

    def reset() -> None:
        for name, value in vectors.items():
            getattr(norm, name).assign(value)

    def call(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tf.Tensor:
        del gamma, beta  # the variables have their values
        return norm(x, flag, **weighing) if case.front == "BatchNorm" else norm(x, training=flag, **weighing)

    reset()
    # Variables of Keras 3 wrap those of TensorFlow.
    sources[1:] = [each if isinstance(each, tf.Variable) else each.value for each in (norm.gamma, norm.beta)]
    call(*sources)
    after = {name: tf.convert_to_tensor(getattr(norm, name)).numpy() for name in statistics}
    reset()
    return {**surrounded(case, call, sources, given, axis, reset), **after}


def surrounded(
    case: Case, layer: Callable, sources: list, given: Numbers, axis: int, reset: Callable = lambda: None
) -> dict[str, Any]:
    """Outputs and derivatives, computed in the surroundings of the case."""
    around = case.around
    if around == "forward mode":
        return in_forward_mode(layer, sources, given, axis)
    wrapped = {
        "function": lambda *values: tf.function(layer, autograph=False)(*values),
        "XLA": lambda *values: tf.function(layer, autograph=False, jit_compile=True)(*values),
        "recompute_grad": tf.recompute_grad(layer),
        "cond": tf.function(lambda x, *more: tf.cond(tf.size(x) >= 0, lambda: layer(x, *more), lambda: x)),
        "nested conds": tf.function(
            lambda x, *more: tf.cond(
                tf.size(x) < 0, lambda: x, lambda: tf.cond(tf.rank(x) > 0, lambda: layer(x, *more), lambda: 2 * x)
            )
        ),
        "while": tf.function(
            lambda x, *more: tf.while_loop(
                lambda i, y: i < 1, lambda i, y: (i + 1, layer(x, *more)), [0, x], maximum_iterations=1
            )[1]
        ),
    }.get(around, layer)

    def whole(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return derivatives(wrapped, [x, *sources[1:]], given, by_tapes, axis, once=around == "recompute_grad")

    if around in ("function around tapes", "XLA around tapes"):
        return tf.function(whole, autograph=False, jit_compile="XLA" in around)(sources[0])
    if around == "vectorized_map":
        mapped = tf.vectorized_map(whole, tf.stack([sources[0], sources[0] * 0.5]))
        return {name: value[0] for name, value in mapped.items()}
    if around == "Dataset.map":
        return next(iter(tf.data.Dataset.from_tensors(sources[0]).map(whole)))
    return whole(sources[0])


def in_forward_mode(layer: Callable, sources: list, given: Numbers, axis: int) -> dict[str, Any]:
    """The outputs and one number: the loss's derivative along the tangent."""
    slope, tangent = (tf.constant(np.moveaxis(value, -1, axis)) for value in (given.slope, given.tangent))
    with tf.autodiff.ForwardAccumulator(sources[0], tf.cast(tangent, sources[0].dtype)) as forward:
        outputs = layer(*sources)
        loss = tf.reduce_sum(slope * tf.tanh(tf.cast(outputs, tf.float64)))
    return {"outputs": outputs, "along": forward.jvp(loss, unconnected_gradients="zero")}


def in_graph(case: Case, given: Numbers, x: Any, vectors: dict, weighing: dict, axis: int) -> dict[str, Any]:
    arguments = {name: value for name, value in case.arguments.items() if value is not None}
    if "renorm_clipping" in arguments:
        arguments["renorm"] = True
    inline = case.around != "graph"
    # Ref variables cannot be assigned in bodies of control flow v2.
    with graph(*((True, case.regime[1]) if inline else case.regime)):
        inputs = tf1.placeholder(x.dtype, [None, *x.shape[1:]] if x.ndim > 1 and case.dynamic else x.shape)
        flag = tf1.placeholder_with_default(case.training, []) if case.dynamic else case.training
        if case.front == "batch_norm":
            arguments.update(decay=DECAY, renorm_decay=RENORM_DECAY, scale=True, is_training=flag, scope="bn")
            arguments["data_format"] = "NCHW" if case.first else "NHWC"
            arguments.update(weighing, **({"updates_collections": None} if inline else {}))
        else:
            arguments.update(momentum=DECAY, renorm_momentum=RENORM_DECAY, training=flag, name="bn", axis=axis)

        def call(x: tf.Tensor) -> tf.Tensor:
            return getattr(tfbn, case.front)(x, **arguments)

        with tf1.variable_scope("", reuse=tf1.AUTO_REUSE):
            if case.around == "graph cond":
                outputs = tf.cond(tf1.placeholder_with_default(True, []), lambda: call(inputs), lambda: inputs)
            elif case.around == "graph while":
                outputs = tf.while_loop(lambda i, y: i < 1, lambda i, y: (i + 1, call(y)), [0, inputs])[1]
            else:
                outputs = call(inputs)
        variables = {variable.op.name.rpartition("/")[2]: variable for variable in tf1.global_variables()}
        sources = [inputs, *(variables[name] for name in ("gamma", "beta"))]
        results = derivatives(lambda *_: outputs, sources, given, by_graph, axis, once=case.around == "graph while")
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            for name, value in vectors.items():
                variables[name].load(value.reshape(variables[name].shape), session)
            results = session.run([results, tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)], {inputs: x})[0]
            after = session.run({name: variables[name] for name in vectors if name not in ("beta", "gamma")})
    # The variables of virtual batches have the inputs' rank and one more.
    affine = {name: np.ravel(value) for name, value in results.items() if name.endswith(("gamma", "beta"))}
    return {**results, **affine, **{name: np.ravel(value) for name, value in after.items()}}
