"""Training steps on shards of a batch, run alike by one device and by the replicas of a strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

import tfbn
from tests import oracle

CLIPPING = {"rmax": 1.5, "rmin": 0.7, "dmax": 0.4}
CHANNELS = 5
# How the samples of each step are dealt out, by the number of replicas: unequally, and with nothing for some.
SHARDS = {1: [(11,), (5,)], 2: [(7, 4), (0, 5)], 4: [(7, 0, 3, 1), (0, 5, 0, 0)]}


class Case(NamedTuple):
    """A layer and how it is called, in two steps."""

    arguments: dict[str, Any] = {}
    shape: tuple[int, ...] = (4, 3, 5)  # of a sample
    axis: int = -1
    dtype: str = "float32"
    weighted: bool = False
    masked: bool = False  # with 1000 where the mask is False
    far: bool = False  # values at 1e4 that differ by 1e-2
    functional: bool = False
    dynamic: bool = False  # batch size unknown
    is_training: Any = True  # or what a tensor holds in each step
    second: bool = False  # gradients of a gradient's square
    none: bool = False  # no samples at all in the second step


RENORM = {"renorm": True, "renorm_clipping": CLIPPING, "renorm_decay": 0.8}
CASES = {
    "plain": Case(),
    "dynamic": Case(dynamic=True),
    "NCHW": Case({"data_format": "NCHW"}, (5, 4, 3), 1),
    "rank 2": Case(shape=(5,)),
    "rank 3": Case(shape=(6, 5), dtype="float64"),
    "composed": Case({"fused": False}),
    "float16": Case(dtype="float16"),
    "bfloat16": Case(dtype="bfloat16"),
    "renorm": Case(RENORM),
    "zero debias": Case({"zero_debias_moving_mean": True}),
    "cumulative": Case({"decay": None}),
    "mask": Case(masked=True, dynamic=True),
    "batch_weights": Case(weighted=True),
    "all at once": Case({**RENORM, "zero_debias_moving_mean": True}, masked=True, weighted=True),
    "adjustment": Case({"adjustment": lambda shape: (tf.constant(1.25), tf.constant([0.5, 1.0, 1.5, 2.0, 2.5]))}),
    "far": Case(far=True),
    "far, composed": Case({"fused": False}, far=True),
    "functional": Case(RENORM, functional=True),
    "a tensor is_training": Case(RENORM, is_training=(True, False)),
    "no samples": Case(RENORM, none=True, dynamic=True),
    "second derivatives": Case(second=True),
    "second derivatives, composed": Case({"fused": False}, second=True, weighted=True),
}


def batch(case: Case, step: int, size: int) -> dict[str, np.ndarray]:
    """What one device is given in a step: inputs, the loss's slope, weights and a mask."""
    random = np.random.RandomState(step)
    x = oracle.batch((size, *case.shape), case.axis, 10 + step)
    if case.far:
        x = 1e4 + (x - 1.0) * 1e-2
    # Rounded first, so that every dtype computes with the same numbers.
    x = tf.cast(x, case.dtype).numpy().astype(np.float64)
    mask = random.uniform(size=(size, *case.shape[:1])) < 0.7
    if case.masked:
        # Finite: a gradient at what the mask hides needs a number there.
        x[~mask] = 1e3
    slope = random.standard_normal(x.shape)
    return {"x": x, "slope": slope, "weights": random.uniform(0.5, 2.0, size), "mask": mask}


