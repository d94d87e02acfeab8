"""Functions that tfbn has with the same arguments: only their names change.

The names and what each becomes are in the table of `tfbn.migrate.names`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tfbn.migrate.rule import Rule, rename


def _rule(name: str, summary: str, valid: Sequence[str], invalid: Sequence[tuple[str, str]]) -> Rule:
    return Rule(name, summary, valid, invalid, check_file=partial(rename, rule=name))


RULES = (
    _rule(
        "batch-norm",
        "renames batch_norm of contrib and slim to tfbn.batch_norm; its arguments stay",
        valid=[
            # The project's own, parameters, other packages, and what TensorFlow still has.
            "from ops import batch_norm\nbatch_norm(x)\n",
            "from .slim import batch_norm\nbatch_norm(x)\n",
            "import slim\nslim.batch_norm(x)\n",
            "class batch_norm:\n    pass\nbatch_norm(name='x')\n",
            "def bn(x):\n    return x\nbn(1)\n",
            """\
import tensorflow.compat.v1 as tf
tf.nn.batch_normalization(x, m, v, b, g, e)
tf.nn.fused_batch_norm(x)
""",
            "import tensorflow as tf\ntf.keras.layers.BatchNormalization()(x)\n",
            "def f(slim):\n    return slim.batch_norm(1)\n",
            "import contrib\ncontrib.layers.batch_norm(x)\n",
        ],
        invalid=[
            (
                """\
import tensorflow as tf
import tensorflow.contrib.slim as slim

def head(images, is_training, normalizer_fn=slim.batch_norm):
    net = tf.contrib.layers.batch_norm(images, decay=0.9, is_training=is_training)
    return normalizer_fn(tf.nn.relu(net), is_training=is_training)
""",
                """\
import tensorflow as tf
import tfbn

def head(images, is_training, normalizer_fn=tfbn.batch_norm):
    net = tfbn.batch_norm(images, decay=0.9, is_training=is_training)
    return normalizer_fn(tf.nn.relu(net), is_training=is_training)
""",
            ),
            # A parameter, a loop variable and one of a comprehension hide the module in their function only.
            (
                """\
import tensorflow.contrib.slim as slim

def f(slim):
    return slim.batch_norm(1)

def g(x):
    return [slim.batch_norm(x) for slim in x], slim.batch_norm(x)

def h(x):
    for slim in x:
        slim.batch_norm(x)
""",
                """\
import tfbn

def f(slim):
    return slim.batch_norm(1)

def g(x):
    return [slim.batch_norm(x) for slim in x], tfbn.batch_norm(x)

def h(x):
    for slim in x:
        slim.batch_norm(x)
""",
            ),
        ],
    ),
    _rule(
        "batch-normalization",
        "renames batch_normalization and BatchNormalization of tf.layers to those of tfbn; their arguments stay",
        valid=[
            # The layers of Keras have other update rules.
            """\
import tensorflow as tf
from tensorflow.keras import layers

def f(x):
    return layers.BatchNormalization()(tf.keras.layers.BatchNormalization()(x))
""",
        ],
        invalid=[
            (
                """\
import tensorflow as tf

def head(images, training):
    net = tf.layers.batch_normalization(images, training=training, name="first")
    return tf.layers.BatchNormalization(momentum=0.9)(tf.nn.relu(net), training=training)
""",
                """\
import tensorflow as tf
import tfbn

def head(images, training):
    net = tfbn.batch_normalization(images, training=training, name="first")
    return tfbn.BatchNormalization(momentum=0.9)(tf.nn.relu(net), training=training)
""",
            ),
            # For names that are imported directly, only the import changes.
            (
                "from tensorflow.layers import batch_normalization as bn, BatchNormalization\nbn(BatchNormalization)\n",
                "from tfbn import BatchNormalization\nfrom tfbn import batch_normalization as bn\n"
                "bn(BatchNormalization)\n",
            ),
        ],
    ),
    _rule(
        "contrib-layers",
        "renames layers, regularizers, initializers and variable lists of contrib and slim to those of tfbn.layers",
        valid=["from my_project import layers\nlayers.fully_connected(x, 10)\n"],
        invalid=[
            (
                """\
from tensorflow.contrib import layers as tcl

def head(images):
    net = tcl.conv2d(images, 8, 3, normalizer_fn=tcl.batch_norm)
    net = tcl.flatten(net)
    return tcl.fully_connected(net, 10, weights_regularizer=tcl.l2_regularizer(1e-4))
""",
                """\
import tfbn

def head(images):
    net = tfbn.layers.conv2d(images, 8, 3, normalizer_fn=tfbn.batch_norm)
    net = tfbn.layers.flatten(net)
    return tfbn.layers.fully_connected(net, 10, weights_regularizer=tfbn.layers.l2_regularizer(1e-4))
""",
            ),
            # Below slim, and below python.
            (
                """\
import tensorflow as tf
from tensorflow.contrib.layers.python.layers import regularizers
from tensorflow.contrib.framework.python.ops import variables
slim = tf.contrib.slim
a = slim.initializers.xavier_initializer(), slim.regularizers.l2_regularizer(0.1), slim.get_model_variables()
b = regularizers.l1_regularizer(0.1), variables.get_variables(), tf.contrib.framework.get_variables_to_restore()
""",
                """\
