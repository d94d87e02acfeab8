"""Layers of all front ends, in all surroundings, against a formula in float64: outputs, derivatives and statistics."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

import tfbn
from tests.graph.regimes import REGIMES, graph
from tests.keras import generations

tf1 = tf.compat.v1

DECAY, RENORM_DECAY = 0.75, 0.5  # the original takes 1 - decay in float32, which rounds others
EAGER = ("eager", "function", "function around tapes", "XLA", "XLA around tapes", "cond", "while", "forward mode")
PURE = ("vectorized_map", "recompute_grad", "Dataset.map", "nested conds")
SURROUNDINGS = {
    "functional": EAGER + PURE,
    "BatchNorm": EAGER,
    "keras": ("eager", "function", "function around tapes"),
    "batch_norm": ("graph", "graph cond", "graph while"),
    "batch_normalization": ("graph",),
}
RENORMS: list[dict[str, Any] | None] = [None, {}, {"rmin": 0.7, "rmax": 1.6, "dmax": 0.9}]
# How many roundings a result may be off, of the largest term that it is computed from.
ROUNDINGS = 300
EPSILONS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


class Case(NamedTuple):
    """A call in training or inference, on inputs with the channels last unless `first` puts them on axis 1."""

    seed: int
    front: str
    around: str
    shape: tuple[int, ...]  # channels last
    first: bool
    dtype: str
    spread: float  # of the inputs around `offset`
    offset: float
    spoiled: float | None  # what one element of the first channel is
    training: bool
    dynamic: bool  # is_training is a tensor
    arguments: dict[str, Any]
    weighing: str  # "", "weights", "mask" or both
    counted: float  # the share of samples that count
    regime: tuple[bool, bool]


def prepare(folder: Path) -> None:
    """Nothing is needed."""


def draw(chance: random.Random, _: None) -> Case:
    front = chance.choice(list(SURROUNDINGS))
    around = chance.choice(SURROUNDINGS[front])
    rank = chance.randint(1, 7)
    largest = 3 if rank > 4 else 6
    shape = tuple(0 if chance.random() < 0.04 else chance.randint(1, largest) for _ in range(rank - 1))
    shape += (chance.randint(1, 4),)
    virtual = chance.choice([size for size in range(1, 7) if shape[0] % size == 0]) if rank > 1 else None
    half = chance.random() < 0.15 and "XLA" not in around
    arguments: dict[str, Any] = {"epsilon": chance.choice([2e-5, 1e-3, 1e-3, 0.5])}
    arguments["renorm_clipping"] = chance.choice([None, None, *RENORMS])
    arguments["fused"] = chance.choice([True, True, False])
    arguments["virtual_batch_size"] = virtual if chance.random() < 0.15 else None
    arguments["update_statistics"] = chance.random() < 0.9
    weighed = rank > 1 and front != "batch_normalization"
    return Case(
        chance.randrange(2**31),
        front,
        around,
        shape,
        rank > 1 and chance.random() < 0.3,
        chance.choice(["float16", "bfloat16"]) if half else chance.choice(["float32", "float32", "float64"]),
        10 ** chance.uniform(-1, 1) if half else chance.choice([1.0, 3.0, 10 ** chance.uniform(-12, 12)]),
        chance.choice([0.0, 2.0, -7.0]) if half else chance.choice([0.0, 5.0, 100.0, -(10 ** chance.uniform(-6, 6))]),
        chance.choice([np.inf, -np.inf, np.nan]) if chance.random() < 0.1 and shape[-1] > 1 else None,
        chance.random() < 0.8,
        chance.random() < 0.25,
        arguments,
        chance.choice(["", "", "weights", "mask", "weights mask"]) if weighed else "",
        chance.choice([0.0, 0.5, 0.9, 1.0]),
        chance.choice(REGIMES),
    )


class Numbers(NamedTuple):
    """What a case is about, in float64 with the channels last."""

    x: np.ndarray
    slope: np.ndarray
    tangent: np.ndarray
    vectors: dict[str, np.ndarray]  # parameters and state
    weights: np.ndarray | None
    mask: np.ndarray | None

    @property
    def counted(self) -> np.ndarray:
        """The weight of each element, broadcasting against x."""
        ones = np.ones(self.x.shape[:1])
        weights = (ones if self.weights is None else self.weights).reshape(-1, *[1] * (self.x.ndim - 1))
        return weights if self.mask is None else weights * self.mask.reshape(-1, *[1] * (self.x.ndim - 1))


def numbers_of(case: Case) -> Numbers:
    chance, channels = np.random.RandomState(case.seed), case.shape[-1]
    x = chance.normal(size=case.shape) * case.spread + case.offset * (1 + np.arange(channels))
    # Rounded first, so that both sides compute with the same numbers.
    x = tf.cast(tf.constant(x), case.dtype).numpy().astype(np.float64)
    if case.spoiled is not None and x.size:
        x[(*[0] * (x.ndim - 1), 0)] = case.spoiled
    size = np.abs(case.offset) * channels + case.spread
    vectors = {
        "beta": chance.uniform(-1, 1, channels),
        "gamma": chance.uniform(0.5, 1.5, channels),
        "moving_mean": case.offset + case.spread * chance.uniform(-1, 1, channels),
        "moving_variance": (size * chance.uniform(0.5, 1.5, channels)) ** 2,
    }
    if case.arguments["renorm_clipping"] is not None:
        epsilon = case.arguments["epsilon"]
        vectors["renorm_mean"] = case.offset + case.spread * chance.uniform(-1, 1, channels)
        vectors["renorm_stddev"] = np.sqrt((case.spread * chance.uniform(0.5, 1.5, channels)) ** 2 + epsilon)
        vectors["moving_stddev"] = np.sqrt(vectors["moving_variance"] + epsilon)
    stored = "float64" if case.dtype == "float64" else "float32"
    vectors = {name: value.astype(stored).astype(np.float64) for name, value in vectors.items()}
    samples = case.shape[:1]
    weights = chance.uniform(0.5, 2.0, samples) * (chance.uniform(size=samples) < case.counted)
    mask = chance.uniform(size=samples) < case.counted
    return Numbers(
        x,
        chance.normal(size=case.shape),
        chance.normal(size=case.shape),
        vectors,
        weights.astype(stored).astype(np.float64) if "weights" in case.weighing else None,
        mask if "mask" in case.weighing else None,
    )


# The formula.


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


def is_unbiased(case: Case) -> bool:
    """What the front end's own paths do; where it is an argument, the calls below ask for the same."""
    fused, rank = case.arguments["fused"] and case.arguments["renorm_clipping"] is None, len(case.shape)
    if case.front == "batch_normalization":
        return fused and rank == 4 and case.arguments["virtual_batch_size"] is None
    return fused and rank in (2, 4) and "weights" not in case.weighing


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


