"""One small network as six kinds of program build it, with the names each gives its variables.

Each kind loads and saves checkpoints, infers, and takes a step of gradient descent.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

import tfbn
from tests.keras.generations import WITH_KERAS_3

tf1 = tf.compat.v1
DATA = Path(__file__).with_name("data")
with np.load(DATA / "expected.npz") as _expected:
    EXPECTED = dict(_expected)
INPUTS = EXPECTED["inputs"]
DECAY, RATE = 0.9, 0.1
CHANNELS = {"first": (3, 4), "second": (4, 2)}
# Both sides compute in float32, whose rounding is 6e-8, by kernels that sum in another order.
TOLERANCE = 1e-6


def assert_same(outputs, expected):
    """Within a millionth of the largest output."""
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


def reference(name):
    """The prefix of a checkpoint of the original."""
    return str(DATA / name)


def network(normalize, inputs):
    """The graph that make_checkpoints.py builds."""
    net = inputs
    for scope, sizes in CHANNELS.items():
        with tf1.variable_scope(scope):
            net = normalize(tf.nn.conv2d(net, tf1.get_variable("weights", [1, 1, *sizes]), 1, "SAME"))
        net = tf.nn.relu(net) if scope == "first" else net
    return net


def loss_of(outputs):
    return tf.reduce_mean(tf.square(outputs - 1))


class Graph:
    """TF1: contrib's function, or that of tf.layers."""

    kind = "contrib"
    ending = ""
    to_neutral = (("/BatchNorm/", "/norm/"),)
    from_neutral = (("/norm/", "/BatchNorm/"),)

    def __init__(self, **arguments):
        arguments = {**self.arguments(), **arguments}
        with tf.Graph().as_default() as graph:
            tf1.set_random_seed(3)
            inputs = tf1.placeholder(tf.float32, INPUTS.shape, "inputs")
            with tf1.variable_scope(tf1.get_variable_scope()):
                outputs = network(lambda net: self.normalize(net, True, **arguments), inputs)
            with tf1.variable_scope(tf1.get_variable_scope(), reuse=True):
                self.inferred = network(lambda net: self.normalize(net, False, **arguments), inputs)
            with tf.control_dependencies(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)):
                self.train_op = tf1.train.GradientDescentOptimizer(RATE).minimize(loss_of(outputs))
            self.saver, self.initializer = tf1.train.Saver(), tf1.global_variables_initializer()
        self.session = tf1.Session(graph=graph)
        self.session.run(self.initializer)

    @staticmethod
    def arguments():
        return {"scale": True}

    @staticmethod
    def normalize(net, is_training, **arguments):
        return tfbn.batch_norm(net, decay=DECAY, is_training=is_training, **arguments)

    def load(self, path):
        with self.session.graph.as_default():
            self.saver.restore(self.session, path)

    def save(self, path):
        with self.session.graph.as_default():
            return self.saver.save(self.session, path, write_meta_graph=False, write_state=False)

    def infer(self):
        return self.session.run(self.inferred, {"inputs:0": INPUTS})

    def step(self, inputs=INPUTS):
        self.session.run(self.train_op, {"inputs:0": inputs})


class LayersGraph(Graph):
    kind = "tf.layers"
    to_neutral = (("/batch_normalization/", "/norm/"),)
    from_neutral = (("/norm/", "/batch_normalization/"),)

    @staticmethod
    def arguments():
        return {}

    @staticmethod
    def normalize(net, is_training, **arguments):
        return tfbn.batch_normalization(net, momentum=DECAY, training=is_training, **arguments)


class Eager:
    """What a GradientTape trains."""

    ending = ""

    def infer(self):
        return self(INPUTS, False).numpy()

    def step(self, inputs=INPUTS):
        inputs = inputs.astype(np.float32)
        with tf.GradientTape() as tape:
            loss = loss_of(self(inputs, True))
        variables = list(self.trainable())
        for variable, gradient in zip(variables, tape.gradient(loss, variables)):
            variable.assign_sub(RATE * gradient)


