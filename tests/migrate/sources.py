"""Programs as they were written for TensorFlow 1, small: each shows a habit that real code has.

Every one of them goes through the whole codemod in test_sources.py; other tests take them up as well.
"""

from __future__ import annotations

SOURCES: dict[str, str] = {}

# A class of the project's own called batch_norm, around contrib's function.
SOURCES["own class"] = '''\
import math

import numpy as np
import tensorflow as tf


class batch_norm(object):
    """Normalizes with statistics of its own, kept between calls."""

    def __init__(self, epsilon=1e-5, momentum=0.9, name="norm"):
        with tf.variable_scope(name):
            self.epsilon, self.momentum, self.name = epsilon, momentum, name

    def __call__(self, x, train=True):
        return tf.contrib.layers.batch_norm(x,
                                            decay=self.momentum,  # of the moving averages
                                            updates_collections=None,
                                            epsilon=self.epsilon,
                                            scale=True,
                                            is_training=train,
                                            scope=self.name)


def generator(z):
    bn = batch_norm(name='g_bn0')
    return tf.nn.tanh(bn(tf.matmul(z, np.ones([int(math.sqrt(16)), 4], 'f'))))
'''

# Nested scopes, a scope captured and entered again, parameters in a dict, collections of named outputs.
SOURCES["arg scopes"] = '''\
# -*- coding: utf-8 -*-
"""A residual network, with its scope of arguments."""
from __future__ import absolute_import
from __future__ import division

import collections
import tensorflow as tf

slim = tf.contrib.slim


class Block(collections.namedtuple('Block', ['scope', 'unit_fn', 'args'])):
  pass


@slim.add_arg_scope
def unit(inputs, depth, stride, outputs_collections=None, scope=None):
  with tf.variable_scope(scope, 'unit', [inputs]) as sc:
    depth_in = slim.utils.last_dimension(inputs.get_shape(), min_rank=4)
    preact = slim.batch_norm(inputs, activation_fn=tf.nn.relu, scope='preact')
    if depth == depth_in:
      shortcut = inputs if stride == 1 else slim.max_pool2d(inputs, [1, 1], stride=stride)
    else:
      shortcut = slim.conv2d(preact, depth, [1, 1], stride=stride, normalizer_fn=None)
    residual = slim.conv2d(preact, depth, 3, stride, scope='conv')
    return slim.utils.collect_named_outputs(outputs_collections, sc.original_name_scope, shortcut + residual)


def scope_of(is_training=True, weight_decay=0.0001, batch_norm_decay=0.997):
  params = {
      'is_training': is_training,
      'decay': batch_norm_decay,
      'updates_collections': tf.GraphKeys.UPDATE_OPS,
  }
  with slim.arg_scope(
      [slim.conv2d],
      weights_regularizer=slim.l2_regularizer(weight_decay),
      weights_initializer=slim.variance_scaling_initializer(),
      normalizer_fn=slim.batch_norm,
      normalizer_params=params):
    with slim.arg_scope([slim.batch_norm], **params):
      # The padding of pooling layers.
      with slim.arg_scope([slim.max_pool2d], padding='SAME') as arg_sc:
        return arg_sc


def network(inputs):
  with slim.arg_scope(scope_of()):
    with slim.arg_scope([unit, slim.conv2d], outputs_collections='end_points'):
      net = slim.repeat(inputs, 2, unit, 8, 1)
    return net, slim.utils.convert_collection_to_dict('end_points')
'''

# Names imported one by one, a function for each branch of a cond.
SOURCES["from imports"] = """\
import tensorflow as tf
from tensorflow.contrib.layers import batch_norm, flatten
from tensorflow.contrib.framework import arg_scope
import numpy as np

def normalize(x, training, scope):
    with arg_scope([batch_norm],
                   scope=scope,
                   updates_collections=None,
                   decay=0.9):
        return tf.cond(training,
                       lambda : batch_norm(inputs=x, is_training=training, reuse=None),
                       lambda : batch_norm(inputs=x, is_training=training, reuse=True))

def head(x):
    x = tf.layers.conv2d(inputs=x, filters=8, kernel_size=[3, 3], padding='SAME')
    x = flatten(tf.layers.max_pooling2d(inputs=x, pool_size=[2, 2], strides=2))
    return tf.layers.dense(inputs=x, units=int(np.prod([2, 5])))
"""

