"""`.value` of a dimension."""

from __future__ import annotations

import pytest
import tensorflow as tf

from tests.migrate.helpers import findings, migrated, reported, run
from tfbn.migrate import driver

PLAIN, V1 = "import tensorflow as tf\n", "import tensorflow.compat.v1 as tf\n"
OFF = "tf.disable_v2_behavior()\n"
# Each reads a number's `.value` on its last line, where `x` is a tensor of shape [2, 3].
READS = [
    "y = x.shape[1].value",
    "y = x.get_shape()[-1].value",
    "y = x.get_shape().with_rank(2)[0].value",
    "shape = x.get_shape()\ny = shape[0].value",
    "size = x.shape[1]\ny = size.value",
    "_, size = x.shape\ny = size.value",
    "y = [size.value for size in x.shape[:2]]",
    "for i, size in enumerate(x.shape):\n    y = size.value",
    "shape = list(x.shape)\ny = shape[0].value",
]
PREPARED = [
    "y = [d.value if hasattr(d, 'value') else d for d in x.shape]",
    "y = x.shape[1]\ny = y.value if isinstance(y, tf.compat.v1.Dimension) else y",
    "try:\n    y = x.shape[1].value\nexcept AttributeError:\n    y = x.shape[1]",
    "y = x.get_shape().dims[1].value, tf.compat.dimension_value(x.shape[1])",
    "y = x.shape.as_list()[1]",
    "import enum\ny = enum.Enum('E', 'a').a.value",
]


@pytest.mark.parametrize("body", READS)
def test_read_where_shapes_hold_numbers(body):
    """They raise in TensorFlow 2, are found there, and with --compat-v1 the program switches v2 behaviour off."""
    with pytest.raises(AttributeError, match="'int' object has no attribute 'value'"):
        exec(body, {"tf": tf, "x": tf.ones([2, 3])})
    source = f"{PLAIN}x = tf.ones([2, 3])\n{body}\n"
    assert findings(source) == [("shape-values", source.count("\n"))]
    assert migrated(source, compat=True).startswith(f"{V1}\n{OFF}")
    assert findings(source, compat=True) == []


@pytest.mark.parametrize("body", PREPARED)
def test_prepared_for_numbers(body):
    """They run in TensorFlow 2, and nothing is said of them."""
    exec(body, {"tf": tf, "x": tf.ones([2, 3])})
    assert findings(f"{PLAIN}x = tf.ones([2, 3])\n{body}\n") == []


NET = "def net(x):\n    return tf.reshape(x, [-1, x.shape[1].value])\n"
MAIN = "import net\nif __name__ == '__main__':\n    net.net(tf.ones([2, 3]))\n"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"net.py": PLAIN + NET}, [("net.py", 3, "error")]),
        ({"net.py": V1 + NET}, [("net.py", 3, "warning")]),
        ({"net.py": PLAIN + NET, "main.py": PLAIN + MAIN}, [("main.py", 3, "error")]),
        ({"net.py": PLAIN + NET, "main.py": V1 + OFF + MAIN}, []),
        ({"net.py": PLAIN + NET, "a.py": V1 + OFF + MAIN, "b.py": V1 + MAIN}, [("b.py", 3, "error")]),
    ],
)
def test_programs(files, found, tmp_path):
    """Each of its own, and the file itself where none is seen; one that is TF1's may be reached by others."""
    rules = driver.chosen_rules()
    assert [(path, one.where.line, one.severity) for path, one in reported(tmp_path, files, rules)] == found


def test_compat_v1_is_for_such_files():
    """What they read is TF1's, though TensorFlow 2 has every name."""
    assert run(PLAIN + NET, compat=True).after.decode() == V1 + NET
