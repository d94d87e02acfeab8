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
        ("def f(x):\n    return tf.layers.InputSpec(x)\n", True),
        ("def f(x):\n    return tf.reduce_sum(x, keep_dims=True)\n", True),
        ("def f(x):\n    return tf.reduce_sum(x, keepdims=True)\n", False),
        ("def f(x):\n    return tf.nn.relu(x)\n", False),
        ("@tf.function\ndef f(x):\n    return tf.keras.layers.Dense(3)(x)\n", False),
        ("x = tf.compat.v1.placeholder(tf.float32)\n", False),
        ("x = tf.compat.v1.Session, tf.layers.flatten(tf.x)\n", False),
        ("x = tf.Variable(1.0), tf.train.Checkpoint\n", False),
    ],
)
def test_tf1_code_is_recognized(body, is_v1):
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
    """Below the imports that build nothing, before anything is built; modules leave that to the program."""
    after = migrated("import os\nimport tensorflow as tf\nimport sys\n" + body, compat=True)
    line = "\ntf.disable_v2_behavior()\n" if is_program else ""
    assert after == f"import os\n{V1}import sys\n{line}{body}"


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
    ("imports", "after"),
    [
        ("from tensorflow import placeholder", "from tensorflow.compat.v1 import placeholder"),
        (
            "from tensorflow import (  # a\n    gfile as g,  # b\n    placeholder,\n)",
            "from tensorflow.compat.v1 import (  # a\n    gfile as g,  # b\n    placeholder,\n)",
        ),
        ("from tensorflow.train import Saver", "from tensorflow.compat.v1.train import Saver"),
        ("from tensorflow.flags import FLAGS", "from tensorflow.compat.v1.flags import FLAGS"),
        ("import tensorflow.train as t, os", "import tensorflow.compat.v1.train as t, os"),
        (
            "import tensorflow.train as t, tensorflow as tf",
            "import tensorflow.compat.v1.train as t, tensorflow.compat.v1 as tf",
        ),
        # Of another package, private, of Keras, or there already.
        ("from tensor import Saver", "from tensor import Saver"),
        ("from tensorflow.python.ops import math_ops", "from tensorflow.python.ops import math_ops"),
        ("from tensorflow.keras import layers", "from tensorflow.keras import layers"),
        ("from tensorflow.compat.v1 import placeholder", "from tensorflow.compat.v1 import placeholder"),
    ],
)
def test_every_form_of_import(imports, after):
    """Of a file that is TF1 code."""
    body = "\nimport tensorflow as v2\ndef f():\n    return v2.get_variable('x', [])\n"
    switched = body.replace("import tensorflow as v2", "import tensorflow.compat.v1 as v2")
    assert migrated(imports + body, compat=True) == after + switched


@pytest.mark.parametrize(
    "imports",
    [
        "from tensorflow import placeholder",
        "from tensorflow import train\nx = train.Saver",
        "import tensorflow.train as t\nt.Saver",
    ],
)
def test_names_imported_by_themselves_make_tf1_code(imports):
    """No other name of TensorFlow need be there."""
    after = migrated(f"{imports}\n", compat=True)
    assert after == f"{imports}\n".replace("tensorflow", "tensorflow.compat.v1", 1)


def test_an_import_that_changes_for_two_reasons():
    """A part of it goes to tfbn, or goes, and the rest to compat.v1."""
    source = "import tensorflow as tf, tensorflow.contrib.slim as slim\nx = tf.get_variable(slim.batch_norm)\n"
    assert migrated(source, compat=True) == V1 + "import tfbn\nx = tf.get_variable(tfbn.batch_norm)\n"
    source = "from tensorflow import layers as l, placeholder as p\ndef f(): l.batch_normalization(p)\n"
    after = "import tfbn\nfrom tensorflow.compat.v1 import placeholder as p\ndef f(): tfbn.batch_normalization(p)\n"
    assert migrated(source, compat=True) == after
    source = "import tensorflow.contrib.slim\nx = tensorflow.get_variable(tensorflow.contrib.slim.batch_norm)\n"
    after = "import tensorflow.compat.v1 as tensorflow\nimport tfbn\nx = tensorflow.get_variable(tfbn.batch_norm)\n"
    assert migrated(source, compat=True) == after


def test_contrib_stays_where_it_is():
    """It is not in compat.v1 either."""
    source = "from tensorflow import contrib\nimport tensorflow as tf\nx = tf.log, contrib.rnn\n"
    assert migrated(source, compat=True) == source.replace("import tensorflow as tf\n", V1)


@pytest.mark.parametrize("name", ["nn.dropout", "losses.Reduction", "lgamma"])
def test_names_that_were_not_known_once(name):
    """The table is TensorFlow's own."""
    source = f"import tensorflow as tf\ndef f(x):\n    return tf.{name}(x)\n"
    assert migrated(source, compat=True).startswith(V1) == (name == "lgamma")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "from tensorflow import app, constant\napp.run()\n",
            "from tensorflow.compat.v1 import app, constant, disable_v2_behavior\n\ndisable_v2_behavior()\napp.run()\n",
        ),
        (
            "from tensorflow import app\nimport tensorflow as tf\napp.run()\n",
            f"from tensorflow.compat.v1 import app\n{V1}\ntf.disable_v2_behavior()\napp.run()\n",
        ),
        (
            "if True:\n    import tensorflow as tf\n    x = 1\ntf.app.run()\n",
            "if True:\n    import tensorflow.compat.v1 as tf\n\n    tf.disable_v2_behavior()\n    x = 1\n"
            "tf.app.run()\n",
        ),
        (
            "import tensorflow.contrib.slim\ntensorflow.app.run(tensorflow.contrib.slim.batch_norm)\n",
            "import tensorflow.compat.v1 as tensorflow\nimport tfbn\n\ntensorflow.disable_v2_behavior()\n"
            "tensorflow.app.run(tfbn.batch_norm)\n",
        ),
    ],
)
def test_where_v2_behaviour_is_switched_off(before, after):
    """Below the module's import, or else that of a name from it, as deep as that stands."""
    assert migrated(before, compat=True) == after