# The front ends.


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


# The comparison.


def check(case: Case, _: None) -> None:
    given = numbers_of(case)
    results, wanted = computed(case, given), expected(case, given)
    good = slice(0 if case.spoiled is None else 1, None)
    if "along" in results:
        wanted["along"] = np.sum((wanted["dx"] * given.tangent)[..., good])
    bounds = allowed(case, given, wanted)
    for name, value in results.items():
        if name == "along" and case.spoiled is not None:
            continue
        got, want, bound = (part[..., good] if np.ndim(part) else part for part in (value, wanted[name], bounds[name]))
        assert np.shape(got) == np.shape(want), f"{name}: expected the shape {np.shape(want)}, got {np.shape(got)}"
        wrong = ~(np.abs(got - want) <= bound)
        assert not np.any(wrong), (
            f"{name}: expected {np.ravel(want)[:8]}, got {np.ravel(got)[:8]}, "
            f"off by {np.max(np.abs(got - want))} where {np.ravel(bound)} is allowed"
        )


def allowed(case: Case, given: Numbers, wanted: dict[str, np.ndarray]) -> dict[str, Any]:
    """How far results may be off, by channel: roundings of the largest terms that they are computed from.

    What x itself is rounded by counts `condition` times in what is normalized; where that leaves no digit, a result
    has to be finite.
    """
    state, epsilon = given.vectors, case.arguments["epsilon"]
    axes, size = tuple(range(given.x.ndim - 1)), max(given.x[..., 0].size, 1)
    with np.errstate(all="ignore"):
        largest = np.maximum(np.abs(given.x).max(axes, initial=0), np.abs(state["moving_mean"]))
        number = max(1, case.shape[0] // (case.arguments["virtual_batch_size"] or case.shape[0] or 1)) if axes else 1
        variances = [given.x[part::number].var(axes) if axes else 0 * largest for part in range(number)]
        weighed = [] if given.counted.all() else [0 * largest]  # a few samples may have any variance
        least = np.nanmin([*variances, *weighed, state["moving_variance"] + 0 * largest], 0)
        inverse = 1 / np.sqrt(least + epsilon)
        condition = 1 + largest * inverse
        rounding = ROUNDINGS * EPSILONS["float64" if case.dtype == "float64" else "float32"] * condition
        rounding = np.where(rounding < 0.02, rounding, np.finfo(float).max ** 0.25)
        if case.dtype in ("float16", "bfloat16"):
            rounding = rounding + 20 * EPSILONS[case.dtype]
        gamma = state["gamma"] * (largest * 0 + max(1.0, np.max(inverse * largest)) if "renorm_mean" in state else 1.0)
        y = 1 + np.abs(wanted["outputs"]).max(axes, initial=0)
        slope = inverse * (1 + gamma)
    terms = {
        "outputs": gamma + y,
        "dx": slope * (1 + gamma),
        "dgamma": size * y * (1 + gamma),
        "dbeta": size * (1 + gamma),
        "ddx": slope * (slope + y) * (1 + gamma),
        "ddgamma": size * (slope + y) * y * (1 + gamma),
        "ddbeta": size * (slope + y) * (1 + gamma),
        **{name: np.abs(wanted[name]) + np.abs(value) + epsilon for name, value in state.items()},
    }
    for name in ("moving_mean", "renorm_mean"):
        terms[name] = terms.get(name, 0) + largest
    bounds = {name: 8 * rounding * term + 1e-35 for name, term in terms.items()}
    bounds["along"] = np.sum(np.abs(given.tangent) * bounds["dx"])
    return bounds
