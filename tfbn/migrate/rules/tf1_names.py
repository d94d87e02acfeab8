"""Names that TensorFlow 2 lacks, without `--compat-v1`."""

from __future__ import annotations

from typing import Any

import libcst as cst

from tfbn.migrate import v1_names
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule
from tfbn.migrate.rules import compat_v1
from tfbn.migrate.source.prefilter import has, mentions_tensorflow, tensorflow_names, uses_modules_as_values

NAME = "tf1-names"
VALID = [
    "import tensorflow as tf\nclass ATest(tf.test.TestCase):\n    def test_a(self):\n"
    "        with tf.Graph().as_default(), self.test_session() as session:\n            session.run(tf.zeros([]))\n",
    "import tensorflow as tf\nclass ATest(tf.test.TestCase):\n    def test_a(self):\n"
    "        with self.cached_session() as session:\n            session.run(tf.zeros([]))\n",
    "import tensorflow as tf\nx = tf.nn.relu(tf.keras.layers.Dense(3)(tf.Variable(1.0)))\n",
    "import tensorflow.compat.v1 as tf\nx = tf.log(1.0)\n",
    "from tensorflow.compat import v1 as tf\nx = tf.log(1.0)\n",
    "from tensorflow.compat.v1 import log\nx = log(1.0)\n",
    "import tensorflow as tf\nx = tf.compat.v1.log(1.0)\n",
    "import tfbn as tf\nx = tf.placeholder\n",
    "def f(tf):\n    return tf.placeholder\n",
    "import tensorflow as tf\nx = f(placeholder=1).placeholder\n",
    # The program is prepared for both versions.
    "import tensorflow as tf\ntry:\n    f = tf.log\nexcept AttributeError:\n    f = tf.math.log\n",
    "try:\n    from tensorflow import log\nexcept (KeyError, ImportError):\n    from tensorflow.math import log\n",
    "try:\n    import tensorflow.compat.v1 as t\nexcept ImportError:\n    import tensorflow as t\nt.log\n",
    "import tensorflow as tf\ntf.log = tf.math.log\nx = tf.log(1.0)\n",
]
INVALID = [
    (
        """\
import tensorflow as tf

def inputs():
    return tf.placeholder(tf.float32, [None, 8]), tf.placeholder_with_default(False, [])
""",
        4,
    ),
    (
        "import tensorflow as tf\nclass ATest(tf.test.TestCase):\n    def test_a(self):\n"
        "        with self.cached_session():\n            self.assertEqual(tf.zeros([]).eval(), 0)\n",
        4,
    ),
    # A handler for something else, and what a handler does itself.
    ("import tensorflow as tf\ntry:\n    f = tf.log(1.0)\nexcept ValueError:\n    f = 0\n", 3),
    ("import tensorflow as tf\ntry:\n    f = 1\nexcept AttributeError:\n    f = tf.log(1.0)\n", 5),
]
MAX_NAMES = 3  # in a message


def check_file(module: Module, changes: Changes) -> None:
    if compat_v1.NAME in changes.enabled:
        return  # that one changes the import, or says why it stays
    uses = compat_v1.v1_mentions(module)
    if uses:
        names = list(dict.fromkeys(f"tf.{name}" for name, _ in uses))
        is_compared = all(_is_handled(module, node) for _, node in uses)
        others = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        changes.find(
            uses[0][1],
            NAME,
            f"TensorFlow 2 has no {', '.join(names[:MAX_NAMES])}{others}: the program raises at the first one it uses",
            "run tfbn migrate with --compat-v1, which imports tensorflow.compat.v1, or tf_upgrade_v2 of TensorFlow",
            severity="warning" if is_compared else "error",
        )
    session = compat_v1.session_of_test(module)
    if session is not None and b"compat.v1" not in module.data:
        changes.find(
            session,
            NAME,
            "a test's session without a graph: in eager mode, test_session() is None and eval() raises",
            "run tfbn migrate with --compat-v1, or put with tf.Graph().as_default() around it",
        )


def _is_handled(module: Module, node: Any) -> bool:
    """Whether a node is in the type of an `except`, which is evaluated only after something was raised."""
    child = node
    for above in module.parents(node):
        if isinstance(above, cst.ExceptHandler):
            return child is above.type
        child = above
    return False


def worth_parsing(raw: bytes) -> bool:
    """Whether a name that only TensorFlow 1 has is imported, or read below an import."""
    if has(raw, b"self.test_session(", b"self.cached_session(") and mentions_tensorflow(raw):
        return True
    return any(v1_names.v1_only(name) for name in tensorflow_names(raw)) or uses_modules_as_values(raw)


RULE = Rule(
    name=NAME,
    summary="reports names that TensorFlow 2 lacks and tf.compat.v1 has, unless --compat-v1 imports that",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=worth_parsing,
)
