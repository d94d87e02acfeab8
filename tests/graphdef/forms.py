"""Batch norm written by hand: formula x average x choice x names, and what the audits and folding say of each.

`python -m tests.graphdef.forms` prints the matrix.
"""

import warnings
from typing import NamedTuple

import numpy as np
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph

tf1 = tf.compat.v1
EPSILON = 1e-3
DECAY = 0.9


def _global(x, mean, variance, beta, gamma):
    four = tf.reshape(x, [-1, 1, 1, 4])
    op = tf1.nn.batch_norm_with_global_normalization
    return tf.reshape(op(four, mean, variance, beta, gamma, EPSILON, True), [-1, 4])


FORMULAS = {
    "rsqrt": lambda x, m, v, b, g: g * (x - m) * tf.math.rsqrt(v + EPSILON) + b,
    "offset": lambda x, m, v, b, g: x * (tf.math.rsqrt(v + EPSILON) * g) + (b - m * (tf.math.rsqrt(v + EPSILON) * g)),
    "nn": lambda x, m, v, b, g: tf.nn.batch_normalization(x, m, v, b, g, EPSILON),
    "sqrt": lambda x, m, v, b, g: b + g * ((x - m) / tf.sqrt(EPSILON + v)),
    "reciprocal": lambda x, m, v, b, g: (x - m) * (1.0 / tf.sqrt(v + EPSILON)) * g + b,
    "sqrt plus epsilon": lambda x, m, v, b, g: (x - m) / (tf.sqrt(v) + EPSILON) * g + b,
    "pow": lambda x, m, v, b, g: (x - m) * tf.pow(v + EPSILON, -0.5) * g + b,
    "maximum": lambda x, m, v, b, g: (-m + x) * tf.math.rsqrt(tf.maximum(v, EPSILON)) * g + b,
    "global": _global,
}
NAMES = {
    "moving": ("moving_mean", "moving_variance"),
    "pop": ("pop_mean", "pop_var"),
    "running": ("running_mean", "running_variance"),
    "none": ("a", "b"),
}


def _assign(moving, batch):
    return [tf1.assign(old, old * DECAY + new * (1 - DECAY)) for old, new in zip(moving, batch)]


def _assign_sub(moving, batch):
    return [tf1.assign_sub(old, (old - new) * (1 - DECAY)) for old, new in zip(moving, batch)]


def _assign_add(moving, batch):
    return [tf1.assign_add(old, (1 - DECAY) * (new - old)) for old, new in zip(moving, batch)]


def _cumulative(moving, batch):
    count = tf1.get_variable("count", initializer=2.0, trainable=False)
    return [tf1.assign(old, (old * count + new) / (count + 1.0)) for old, new in zip(moving, batch)]


AVERAGES = {"assign": _assign, "sub": _assign_sub, "add": _assign_add, "cumulative": _cumulative, "ema": None}


def _cond(flag, batch, moving, normalize):
    return normalize(*tf1.cond(flag, lambda: [tf.identity(v) for v in batch], lambda: [tf.identity(v) for v in moving]))


def _where(flag, batch, moving, normalize):
    return normalize(*(tf.where(tf.fill(tf.shape(a), flag), a, b) for a, b in zip(batch, moving)))


def _outputs(flag, batch, moving, normalize):
    return tf1.cond(flag, lambda: normalize(*batch), lambda: normalize(*moving))


CHOICES = {
    "cond": _cond,
    "where": _where,
    "outputs": _outputs,
    "training": lambda flag, batch, moving, normalize: normalize(*batch),
    "inference": lambda flag, batch, moving, normalize: normalize(*moving),
}


class Form(NamedTuple):
    formula: str
    average: str
    choice: str
    names: str

    @property
    def mode(self):
        return self.choice if self.choice in ("training", "inference") else "dynamic"

    def __str__(self):
        return ", ".join(self)


