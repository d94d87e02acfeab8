"""Imports in order come out in order: what a formatter and a linter accepted they accept after the migration."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.migrate.helpers import migrated, project
from tfbn.migrate import driver

# Files that ruff accepts, and what becomes of them; each as a whole.
ACCEPTED = {
    "an alias with blank lines below": (
        """\
import tensorflow as tf

slim = tf.contrib.slim


FLAGS = tf.app.flags.FLAGS


def net(x):
    return slim.batch_norm(x, scope=FLAGS.scope)
""",
        """\
import tensorflow.compat.v1 as tf
import tfbn

FLAGS = tf.app.flags.FLAGS


def net(x):
    return tfbn.batch_norm(x, scope=FLAGS.scope)
""",
    ),
    "imports above those with from": (
        """\
import os

import numpy as np
import tensorflow as tf
from scipy import misc
from tensorflow.contrib import slim

x = slim.batch_norm(tf.placeholder(tf.float32), np, os, misc)
""",
        """\
import os

import numpy as np
import tensorflow.compat.v1 as tf
import tfbn
from scipy import misc

tf.disable_v2_behavior()

x = tfbn.batch_norm(tf.placeholder(tf.float32), np, os, misc)
""",
    ),
    "names from several modules": (
        '''\
"""Doc."""

from __future__ import absolute_import

import tensorflow as tf
import tqdm  # t
from tensorflow.contrib.framework import arg_scope
from tensorflow.contrib.layers import batch_norm, conv2d, convolution2d_transpose
from tensorflow.python.ops import array_ops


def net(x):
    with arg_scope([conv2d], padding="SAME"):
        return tf.log(batch_norm(conv2d(convolution2d_transpose(x, tqdm, array_ops))))
''',
        '''\
"""Doc."""

from __future__ import absolute_import

import tensorflow.compat.v1 as tf
import tqdm  # t
from tensorflow.python.ops import array_ops
from tfbn import arg_scope, batch_norm
from tfbn.layers import conv2d
from tfbn.layers import conv2d_transpose as convolution2d_transpose


def net(x):
    with arg_scope([conv2d], padding="SAME"):
        return tf.log(batch_norm(conv2d(convolution2d_transpose(x, tqdm, array_ops))))
''',
    ),
    "between the standard library and the package": (
        """\
import os
import sys

from .model import tf, x


def net():
    import tensorflow.contrib.slim as slim

    return slim.batch_norm(x, os, sys, tf)
""",
        """\
import os
import sys

import tfbn

from .model import tf, x


def net():
    return tfbn.batch_norm(x, os, sys, tf)
""",
    ),
    "imports that may build ops": (
        """\
import os

import tensorflow as tf
import unknown_package

from .model import net

tf.app.run(net, os, unknown_package)
""",
        """\
import os

import tensorflow.compat.v1 as tf

if tf.executing_eagerly():  # before the imports below, which may build ops
    tf.disable_v2_behavior()

import unknown_package

from .model import net

tf.app.run(net, os, unknown_package)
""",
    ),
    "names, and an import that may build ops": (
        """\
from tensorflow import app, constant

from .model import net

app.run(net, constant)
""",
        """\
from tensorflow.compat.v1 import app, constant, disable_v2_behavior, executing_eagerly

if executing_eagerly():  # before the imports below, which may build ops
    disable_v2_behavior()

from .model import net

app.run(net, constant)
""",
    ),
    "aliases between the imports": (
        """\
import tensorflow as tf
from PIL import Image

slim = tf.contrib.slim
batch_norm = tf.contrib.layers.batch_norm


def f():
    return batch_norm(slim.flatten(tf.zeros([2, 3])), Image)
""",
        """\
import tensorflow.compat.v1 as tf
import tfbn
from PIL import Image

batch_norm = tfbn.batch_norm


def f():
    return batch_norm(tfbn.layers.flatten(tf.zeros([2, 3])), Image)
""",
    ),
    "too long for a line": (
        """\
from tensorflow.contrib.layers import avg_pool2d, batch_norm, conv2d
from tensorflow.contrib.slim import fully_connected, max_pool2d, separable_conv2d

x = [avg_pool2d, batch_norm, conv2d, fully_connected, max_pool2d, separable_conv2d]
""",
        """\
from tfbn import batch_norm
from tfbn.layers import (
    avg_pool2d,
    conv2d,
    fully_connected,
    max_pool2d,
    separable_conv2d,
)