# Losses with their old order, slim's train ops, one of them with clipped gradients.
SOURCES["two networks"] = """\
import tensorflow as tf
import tensorflow.contrib.slim as slim


class Model(object):
    def features(self, images, reuse=False):
        with tf.variable_scope('features', reuse=reuse):
            with slim.arg_scope([slim.conv2d], padding='SAME', activation_fn=None,
                                 stride=2,  weights_initializer=tf.contrib.layers.xavier_initializer()):
                with slim.arg_scope([slim.batch_norm], decay=0.95, center=True, scale=True,
                                    activation_fn=tf.nn.relu, is_training=True):
                    net = slim.conv2d(images, 8, [3, 3], scope='conv1')   # half the size
                    net = slim.batch_norm(net, scope='bn1')
                    return slim.flatten(net)

    def build(self, images, labels):
        logits = slim.fully_connected(self.features(images), 10)
        self.loss = slim.losses.sparse_softmax_cross_entropy(logits, labels)
        self.fake = slim.losses.sigmoid_cross_entropy(logits, tf.zeros_like(logits), weights=0.5)
        optimizer = tf.train.AdamOptimizer(0.001)
        variables = [v for v in tf.trainable_variables() if 'features' in v.name]
        self.step = slim.learning.create_train_op(self.loss, optimizer, variables_to_train=variables)
        self.clipped = slim.learning.create_train_op(self.loss, optimizer, clip_gradient_norm=4)
        slim.learning.train(self.step, '/tmp/logs')
"""

# tf.layers, and update ops that are never run.
SOURCES["unwired"] = """\
import tensorflow as tf

class Discriminator:
    def __init__(self, depths=[8, 16]):
        self.depths = depths
        self.reuse = False

    def __call__(self, inputs, training=False):
        outputs = tf.convert_to_tensor(inputs)
        with tf.variable_scope('d', reuse=self.reuse):
            for depth in self.depths:
                outputs = tf.layers.conv2d(outputs, depth, [5, 5], strides=(2, 2), padding='SAME')
                outputs = tf.nn.relu(tf.layers.batch_normalization(outputs, training=training), name='outputs')
            outputs = tf.layers.dense(tf.layers.flatten(outputs), 2, name='outputs')
        self.reuse = True
        return outputs

def train(images):
    logits = Discriminator()(images, training=True)
    step = tf.train.AdamOptimizer(1e-4).minimize(tf.reduce_mean(logits))
    with tf.control_dependencies([step]):
        return tf.no_op(name='train')
"""

# After tf_upgrade_v2: compat.v1 everywhere but where the tool has no answer.
SOURCES["upgraded"] = """\
from __future__ import print_function

import tensorflow as tf
import tensorflow.contrib.slim as slim

class Regression(object):
    def __init__(self, size, batch_norm):
        self.training = tf.compat.v1.placeholder(tf.bool, name="training")
        self.inputs = tf.compat.v1.placeholder(tf.float32, [None, size])
        with tf.compat.v1.variable_scope("regression"):
            y = self.linear(self.inputs, size, batch_norm)
        update_ops = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)
        loss = tf.reduce_mean(input_tensor=tf.square(y))
        opt = tf.compat.v1.train.AdamOptimizer(0.1)
        with tf.control_dependencies(update_ops):
            gradients = opt.compute_gradients(loss)
            self.updates = opt.apply_gradients(gradients)

    def linear(self, y, size, batch_norm):
        w = tf.compat.v1.get_variable("w", [size, size])
        y = tf.matmul(y, w)
        if  batch_norm:
            y = tf.compat.v1.layers.batch_normalization(y,training=self.training,name="bn"+str(1))
        y = tf.nn.relu( y )
        return slim.dropout(y, 0.5, is_training=self.training)
"""