import tfbn
a = tfbn.layers.xavier_initializer(), tfbn.layers.l2_regularizer(0.1), tfbn.layers.get_model_variables()
b = tfbn.layers.l1_regularizer(0.1), tfbn.layers.get_variables(), tfbn.layers.get_variables_to_restore()
""",
            ),
            # The norms of a normalizer_fn switch, and what goes with them.
            (
                """\
import tensorflow.contrib.slim as slim
NORMS = {"layer": slim.layer_norm, "group": slim.group_norm, "batch": slim.batch_norm}

def restore(path):
    return slim.assign_from_checkpoint_fn(path, slim.get_model_variables(), ignore_missing_vars=True)
""",
                """\
import tfbn
NORMS = {"layer": tfbn.layers.layer_norm, "group": tfbn.layers.group_norm, "batch": tfbn.batch_norm}

def restore(path):
    return tfbn.layers.assign_from_checkpoint_fn(path, tfbn.layers.get_model_variables(), ignore_missing_vars=True)
""",
            ),
            # What tfbn lacks stays, with the import that it needs.
            (
                "from tensorflow.contrib import layers\ny = layers.conv2d(layers.maxout(x, 4), 8, 3)\n",
                "import tfbn\nfrom tensorflow.contrib import layers\n"
                "y = tfbn.layers.conv2d(layers.maxout(x, 4), 8, 3)\n",
            ),
        ],
    ),
    _rule(
        "tf-layers",
        "renames the functions and classes of tf.layers to those of tfbn.layers.v1",
        valid=["import tensorflow as tf\ny = tf.keras.layers.Dense(10)(tf.x)\n"],
        invalid=[
            (
                """\
import tensorflow as tf

def head(images):
    net = tf.layers.conv2d(images, 8, 3, padding="same", name="conv")
    return tf.layers.dense(tf.layers.flatten(tf.nn.relu(net)), 10)
""",
                """\
import tensorflow as tf
import tfbn

def head(images):
    net = tfbn.layers.v1.conv2d(images, 8, 3, padding="same", name="conv")
    return tfbn.layers.v1.dense(tfbn.layers.v1.flatten(tf.nn.relu(net)), 10)
""",
            ),
            (
                """\
import tensorflow as tf
from tensorflow.python.layers import base

class Head(tf.layers.Layer):
    def build(self, input_shape):
        self.dense = tf.layers.Dense(10, name="logits")

class Scale(base.Layer):
    pass
""",
                """\
import tfbn

class Head(tfbn.layers.v1.Layer):
    def build(self, input_shape):
        self.dense = tfbn.layers.v1.Dense(10, name="logits")

class Scale(tfbn.layers.v1.Layer):
    pass
""",
            ),
            # contrib's layers of the same name have other signatures and names of variables.
            (
                "import tensorflow as tf\ny = tf.layers.conv2d(tf.contrib.layers.conv2d(tf.x))\n",
                "import tensorflow as tf\nimport tfbn\ny = tfbn.layers.v1.conv2d(tfbn.layers.conv2d(tf.x))\n",
            ),
        ],
    ),
    _rule(
        "arg-scope",
        "renames arg_scope, add_arg_scope, has_arg_scope, arg_scoped_arguments and arg_scope_func_key to tfbn",
        valid=["from my_scopes import arg_scope\nwith arg_scope([f]): pass\n"],
        invalid=[
            (
                """\
from tensorflow.contrib.framework import arg_scope
from tensorflow.contrib.layers import batch_norm

def head(images):
    with arg_scope([batch_norm], decay=0.9, updates_collections=None):
        return batch_norm(images)
""",
                """\
from tfbn import arg_scope, batch_norm

def head(images):
    with arg_scope([batch_norm], decay=0.9, updates_collections=None):
        return batch_norm(images)
""",
            ),
        ],
    ),
    _rule(
        "train-op",
        "renames create_train_op of tf.contrib.training to tfbn.create_train_op; its arguments stay",
        valid=["from my_training import create_train_op\ncreate_train_op(loss, optimizer)\n"],
        invalid=[
            (
                """\
import tensorflow as tf

def step(loss):
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    return tf.contrib.training.create_train_op(loss, optimizer)
""",
                """\
import tensorflow as tf
import tfbn

def step(loss):
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    return tfbn.create_train_op(loss, optimizer)
""",
            ),
            # The arguments by position stay, too, since both have the same.
            (
                """\
from tensorflow.contrib.training.python.training import training
step = training.create_train_op(loss, optimizer, None, ops, variables, transform, True)
""",
                """\
import tfbn
step = tfbn.create_train_op(loss, optimizer, None, ops, variables, transform, True)
""",
            ),
            (
                "from tensorflow.contrib.training import create_train_op as step\nstep(loss, optimizer)\n",
                "from tfbn import create_train_op as step\nstep(loss, optimizer)\n",
            ),
        ],
    ),
)