class Modules(Eager):
    """tfbn.BatchNorm, in tf.train.Checkpoint."""

    kind = "BatchNorm"
    to_neutral = (("^model/", ""),)
    from_neutral = (("^", "model/"),)

    def __init__(self, **arguments):
        generator = tf.random.Generator.from_seed(3)
        self.model = tf.Module()
        for scope, sizes in CHANNELS.items():
            block = tf.Module()
            block.weights = tf.Variable(generator.normal([1, 1, *sizes]))
            block.norm = tfbn.BatchNorm(sizes[1], decay=DECAY, **{"scale": True, **arguments})
            setattr(self.model, scope, block)

    def __call__(self, inputs, is_training):
        net = inputs
        for scope in CHANNELS:
            block = getattr(self.model, scope)
            net = block.norm(tf.nn.conv2d(net, block.weights, 1, "SAME"), is_training=is_training)
            net = tf.nn.relu(net) if scope == "first" else net
        return net

    def trainable(self):
        return self.model.trainable_variables

    def load(self, path):
        tf.train.Checkpoint(model=self.model).read(path).assert_existing_objects_matched()

    def save(self, path):
        return tf.train.Checkpoint(model=self.model).write(path)


class TF1Builder(Eager):
    """tfbn.TF1Module, by TF1 names."""

    kind = "TF1Module"
    to_neutral, from_neutral = Graph.to_neutral, Graph.from_neutral

    def __init__(self, **arguments):
        arguments = {**Graph.arguments(), **arguments}

        def builder(inputs, is_training):
            return network(lambda net: Graph.normalize(net, is_training, **arguments), inputs)

        self.module = tfbn.TF1Module(builder)
        self.module.build(tf.TensorSpec(INPUTS.shape), is_training=True)

    def __call__(self, inputs, is_training):
        return self.module(tf.constant(inputs), is_training=is_training)

    def trainable(self):
        return self.module.trainable_variables

    def load(self, path):
        self.module.restore(path)

    def save(self, path):
        return self.module.save(path)


class Keras3(Eager):
    """Layers of Keras 3, in weight files."""

    kind = "Keras"
    ending = ".weights.h5"
    to_neutral = (("_conv/kernel$", "/weights"), ("_norm/", "/norm/"))
    from_neutral = (("/weights$", "_conv/kernel"), ("/norm/", "_norm/"))
    package = "keras"

    def __init__(self, **arguments):
        keras = importlib.import_module(self.package)
        inputs = net = keras.Input(INPUTS.shape[1:])
        for scope, (_, channels) in CHANNELS.items():
            net = keras.layers.Conv2D(channels, 1, use_bias=False, name=f"{scope}_conv")(net)
            net = keras.layers.BatchNormalization(momentum=DECAY, name=f"{scope}_norm", **arguments)(net)
            net = keras.layers.ReLU()(net) if scope == "first" else net
        self.model = keras.Model(inputs, net)

    def __call__(self, inputs, is_training):
        return self.model(inputs, training=is_training)

    def trainable(self):
        # Variables of Keras 3 wrap those of TensorFlow.
        return [getattr(variable, "value", variable) for variable in self.model.trainable_variables]

    def load(self, path):
        self.model.load_weights(path)

    def save(self, path):
        self.model.save_weights(path)
        return path


class Keras2(Keras3):
    """Layers of Keras 2, in files by name."""

    ending = ".h5"
    package = "tf_keras" if WITH_KERAS_3 else "keras"

    def trainable(self):
        return self.model.trainable_variables


KINDS = {
    "contrib": Graph,
    "tf.layers": LayersGraph,
    "TF1Module": TF1Builder,
    "BatchNorm": Modules,
    "keras2": Keras2,
}
if WITH_KERAS_3:
    KINDS["keras3"] = Keras3


def trained(kind, **arguments):
    """A model of a kind after a few steps."""
    model = KINDS[kind](**arguments)
    rng = np.random.default_rng(11)
    for _ in range(5):
        model.step((INPUTS + rng.normal(size=INPUTS.shape)).astype(np.float32))
    return model


def saved(model, folder, name):
    return model.save(os.path.join(folder, name + model.ending))
