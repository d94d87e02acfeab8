"""A network of three layers, and the batches that it is recalibrated with."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph import regimes

tf1 = tf.compat.v1
# Both sides in float64, then one rounding to float32.
ROUNDED = {"rtol": 2e-7}
SIZES = (5, 1, 8, 3)  # of the batches


def batches(shape=(4, 3), seed=0):
    """Batches of several sizes, with means of their own."""
    data = oracle.batch((sum(SIZES), *shape), seed=seed) + np.repeat(range(4), SIZES).reshape([-1] + [1] * len(shape))
    return np.split(data.astype(np.float32), np.cumsum(SIZES)[:-1])


def whole(parts):
    return np.concatenate(parts).astype(np.float64)


def values(session):
    return regimes.values(session)


def same(before, after):
    return before.keys() == after.keys() and all(np.array_equal(before[name], after[name]) for name in before)


class Network:
    """Three layers with something nonlinear between them, the second with inline updates."""

    def __init__(self, is_training=None, **arguments):
        self.inputs = tf1.placeholder(tf.float32, [None, 4, 3])
        self.is_training = tf1.placeholder(tf.bool, []) if is_training is None else is_training
        arguments = {"is_training": self.is_training, "decay": 0.9, **arguments}
        self.first = tfbn.batch_norm(self.inputs, scope="net/first", **arguments)
        self.between = tf.exp(0.3 * self.first)
        inline = {**arguments, "updates_collections": None}
        self.second = tfbn.batch_norm(self.between, scope="net/second", **inline)
        self.behind = tf.square(self.second)
        self.third = tfbn.batch_norm(self.behind, scope="third", **arguments)

    def feeds(self, parts=None):
        flag = {self.is_training: True} if tf.is_tensor(self.is_training) else {}
        return [{self.inputs: part, **flag} for part in parts or batches()]

    def into(self, session, tensor):
        """What goes into a layer in training, of all batches."""
        return whole([session.run(tensor, feed) for feed in self.feeds()])