def run(
    chosen: Mapping[str, Case],
    strategy: tf.distribute.Strategy,
    eager: bool = False,
    checkpoint: str | None = None,
    steps: int = 2,
    **more: Any,
) -> dict[str, np.ndarray]:
    """What the replicas of this process find, as `case/what/step/replica`, and at the end the variables of each.

    All cases take a step together, in one trace. `more` are further arguments of the layers; a dtype takes the place of
    the cases' own. In the end the layers' variables are saved as `checkpoint`.
    """
    dtypes = {name: more.get("dtype", case.dtype) for name, case in chosen.items()}
    more.pop("dtype", None)
    layers: dict[str, Any] = {}
    with strategy.scope():
        for name, case in chosen.items():
            arguments = {"decay": 0.5, "scale": True, "param_dtype": _wide(dtypes[name]), **case.arguments, **more}
            layers[name] = (Functional if case.functional else tfbn.BatchNorm)(CHANNELS, **arguments)

    def step(given):
        return {name: one_step(case, layers[name], **given[name]) for name, case in chosen.items()}

    found = {}
    function = (
        (lambda given: strategy.run(step, [given]))
        if eager
        else tf.function(lambda given: strategy.run(step, [given]), autograph=False)
    )
    for number in range(steps):
        given = {name: _distributed(case, strategy, number, dtypes[name]) for name, case in chosen.items()}
        for name, results in function(given).items():
            for what, result in results.items():
                for index, value in enumerate(strategy.experimental_local_results(result)):
                    found[f"{name}/{what}/{number}/{index}"] = tf.cast(value, tf.float64).numpy()
    for name, layer in layers.items():
        for variable in layer.variables:
            what = variable.name.rpartition("/")[2].rpartition(":")[0]
            for index, part in enumerate(strategy.experimental_local_results(variable)):
                found[f"{name}/{what}/variable/{index}"] = part.numpy()
    if checkpoint:
        tf.train.Checkpoint(**{name.replace(" ", "_"): layer for name, layer in layers.items()}).write(checkpoint)
    return found


def one_step(case: Case, layer: Any, x: Any, slope: Any, weights: Any, mask: Any, on: Any) -> dict[str, tf.Tensor]:
    """A training step's outputs and gradients."""
    given = {}
    if case.dynamic:
        x = tf.compat.v1.placeholder_with_default(x, [None, *x.shape[1:]])
    if case.weighted:
        given["batch_weights"] = weights
    if case.masked:
        given["mask"] = mask
    sources = [x, layer.gamma, layer.beta, *([weights] if case.weighted else [])]

    def gradients() -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch([x, weights])
            outputs = layer(x, on if case.is_training is not True else True, **given)
            loss = tf.reduce_sum(tf.cast(outputs, slope.dtype) * slope)
        return outputs, tape.gradient(loss, sources)

    if case.second:
        with tf.GradientTape() as outer:
            outer.watch(x)
            outputs, (dx, *_) = gradients()
            square = tf.reduce_sum(dx**2)
        found = outer.gradient(square, sources[:2])
    else:
        outputs, found = gradients()
    return {"outputs": outputs, **dict(zip(["dx", "dgamma", "dbeta", "dweights"], found))}


def _distributed(case: Case, strategy: tf.distribute.Strategy, number: int, dtype: str) -> dict[str, Any]:
    replicas = strategy.num_replicas_in_sync
    sizes = [0] * replicas if case.none and number else SHARDS[replicas][number]
    dtypes = {"x": dtype, "slope": _wide(dtype), "weights": _wide(dtype), "mask": "bool"}

    def of_replicas(name: str, values: np.ndarray) -> Any:
        parts = np.split(values, np.cumsum(sizes)[:-1])
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.cast(parts[context.replica_id_in_sync_group], dtypes[name])
        )

    found = {name: of_replicas(name, values) for name, values in batch(case, number, sum(sizes)).items()}
    return {**found, "on": tf.constant(True if case.is_training is True else case.is_training[number])}


def _wide(dtype: str) -> str:
    return "float64" if dtype == "float64" else "float32"


class Functional(tf.Module):
    """`tfbn.functional.train`, with its state in variables of the caller."""

    def __init__(self, channels, decay, scale, renorm, renorm_clipping, renorm_decay, param_dtype, **more):
        super().__init__()
        params, state = tfbn.functional.init(channels, scale=scale, renorm=renorm, dtype=param_dtype)
        self.beta, self.gamma = (tf.Variable(value, name=name) for name, value in params._asdict().items())
        self.state = [
            value
            if value is None
            else tf.Variable(
                value,
                trainable=False,
                name=name,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
            for name, value in state._asdict().items()
        ]
        self.more = {"decay": decay, "renorm_clipping": renorm_clipping, "renorm_decay": renorm_decay, **more}

    def __call__(self, x, is_training):
        params, state = tfbn.functional.Params(self.beta, self.gamma), tfbn.functional.State(*self.state)
        outputs, after = tfbn.functional.train(x, params, state, **self.more)
        for variable, value in zip(self.state, after):
            if variable is not None:
                variable.assign(value)
        return outputs
