"""Programs with imports and statements of every form through the codemod: no refusal, and no change in a second run."""

from __future__ import annotations

import random
from pathlib import Path

from tests.migrate.helpers import run

FUTURE = ["from __future__ import print_function", "from __future__ import absolute_import, division"]
STANDARD = [
    "import os",
    "import re",
    "from collections import OrderedDict",
    "import json, time",
    "from os import path as p",
]
THIRD_PARTY = [
    "import numpy as np",
    "import six",
    "from absl import flags",
    "import tensorflow as tf",
    "import tensorflow as tf  # noqa",
    "from six.moves import range",
]
CONTRIB = [
    "from tensorflow.contrib.layers import batch_norm",
    "import tensorflow.contrib.slim as slim",
    "from tensorflow.contrib import slim",
    "from tensorflow.contrib import layers",
    "from tensorflow.contrib.framework import arg_scope",
    "from tensorflow.contrib.layers import batch_norm as bn, conv2d",
    "from tensorflow.contrib.layers.python.layers import layers as core",
    "from tensorflow.contrib.layers import (batch_norm,\n    conv2d)",
    "import tensorflow.contrib as contrib",
    "from tensorflow import layers",
]
OF_PROJECT = ["from . import model", "from .util import x", "import model", "from lib import ops"]
BETWEEN = [
    "",
    "# a comment",
    '"""A string."""',
    "try:\n    import cPickle\nexcept ImportError:\n    import pickle",
    "if True:\n    import tensorflow.contrib.slim as slim",
    "NUMBER = 1",
    "def late():\n    from tensorflow.contrib import slim\n    return slim.conv2d(1, 2, 3)",
    "flags = tf.app.flags",
    "np.random.seed(1)",
    "import os; import sys",
    "from tensorflow.contrib import slim; import os",
]
STATEMENTS = [
    "y = batch_norm(x)",
    "y = slim.batch_norm(x)",
    "y = tf.contrib.layers.batch_norm(x, scope='a')",
    "y = layers.batch_norm(x)",
    "y = bn(x)",
    "def net(x):\n    return tf.layers.batch_normalization(x, training=True)",
    "with tf.Session() as session:\n    pass",
    "with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm):\n    y = slim.conv2d(x, 8, 3)",
    "x = tf.placeholder(tf.float32)",
    "z = tf.concat(1, [x])",
    "n = x.shape[1].value / 2",
    "if __name__ == '__main__':\n    tf.app.run()",
    "class Net(tf.layers.Layer):\n    pass",
    "op = slim.learning.create_train_op(1, tf.train.AdamOptimizer(1))",
    "f = lambda x: slim.fully_connected(x, 3, normalizer_fn=slim.batch_norm)",
]


def prepare(folder: Path) -> None:
    """Nothing."""


def draw(random_: random.Random, prepared: None) -> tuple[str, dict[str, bool]]:
    lines = [random_.choice(FUTURE)] if random_.random() < 0.3 else []
    for _ in range(random_.randint(1, 4)):
        kinds = [STANDARD, THIRD_PARTY, CONTRIB, CONTRIB, OF_PROJECT, BETWEEN]
        group = [random_.choice(random_.choice(kinds)) for _ in range(random_.randint(1, 4))]
        lines += sorted(group) if random_.random() < 0.5 else group
        if random_.random() < 0.6:
            lines.append("")
    lines += [random_.choice(STATEMENTS) for _ in range(random_.randint(1, 4))]
    source = "\n".join(lines) + ("\n" if random_.random() < 0.9 else "")
    if random_.random() < 0.15:
        source = source.replace("\n", "\r\n")
    return source, {"compat": random_.random() < 0.6}


def check(case: tuple[str, dict[str, bool]], prepared: None) -> None:
    source, options = case
    report = run(source, **options)  # asserts that it was not refused
    again = run(report.after.decode("utf-8"), **options)
    assert again.edits == (), f"a second run changes {again.edits}"