FORMS = [
    *(Form(formula, "assign", choice, "pop") for formula in FORMULAS for choice in CHOICES),
    *(Form("nn", average, choice, "running") for average in AVERAGES for choice in ("cond", "outputs", "training")),
    *(Form(formula, "sub", "cond", names) for formula in ("rsqrt", "sqrt", "offset") for names in NAMES),
]


class Built(NamedTuple):
    x: tf.Tensor
    flag: tf.Tensor
    y: tf.Tensor
    moving: list
    beta: tf.Variable
    gamma: tf.Variable
    forgotten: tf.Operation
    wired: tf.Operation


def build(form):
    """A step that forgets the updates and one that runs them, in the default graph."""
    x, flag = tf1.placeholder(tf.float32, [None, 4], "x"), tf1.placeholder(tf.bool, [], "flag")
    with tf1.variable_scope("net/bn"):
        beta = tf1.get_variable("beta", initializer=[0.3, -0.2, 0.1, 0.5])
        gamma = tf1.get_variable("gamma", initializer=[1.5, 0.7, -1.1, 2.0])
        batch = tf1.nn.moments(x, [0])
        if form.average == "ema":
            ema = tf1.train.ExponentialMovingAverage(DECAY)
            updates = [ema.apply(batch)]
            moving = [ema.average(each) for each in batch]
        else:
            moving = [
                tf1.get_variable(name, initializer=[value, value + 1, 2.0, 0.5], trainable=False)
                for name, value in zip(NAMES[form.names], (-1.0, 1.0))
            ]
            updates = AVERAGES[form.average](moving, batch)

        def normalize(mean, variance):
            return FORMULAS[form.formula](x, mean, variance, beta, gamma)

        y = tf.identity(CHOICES[form.choice](flag, batch, moving, normalize), "y")
    step = tf1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y * y))
    return Built(x, flag, y, moving, beta, gamma, step, tf.group(step, *updates))


def moves(form, resource=True, control_flow_v2=False):
    """Ground truth: whether a run of each step changes both averages."""
    with graph(resource, control_flow_v2):
        built = build(form)
        feed = {built.x: np.random.default_rng(0).normal(3.0, 2.0, [16, 4]), built.flag: True}
        changed = []
        with tf1.Session() as session:
            for step in (built.forgotten, built.wired):
                session.run(tf1.global_variables_initializer())
                before = session.run(built.moving)
                session.run(step, feed)
                changed.append(all((a != b).all() for a, b in zip(before, session.run(built.moving))))
        return changed


def audit(form, resource=True, control_flow_v2=False):
    """Modes, kinds of findings of either step, and those of a Saver of the trainable variables."""
    with graph(resource, control_flow_v2):
        built = build(form)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", tfbn.NoLayersWarning)
            kinds = [
                [finding.kind for finding in tfbn.check_updates(step, raise_on_error=False)]
                for step in (built.forgotten, built.wired)
            ]
        saver = tf1.train.Saver(tf1.trainable_variables())
        saved = [finding.kind for finding in tfbn.check_saver(saver, raise_on_error=False)]
        return [layer.mode for layer in tfbn.list_layers()], *kinds, saved


def freeze(form):
    """The layer alone, with its variables as constants: a GraphDef, and the name of its output."""
    with graph() as built_in, tf1.Session() as session:
        y = build(form).y.op.name
        session.run(tf1.global_variables_initializer())
        return tf1.graph_util.convert_variables_to_constants(session, built_in.as_graph_def(), [y]), y


def fold(form):
    """What folding says of it, which has no linear layer in front: 'lowered', or why it stays."""
    folded = tfbn.fold.fold_graph(*freeze(form), lower=True)
    return ["lowered" for _ in folded.lowered] + [finding.problem for finding in folded.left]


def main():
    for form in FORMS:
        modes, forgotten, wired, saved = audit(form)
        reasons = [reason.partition(":")[0] for reason in fold(form)]
        cells = [*form, *(" ".join(each) or "-" for each in (modes, forgotten, wired, saved)), "; ".join(reasons)]
        print("  ".join(cell.ljust(17) for cell in cells).rstrip())


if __name__ == "__main__":
    main()
