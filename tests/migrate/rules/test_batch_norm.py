"""`batch_norm` of contrib and slim, wherever it is mentioned."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import migrated

IMPORTS = [
    ("import tensorflow as tf", "tf.contrib.layers.batch_norm"),
    ("import tensorflow as tf", "tf.contrib.slim.batch_norm"),
    ("import tensorflow as tf", "tf.compat.v1.contrib.layers.batch_norm"),
    ("import tensorflow.compat.v1 as tf", "tf.contrib.slim.layers.batch_norm"),
    ("import tensorflow", "tensorflow.contrib.layers.batch_norm"),
    ("import tensorflow.contrib.layers", "tensorflow.contrib.layers.batch_norm"),
    ("import tensorflow.contrib.slim as slim", "slim.batch_norm"),
    ("import tensorflow.contrib.layers.python.layers.layers as L", "L.batch_norm"),
    ("from tensorflow import contrib", "contrib.layers.batch_norm"),
    ("from tensorflow.contrib import layers as tcl", "tcl.batch_norm"),
    ("from tensorflow.contrib import slim", "slim.layers.batch_norm"),
    ("from tensorflow.contrib.layers.python.layers import layers", "layers.batch_norm"),
    ("from tensorflow.contrib.layers.python import layers", "layers.batch_norm"),
    ("import tf_slim as slim", "slim.batch_norm"),
    ("import tf_slim", "tf_slim.layers.batch_norm"),
    ("from tf_slim.layers import layers", "layers.batch_norm"),
    ("import tensorflow as tf\nslim = tf.contrib.slim", "slim.batch_norm"),
    ("import tensorflow as tf\ncontrib = tf.contrib\nlayers = contrib.layers", "layers.batch_norm"),
    ("try:\n    import tf_slim as s\nexcept ImportError:\n    import tensorflow.contrib.slim as s", "s.batch_norm"),
]
BY_NAME = [
    ("from tensorflow.contrib.layers import batch_norm", "from tfbn import batch_norm", "batch_norm"),
    ("from tensorflow.contrib.layers import batch_norm as bn", "from tfbn import batch_norm as bn", "bn"),
    ("from tensorflow.contrib.slim import (batch_norm  as bn)", "from tfbn import (batch_norm  as bn)", "bn"),
    (
        "from tensorflow.contrib.layers.python.layers.layers import batch_norm",
        "from tfbn import batch_norm",
        "batch_norm",
    ),
    ("from tf_slim import batch_norm", "from tfbn import batch_norm", "batch_norm"),
]
MENTIONS = [
    "{}(x, 0.9, True)",
    "{}(x, decay=1 - 0.1, trainable=is_training, **params)",
    "conv(x, normalizer_fn={}, normalizer_params=params)",
    "partial({}, decay=0.9)",
    "{{'norm': {}, {}: 1}}",
    "[{}, ({},)]",
    "lambda y, norm={}: norm(y)",
    "{} if training else None",
    "norms.setdefault('x', {}).__name__",
    "[{}(y) for y in x if {}]",
    "f'{{{}(x)}}'",
    "(yes := {})",
    "{}.__doc__",
    "x @ {}(x) if not x else -{}(x)",
]


def function(mentions, name):
    """A function with the mentions of a name, one on each line."""
    return "\n\ndef f(x, is_training, params):\n" + "".join(f"    {m.format(name, name)}\n" for m in mentions)


@pytest.mark.parametrize(("imports", "name"), IMPORTS)
def test_attributes_are_renamed(imports, name):
    """Through every import form, in every kind of expression, with the arguments as they were."""
    after = migrated(imports + function(MENTIONS, name))
    assert after.endswith(function(MENTIONS, "tfbn.batch_norm"))
    assert after.count("import tfbn\n") == 1
    assert "contrib" not in after
    assert "tf_slim" not in after


@pytest.mark.parametrize("mention", MENTIONS)
def test_every_mention_is_enough(mention):
    """By itself, for the import of tfbn and the end of the old one."""
    source = "import tensorflow.contrib.slim as slim" + function([mention], "slim.batch_norm")
    assert migrated(source) == "import tfbn" + function([mention], "tfbn.batch_norm")


@pytest.mark.parametrize(("before", "after", "name"), BY_NAME)
def test_imported_names_stay_and_their_import_changes(before, after, name):
    """Nothing but the import statement is another."""
    body = function(MENTIONS, name)
    assert migrated(before + body) == after + body


@pytest.mark.parametrize(
    ("statement", "after"),
    [
        ("class A:\n    norm = slim.batch_norm\n", "class A:\n    norm = tfbn.batch_norm\n"),
        ("class A(Base, norm=slim.batch_norm): pass\n", "class A(Base, norm=tfbn.batch_norm): pass\n"),
        ("def f(norm: type(slim.batch_norm) = None): pass\n", "def f(norm: type(tfbn.batch_norm) = None): pass\n"),
        ("@decorate(slim.batch_norm)\ndef f(): pass\n", "@decorate(tfbn.batch_norm)\ndef f(): pass\n"),
        ("async def f(): await slim.batch_norm(x)\n", "async def f(): await tfbn.batch_norm(x)\n"),
        ("bn = slim.batch_norm\ny = bn(x)\n", "bn = tfbn.batch_norm\ny = bn(x)\n"),
        ("self.bn: object = slim.batch_norm\n", "self.bn: object = tfbn.batch_norm\n"),
        ("print(slim.batch_norm  # why\n    (x))\n", "print(tfbn.batch_norm  # why\n    (x))\n"),
        ("def g(x):\n    slim = tcl\n    return slim.batch_norm(x)\n", "def g(x):\n    return tfbn.batch_norm(x)\n"),
    ],
)
def test_statements(statement, after):
    """Class attributes, annotations, decorators, aliases of the function and of the module."""
    imports = "import tensorflow.contrib.slim as slim\nfrom tensorflow.contrib import layers as tcl\n"
    assert migrated(imports + statement) == "import tfbn\n" + after
