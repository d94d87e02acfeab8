"""Graphs with random mistakes in how updates are wired: the audit has to agree with what moves in a session."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph

tf1 = tf.compat.v1

FORMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "inline": {"updates_collections": None},
    "elsewhere": {"updates_collections": "elsewhere"},
    "uncollected": {"updates_collections": []},
    "renorm": {"renorm": True},
    "zero debias": {"zero_debias_moving_mean": True},
    "composed": {"fused": False},
    "tensor": {"is_training": True},  # a placeholder's
    "inference": {"is_training": False},
    "frozen": {"update_statistics": False},
    "tf.layers": {},
    "by hand": {},
    "shared function": {},  # one body normalizes for all such layers, and updates what it is given
    "shared updates": {},  # and one that only updates, whose calls are collected
}
BY_HAND = ("by hand", "shared function", "shared updates")
# Where a layer is called from, and where it is called a second time.
PLACES = ("here", "here", "here", "cond", "function", "while")
# What the step waits for, beside the optimizer.
WIRINGS = (
    *("all", "all", "none", "some", "early", "constructor", "grouped", "create_train_op", "loss only"),
    "scope",  # the updates of one layer's scope
    "outputs",  # the loss waits, and not the optimizer
    "towers",  # two losses with a step each, of which the first waits for the updates of its layers
    "in turns",  # the same, the second step after the first
    "one of two",  # only the first of these steps is run
)
TWO_LOSSES = ("towers", "in turns", "one of two")
MOVES = 3  # runs of the step


class Layer(NamedTuple):
    form: str
    place: str
    again: str  # where it is called once more with the same variables: "" for nowhere
    used: bool  # whether the loss depends on it


class Case(NamedTuple):
    layers: tuple[Layer, ...]
    wiring: str
    seed: int
    resource: bool
    v2: bool


def prepare(folder: Path) -> None:
    """Nothing is needed."""


def draw(chance: random.Random, _: None) -> Case:
    layers = tuple(
        Layer(
            chance.choice(list(FORMS)),
            chance.choice(PLACES),
            chance.choice(["", "", "", "here", "other mode"]),
            chance.random() < 0.9,
        )
        for _ in range(chance.randint(1, 4))
    )
    in_bodies = any(layer.place != "here" or layer.form.startswith("shared") for layer in layers)
    # Ref variables cannot be assigned in bodies of control flow v2, nor in functions.
    return Case(
        layers,
        chance.choice(WIRINGS),
        chance.randrange(2**31),
        in_bodies or chance.random() < 0.5,
        chance.random() < 0.5,
    )


def check(case: Case, _: None) -> None:
    with graph(case.resource, case.v2):
        tf1.set_random_seed(case.seed)
        images = tf1.placeholder(tf.float32, [None, 3])
        step = build(case, images)
        findings = tfbn.check_updates(step, raise_on_error=False)
        moved = run(case, step, images)
    errors = [finding for finding in findings if finding.severity == "error"]
    for number, layer in enumerate(case.layers):
        said = [finding for finding in errors if finding.layer.startswith(f"layer{number}")]
        if layer.again and (layer.form in BY_HAND or layer.place != "here"):  # two updates that take no turns
            said = [finding for finding in said if finding.kind != "unordered"]
        statistics = {} if layer.form in ("inference", "frozen") else moved.get(number, {})
        used = layer.used and not (case.wiring == "one of two" and number % 2)
        if not (used or any(statistics.values())):
            statistics = {}  # the step leaves the layer alone
        complete = all(statistics.values())
        assert bool(said) != complete, (
            f"layer{number}: expected {'no' if complete else 'an'} error, as what moved is {statistics}; got {said}"
        )


def build(case: Case, images: tf.Tensor) -> Any:
    """What the step fetches."""
    chance = random.Random(case.seed)
    kernel = tf1.get_variable("kernel", [3], initializer=tf1.ones_initializer())
    losses, early = [tf.reduce_sum(kernel), tf.reduce_sum(kernel)], []
    for number, layer in enumerate(case.layers):
        if number == len(case.layers) // 2:
            early = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
        outputs = call(layer, layer.place, images, number, False)
        if layer.again:
            outputs += call(layer, "here", images + 1.0, number, True)
        if layer.used:  # so that the kernel's gradient needs them
            losses[number % 2] += tf.reduce_sum(tf.square(outputs * kernel - 1.0))
    updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
    waited = {
        "all": updates,
        "some": [update for update in updates if chance.random() < 0.5],
        "early": early,
        "scope": tf1.get_collection(tf1.GraphKeys.UPDATE_OPS, f"layer{chance.randrange(len(case.layers))}/"),
    }.get(case.wiring, [])
    optimizer = tf1.train.GradientDescentOptimizer(0.01)
    if case.wiring in TWO_LOSSES:
        own = [update for update in updates if int(update.name[len("layer")]) % 2 == 0]
        first = minimize(optimizer, losses[0], own)
        second = minimize(optimizer, losses[1], [first] if case.wiring == "in turns" else [])
        return first if case.wiring == "one of two" else tf.group(first, second)
    loss = tf.add_n(losses)
    if case.wiring == "loss only":
        return loss
    if case.wiring == "create_train_op":
        return tfbn.create_train_op(loss, optimizer)
    if case.wiring == "constructor":
        with tf.control_dependencies(updates):
            optimizer = tf1.train.GradientDescentOptimizer(0.01)
    step = minimize(optimizer, loss, waited)
    if case.wiring == "outputs":
        with tf.control_dependencies(updates):
            return step, tf.identity(loss)
    return tf.group(step, *updates) if case.wiring == "grouped" else step


def minimize(optimizer: Any, loss: tf.Tensor, waited: list) -> tf.Operation:
    with tf.control_dependencies(waited):
        return optimizer.minimize(loss)


def call(layer: Layer, place: str, x: tf.Tensor, number: int, again: bool) -> tf.Tensor:
    """The layer's outputs, from the body of something or not."""

    def outputs(x: tf.Tensor) -> tf.Tensor:
        with tf1.variable_scope(f"layer{number}", reuse=tf1.AUTO_REUSE):
            return normalize(layer, x, again and layer.again == "other mode")

    if place == "cond":
        return tf.cond(tf1.placeholder_with_default(True, []), lambda: outputs(x), lambda: x)
    if place == "while":
        return tf.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, outputs(y)), [0, x])[1]
    return tf.function(outputs, autograph=False)(x) if place == "function" else outputs(x)


