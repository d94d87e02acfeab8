"""Kinds of `BatchNorm`, and a model with two, for their tests."""

import numpy as np
import tensorflow as tf

import tfbn
from tests import oracle

SHAPE = (6, 4, 3, 5)
X = oracle.batch(SHAPE).astype(np.float32)
SOME = {"decay": 0.5, "scale": True}
KINDS = {
    "plain": {},
    "renorm": {"renorm": True, "renorm_clipping": {"rmax": 2.0, "rmin": 0.5, "dmax": 1.0}},
    "zero debias": {"zero_debias_moving_mean": True},
    "cumulative": {"decay": None},
}


def values(module):
    return {variable.name: variable.numpy() for variable in module.variables}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


class Model(tf.Module):
    """A layer within a module, with the functions that are saved."""

    def __init__(self, **arguments):
        super().__init__()
        self.norm = tfbn.BatchNorm(**{**SOME, **arguments})

    @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE[1:]])])
    def train(self, x):
        return {"outputs": self.norm(x, is_training=True)}

    @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE[1:]])])
    def infer(self, x):
        return {"outputs": self.norm(x, is_training=False)}