x = [avg_pool2d, batch_norm, conv2d, fully_connected, max_pool2d, separable_conv2d]
""",
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_sorted_imports(name):
    before, after = ACCEPTED[name]
    assert migrated(before, compat=True) == after
    windows = before.replace("\n", "\r\n")
    assert migrated(windows, compat=True) == after.replace("\n", "\r\n")


@pytest.mark.process
def test_ruff_accepts_both(tmp_path):
    """The table is what it says, by ruff's defaults with the order of imports."""
    for number, texts in enumerate(ACCEPTED.values()):
        for text, name in zip(texts, ("before", "after")):
            (tmp_path / f"{name}_{number}.py").write_text(text)
    for command in (["check", "--isolated", "--select", "E4,E7,E9,F,I"], ["format", "--isolated", "--check"]):
        process = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."], capture_output=True, text=True, cwd=tmp_path
        )
        assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # As with force-sort-within-sections.
        (
            "from absl import app\nimport tensorflow as tf\nfrom tensorflow.contrib import slim\nimport tqdm\n",
            "from absl import app\nimport tensorflow as tf\nimport tfbn\nimport tqdm\n",
        ),
        # The standard library's and others in one group.
        ("import re\nfrom tensorflow.contrib import slim\n", "import re\nimport tfbn\n"),
        ("import tensorflow as tf\nimport re\nfrom tensorflow.contrib import slim\n", None),
        (
            "from __future__ import print_function\nfrom tensorflow.contrib import slim\n",
            "from __future__ import print_function\nimport tfbn\n",
        ),
        # In no order: the new import is where the old one was.
        (
            "import tensorflow as tf\nimport os\nfrom tensorflow.contrib import slim\n",
            "import tensorflow as tf\nimport os\nimport tfbn\n",
        ),
        # A star import may bind the names of those above it; several statements on a line are no order.
        ("from a import *\nfrom tensorflow.contrib import slim\n", "from a import *\nimport tfbn\n"),
        ("import os, sys\nfrom a import b\nfrom tensorflow.contrib import slim\n", None),
        # A comment stays above the import that it is about, above the first one with it.
        (
            "# a\nfrom a import b\n\n# slim\nfrom tensorflow.contrib import slim\nimport z\n",
            "# a\nfrom a import b\n\n# slim\nimport tfbn\nimport z\n",
        ),
        ("# a\nfrom a import b\nfrom tensorflow.contrib import slim\n", "# a\nfrom a import b\nimport tfbn\n"),
    ],
)
def test_other_orders(before, after):
    source = before + "slim.batch_norm(x)\n"
    after = before.replace("from tensorflow.contrib import slim", "import tfbn") if after is None else after
    assert migrated(source) == after + "tfbn.batch_norm(x)\n"


def test_nothing_is_sorted_without_another_edit():
    """The same import twice: what a first run leaves, a second must not move."""
    source = "from . import model\nfrom tfbn import arg_scope\n# a comment\nfrom tfbn import arg_scope\n"
    assert migrated(source, compat=True) == source


@pytest.mark.parametrize(
    ("imports", "place"),
    [
        ("import numpy\nimport queue\n", 2),
        ("import numpy\nimport model\nimport scipy\n", 1),
        ("from . import model\n", 0),
        ("import test\n", 0),
        ("import numpy\nx = 1\nimport scipy\n", 1),
    ],
)
def test_v2_behaviour_is_switched_off_before_what_may_build(imports, place):
    """Below imports that cannot build anything, above the project's own and those that are not known."""
    lines = imports.splitlines(keepends=True)
    switch = ["\n", "tf.disable_v2_behavior()\n"]
    if "import" in "".join(lines[place : place + 1]):
        guard = "if tf.executing_eagerly():  # before the imports below, which may build ops\n"
        switch = ["\n", guard, "    tf.disable_v2_behavior()\n", "\n"]
    expected = "".join([*lines[:place], *switch, *lines[place:]])
    source, after = (f"import tensorflow{v1} as tf\n{{}}tf.app.run()\n" for v1 in ("", ".compat.v1"))
    assert migrated(source.format(imports), compat=True) == after.format(expected)


DEFINITIONS = """\
import collections
import os

import tensorflow as tf

FLAGS = tf.app.flags
FLAGS.DEFINE_string("folder", os.path.join("a", "b"), "where")
tf.logging.set_verbosity(tf.logging.INFO)
Batch = collections.namedtuple("Batch", "images labels")


class Net:
    size = len("abc")

    @property
    def outputs(self, activation=tf.nn.relu):
        return activation(tf.placeholder(tf.float32))
"""


@pytest.mark.parametrize(
    ("model", "is_quiet"),
    [
        (DEFINITIONS, True),
        ("import other\n" + DEFINITIONS, True),
        (DEFINITIONS + "\n\nif __name__ == '__main__':\n    Net()\n", True),
        (DEFINITIONS + "\n\nnet = Net()\n", False),
        (DEFINITIONS + "\n\nx = tf.placeholder(tf.float32)\n", False),
        ("def f(x=tf.zeros([1])):\n    return x\n", False),
        ("import noisy\n" + DEFINITIONS, False),
        ("import unknown_package\n", False),
        ("import numpy as np\n\nx = np.zeros(3)\ny = x.sum()\n", False),
        ("from os import path\n\nx = path.join('a', 'b').upper()\n", True),
    ],
)
def test_modules_of_the_project(model, is_quiet, tmp_path):
    """Those that only define something are imported above the switch, too."""
    program = """\
import tensorflow as tf

import model

tf.app.run(model)
"""
    files = {
        "model.py": model,
        "main.py": program,
        "other.py": "import model\n",
        "noisy.py": "import tensorflow as tf\n\nx = tf.constant(1)\n",
    }
    after = project(tmp_path, files, driver.chosen_rules(compat=True))["main.py"]
    switch, local = "tf.disable_v2_behavior()\n", "import model\n"
    assert (after.index(local) < after.index(switch)) == is_quiet
    guard = "if tf.executing_eagerly():  # before the imports below, which may build ops\n"
    assert (guard in after) != is_quiet
    after = after.replace(guard, "", 1).replace(switch, "", 1)
    assert after.split() == program.replace("tensorflow", "tensorflow.compat.v1", 1).split()