def normalize(layer: Layer, x: tf.Tensor, inferring: bool) -> tf.Tensor:
    arguments = dict(FORMS[layer.form])
    if layer.form == "tf.layers":
        return tfbn.batch_normalization(x, training=not inferring, momentum=0.5, name="norm")
    if layer.form in BY_HAND:
        return by_hand(layer, x, inferring)
    if layer.form == "tensor":
        arguments["is_training"] = tf1.placeholder_with_default(True, [])
    if inferring:
        arguments["is_training"] = False
    return tfbn.batch_norm(x, 0.5, scope="norm", **arguments)


def by_hand(layer: Layer, x: tf.Tensor, inferring: bool) -> tf.Tensor:
    """What programs have written themselves; updates in a body are run there, as nothing outside can wait for them."""
    variables = mean, variance = [
        tf1.get_variable(f"moving_{name}", [3], initializer=initializer, trainable=False)
        for name, initializer in (("mean", tf1.zeros_initializer()), ("variance", tf1.ones_initializer()))
    ]
    if inferring:
        return tf.nn.batch_normalization(x, mean, variance, None, None, 1e-3)
    if layer.form == "shared function":
        return normalize_and_update(x, *(variable.handle for variable in variables))
    moments = tf.nn.moments(x, [0])
    if layer.form == "shared updates":
        updates = [update(*moments, *(variable.handle for variable in variables))]
    else:
        updates = [tf1.assign(each, 0.5 * each + 0.5 * value) for each, value in zip(variables, moments)]
    collect = layer.place == "here"
    for each in updates if collect else ():
        tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, each)
    with tf.control_dependencies([] if collect else updates):
        return tf.nn.batch_normalization(x, *map(tf.identity, moments), None, None, 1e-3)


@tf.function(autograph=False)
def normalize_and_update(x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
    moments = tf.nn.moments(x, [0])
    update(*moments, mean, variance)
    return tf.nn.batch_normalization(x, *moments, None, None, 1e-3)


@tf.function(autograph=False)
def update(mean: tf.Tensor, variance: tf.Tensor, moving_mean: tf.Tensor, moving_variance: tf.Tensor) -> tf.Tensor:
    for handle, value in ((moving_mean, mean), (moving_variance, variance)):
        old = tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32)
        tf.raw_ops.AssignVariableOp(resource=handle, value=0.5 * old + 0.5 * value)
    return tf.zeros([])


def run(case: Case, step: Any, images: tf.Tensor) -> dict[int, dict[str, bool]]:
    """Which statistics of each layer some runs of the step have moved."""
    statistics = {
        v.op.name: v for v in tf1.global_variables() if v.op.name.endswith(("moving_mean", "moving_variance"))
    }
    data = np.random.RandomState(case.seed)
    with tf1.Session() as session:
        session.run(tf1.global_variables_initializer())
        before = session.run(statistics)
        for _ in range(MOVES):
            session.run(step, {images: data.normal(3.0, 2.0, [8, 3])})
        after = session.run(statistics)
    moved: dict[int, dict[str, bool]] = {}
    for name, value in before.items():
        number = int(name.partition("/")[0][len("layer") :])
        moved.setdefault(number, {})[name] = bool(np.any(value != after[name]))
    return moved