# Old paths of modules, names that tfbn does not have, backslashes.
SOURCES["deep imports"] = """\
import tensorflow as tf
from tensorflow.contrib.layers.python.layers import initializers, layers as contrib_layers
from tensorflow.contrib.framework.python.ops import add_arg_scope, arg_scope as scoped
from tensorflow.contrib.framework.python.ops.variables import get_or_create_global_step
from tensorflow.contrib.layers.python.layers.layers import batch_norm as bn

@add_arg_scope
def upsample(x, filters, normalizer_fn=bn):
    kernel = tf.get_variable('k', [3, 3, filters, filters], initializer=initializers.xavier_initializer())
    with scoped([bn], fused=True), \\
         scoped([contrib_layers.conv2d], padding='SAME'):
        x = contrib_layers \\
            .conv2d(x, filters, 3, normalizer_fn=normalizer_fn)
    return x * kernel, get_or_create_global_step()

def evaluate(predictions, labels):
    return tf.contrib.metrics.streaming_accuracy(predictions, labels)
"""

# Both homes of slim tried in turn, imports within functions, a module handed on.
SOURCES["wherever it is"] = """\
try:
    import tensorflow.contrib.slim as slim
except ImportError:
    import tf_slim as slim


def encoder(x):
    from functools import partial
    import tensorflow as tf
    from tensorflow.contrib import layers as tcl
    norm = partial(tcl.batch_norm, decay=0.9, updates_collections=None)
    activations = {'norm': tcl.batch_norm, tcl.batch_norm: 'norm', None: None}
    layer = lambda inputs, fn=slim.batch_norm: fn(tf.nn.relu(inputs))
    return tcl.conv2d(layer(x), 4, 3, normalizer_fn=norm), activations


def decoder(x, slim=None):
    return slim.batch_norm(x)
"""

# Statements joined by semicolons, comments inside parentheses, tabs, names beyond ASCII.
SOURCES["formatting"] = """\
#!/usr/bin/env python
# coding: utf-8
import os, tensorflow as tf; from tensorflow.contrib import slim  # both on a line
from tensorflow.contrib.layers import (  # what we need
    batch_norm,  # the normalizer
    conv2d as convolve,
    maxout,
)
if os.environ.get("FAST"):
\tfrom tensorflow.contrib.layers import batch_norm as größe
\tbreite = größe
else:
\tbreite = None

def f(x): return tf.nn.relu(slim.batch_norm(x, scope="é"))  # ü
def g(x):
\treturn maxout(convolve(batch_norm(x), 3, 3))
"""

# The mistakes that programs came with.
SOURCES["mistakes"] = """\
import tensorflow as tf
from tensorflow.contrib import slim

def model(x, params):
    x = slim.batch_norm(x, name='first')
    options = dict(decay=0.9, name='second')
    x = slim.batch_norm(x, **options)
    x = slim.conv2d(x, 8, 3, normalizer_fn=slim.batch_norm, normalizer_params={'name': 'third'})
    return slim.batch_norm(x, **params)

def train(x):
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    loss = tf.reduce_mean(model(x, {}))
    with tf.control_dependencies(update_ops):
        optimizer = tf.train.AdamOptimizer(0.1)
    return optimizer.minimize(loss)

def by_name(name):
    return getattr(slim, name), getattr(tf.contrib.layers, 'batch_norm'), eval('slim.batch_norm')
"""

# Nothing of TensorFlow 1 in it.
SOURCES["bystander"] = """\
import torch.nn as nn
from tensorflow.keras import layers


class slim:
    batch_norm = nn.BatchNorm2d


def head(x, batch_norm=slim.batch_norm):
    return layers.BatchNormalization()(layers.Dense(3)(batch_norm(x)))
"""
