"""The import of compat.v1, where the code is TF1."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings, migrated

V1 = "import tensorflow.compat.v1 as tf\n"
MAIN = "if __name__ == '__main__':\n    main()\n"


@pytest.mark.parametrize(
    ("body", "is_v1"),
    [
        ("x = tf.placeholder(tf.float32)\n", True),
        ("def f():\n    return tf.train.AdamOptimizer(0.1)\n", True),
        ("def f():\n    with tf.variable_scope('a'): pass\n", True),
        ("def f(x):\n    return tf.layers.conv3d(x)\n", True),
        ("def f(x):\n    return tf.nn.relu(x)\n", False),
        ("@tf.function\ndef f(x):\n    return tf.keras.layers.Dense(3)(x)\n", False),
        ("x = tf.compat.v1.placeholder(tf.float32)\n", False),
        ("x = tf.compat.v1.Session, tf.layers.flatten(tf.x)\n", False),
        ("x = tf.Variable(1.0), tf.train.Checkpoint\n", False),
    ],
)
def test_what_is_tf1_code(body, is_v1):
    """What uses names that only compat.v1 has, or contrib, unless tf_upgrade_v2 has been there."""
    after = migrated("import tensorflow as tf\n" + body, compat=True)
    assert after.startswith(V1 if is_v1 else "import tensorflow as tf\n")


def test_only_when_asked_for():
    """The import is TensorFlow's, and the user's choice."""
    source = "import tensorflow as tf\nx = tf.placeholder(tf.float32)\n"
    assert migrated(source) == source


def test_migrated_code_counts():
    """A module that calls contrib's batch_norm is TF1 code, whatever else it uses."""
    source = "import tensorflow as tf\nfrom tensorflow.contrib.layers import batch_norm\nf = batch_norm, tf.nn.relu\n"
    assert migrated(source, compat=True) == V1 + "from tfbn import batch_norm\nf = batch_norm, tf.nn.relu\n"


@pytest.mark.parametrize(
    ("imports", "after"),
    [
        ("import tensorflow as tf, os", "import tensorflow.compat.v1 as tf, os"),
        ("import tensorflow as tf  # 1.x", "import tensorflow.compat.v1 as tf  # 1.x"),
        ("if True:\n    import tensorflow as tf", "if True:\n    import tensorflow.compat.v1 as tf"),
    ],
)
def test_statements(imports, after):
    """Only the module's name changes."""
    body = "\nx = tf.get_variable('x', [])\n"
    assert migrated(imports + body, compat=True) == after + body


def test_without_an_alias():
    """The name stays."""
    source = "import tensorflow\nx = tensorflow.get_variable('x', [])\n"
    assert migrated(source, compat=True) == source.replace(
        "import tensorflow", "import tensorflow.compat.v1 as tensorflow"
    )


@pytest.mark.parametrize(
    ("body", "is_program"),
    [
        ("def main(): tf.app.run()\n" + MAIN, True),
        ("tf.app.run()\n", True),
        ("with tf.Session() as session: pass\n", True),
        ("def f(): return tf.Session()\n", False),
        ("x = tf.placeholder(tf.float32)\n", True),
        ("def f(): return tf.placeholder(tf.float32)\n", False),
        ("x = tf.get_variable('x', [])\n", False),
        ("tf.disable_eager_execution()\ntf.Session()\n", False),
        ("tf.compat.v1.disable_v2_behavior()\ntf.Session()\n", False),
    ],
)
def test_programs_switch_v2_behaviour_off(body, is_program):
    """Below the import, before anything is built; modules leave that to the program."""
    after = migrated("import os\nimport tensorflow as tf\nimport sys\n" + body, compat=True)
    line = "tf.disable_v2_behavior()\n" if is_program else ""
    assert after == f"import os\n{V1}{line}import sys\n{body}"


@pytest.mark.parametrize("name", ["random.set_seed(1)", "optimizers.Adam()", "losses.MeanSquaredError()"])
def test_mixed_code_is_reported(name):
    """compat.v1 lacks some names of TensorFlow 2."""
    source = f"import tensorflow as tf\nx = tf.placeholder(tf.float32)\ny = tf.{name}\n"
    assert migrated(source, compat=True) == source
    assert findings(source, compat=True) == [("compat-v1", 3)]


def test_losses_are_written_for_the_new_import():
    """tf.losses is compat.v1's then."""
    source = "import tensorflow as tf\nx = tf.contrib.losses.get_losses()\n"
    assert migrated(source, compat=True) == V1 + "x = tf.losses.get_losses()\n"


@pytest.mark.parametrize(
    ("call", "is_reported"),
    [
        ("tf.nn.dropout(x, keep)", True),
        ("tf.nn.dropout(x, keep_prob=keep)", True),
        ("tf.nn.dropout(x, rate=1 - keep)", False),
        ("tf.compat.v1.nn.dropout(x, keep)", False),
    ],
)
def test_dropout_of_half_upgraded_code(call, is_reported):
    """A second argument without a name is not tf_upgrade_v2's, and means the opposite from TF1 to TF2."""
    norm = "y = tf.layers.batch_normalization(tf.compat.v1.placeholder(tf.float32))\n"
    source = f"import tensorflow as tf\n{norm}z = {call}\n"
    assert migrated(source, compat=True).startswith("import tensorflow as tf\n")
    assert findings(source, compat=True) == ([("compat-v1", 3)] if is_reported else [])
    assert not findings(source)


def test_dropout_elsewhere_is_not_reported():
    """TF1 code gets the import under which it means the same; code of TF2 alone means what it says."""
    assert not findings("import tensorflow as tf\nx = tf.Session(tf.nn.dropout(tf.x, 0.5))\n", compat=True)
    assert not findings("import tensorflow as tf\nx = tf.compat.v1.Session, tf.nn.dropout(tf.x, 0.5)\n", compat=True)
