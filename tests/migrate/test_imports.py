"""Imports: which change, go, stay and come."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings, migrated

SLIM = "import tensorflow.contrib.slim as slim\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # All names of an import move to one place: the module's name changes, all else in it stays.
        (
            "from tensorflow.contrib.layers import (  # a\n    conv2d as c,  # b\n    flatten,\n)\nc(flatten)\n",
            "from tfbn.layers import (  # a\n    conv2d as c,  # b\n    flatten,\n)\nc(flatten)\n",
        ),
        # Several places: an import for each, and the comments above.
        (
            "def f():\n    from tensorflow.contrib.slim import batch_norm, conv2d, model_analyzer  # c\n"
            "    return conv2d, model_analyzer\n",
            "def f():\n    from tfbn import batch_norm\n    from tfbn.layers import conv2d\n"
            "    from tensorflow.contrib.slim import model_analyzer  # c\n    return conv2d, model_analyzer\n",
        ),
        # On a line with others.
        (
            "import os; from tensorflow.contrib.slim import batch_norm, flatten; import sys\n",
            "import os; from tfbn import batch_norm; from tfbn.layers import flatten; import sys\n",
        ),
        # Unused: re-exported, perhaps.
        ("from tensorflow.contrib.layers import batch_norm\n", "from tfbn import batch_norm\n"),
        # A name that is another in tfbn keeps its local name.
        (
            "from tensorflow.contrib.layers import convolution2d_transpose\nconvolution2d_transpose(x)\n",
            "from tfbn.layers import conv2d_transpose as convolution2d_transpose\nconvolution2d_transpose(x)\n",
        ),
        (
            "from tensorflow.contrib.layers import separable_convolution2d as s\ns(x)\n",
            "from tfbn.layers import separable_conv2d as s\ns(x)\n",
        ),
        # Some names of an import go.
        (
            "import os, tensorflow.contrib.slim as slim, sys\nslim.batch_norm(os, sys)\n",
            "import os, sys\nimport tfbn\ntfbn.batch_norm(os, sys)\n",
        ),
        (
            "from tensorflow.contrib import slim, metrics\nslim.batch_norm(metrics.x)\n",
            "import tfbn\nfrom tensorflow.contrib import metrics\ntfbn.batch_norm(metrics.x)\n",
        ),
        # An import of a submodule binds the package as well.
        (
            "import tensorflow.contrib.slim\ntensorflow.contrib.slim.batch_norm(tensorflow.x)\n",
            "import tensorflow\nimport tfbn\ntfbn.batch_norm(tensorflow.x)\n",
        ),
        (
            "import tensorflow\nimport tensorflow.contrib.slim\ntensorflow.contrib.slim.batch_norm(tensorflow.x)\n",
            "import tensorflow\nimport tfbn\ntfbn.batch_norm(tensorflow.x)\n",
        ),
        ("import tensorflow.contrib.slim\ntensorflow.contrib.slim.batch_norm\n", "import tfbn\ntfbn.batch_norm\n"),
        # Never used, and fatal.
        ("import os\n" + SLIM + "print(os)\n", "import os\nprint(os)\n"),
        # Unused as it was before, and harmless.
        (
            "import tensorflow as tf\n" + SLIM + "slim.flatten(x)\n",
            "import tensorflow as tf\nimport tfbn\ntfbn.layers.flatten(x)\n",
        ),
        # Imported already.
        ("import tfbn\n" + SLIM + "slim.flatten(tfbn)\n", "import tfbn\ntfbn.layers.flatten(tfbn)\n"),
        # Aliases, one on top of the other.
        (
            "import tensorflow as tf\nc = tf.contrib\nslim = c.slim\nl = slim.layers\nl.flatten(tf.x)\n",
            "import tensorflow as tf\nimport tfbn\ntfbn.layers.flatten(tf.x)\n",
        ),
    ],
)
def test_statements(before, after):
    """Each in its own way."""
    assert migrated(before) == after


def test_class_attributes_stay():
    """Others reach them as attributes; the uses within the class are rewritten."""
    source = "import tensorflow as tf\nclass A:\n    slim = tf.contrib.slim\n    bn = slim.batch_norm\n"
    assert migrated(source) == source.replace("slim.batch_norm", "tfbn.batch_norm").replace(
        "class", "import tfbn\nclass"
    )
    assert findings(source) == [("leftovers", 3)]


def test_only_the_chosen_rules_remove():
    """What another rule would have rewritten is still in use; an unused import is that of dead-imports."""
    source = SLIM + "slim.conv2d(slim.batch_norm)\n"
    assert migrated(source, only=["batch-norm"]) == SLIM + "import tfbn\nslim.conv2d(tfbn.batch_norm)\n"
    assert migrated(SLIM, only=["batch-norm"]) == SLIM
    source = "from tensorflow.contrib.slim import batch_norm, conv2d\nconv2d(batch_norm)\n"
    assert migrated(source, only=["batch-norm"]) == (
        "from tensorflow.contrib.slim import conv2d\nfrom tfbn import batch_norm\nconv2d(batch_norm)\n"
    )
