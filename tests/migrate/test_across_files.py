"""Names of TensorFlow under a name that comes from another file of the project."""

from __future__ import annotations

import json

import pytest

from tests.migrate.helpers import reported
from tests.migrate.source.test_notebook import notebook
from tfbn.migrate import driver

TF, V1 = "import tensorflow as tf\n", "import tensorflow.compat.v1 as tf\n"
USE = "def f(x):\n    return tf.layers.dense(x, 3)\n"
RULES = driver.chosen_rules(["dynamic"])


@pytest.mark.parametrize(
    ("files", "lines"),
    [
        ({"ops.py": TF, "use.py": "from ops import *\n" + USE}, [3]),
        ({"ops.py": V1, "use.py": "from ops import tf\n" + USE}, [3]),
        ({"ops.py": V1, "use.py": "import ops\n" + USE.replace("tf.", "ops.tf.")}, [3]),
        ({"ops.py": "from tensorflow import layers\n", "use.py": "from ops import layers as a\na.dense(1, 2)\n"}, [2]),
        ({"ops.py": TF + "k = tf.layers\n", "use.py": "import ops as o\nk = o.k\nk.dense(1, 2)\n"}, [2, 3]),
        # A package's `__init__`, relative imports, folders below the one on the path, and a folder without `__init__`.
        ({"p/__init__.py": "from .compat import tf\n", "p/compat.py": TF, "use.py": "from p import tf\n" + USE}, [3]),
        ({"src/p/compat.py": TF, "src/p/q/use.py": "from ..compat import tf\n" + USE}, [3]),
        ({"src/p/compat.py": TF, "main/use.py": "from p.compat import tf\n" + USE}, [3]),
        # The last import counts, in the order of the text.
        ({"ops.py": TF, "use.py": V1 + "from ops import *\nx = tf.placeholder(1)\n"}, [3]),
        ({"ops.py": TF, "use.py": "from ops import *\n" + V1 + "x = tf.placeholder(1)\n"}, []),
        # A circle, a second name, an import that may fail.
        ({"ops.py": TF + "import use\n", "use.py": "from ops import tf\n" + USE}, [3]),
        ({"ops.py": TF + "t = tf\n", "use.py": "from ops import t\nx = t.placeholder(1)\n"}, [2]),
        ({"ops.py": "try:\n    " + V1 + "except ImportError:\n    " + TF, "use.py": "from ops import tf\n" + USE}, [3]),
        # tf.compat.v1 has the name; the name is the function's own; the file is another package's.
        ({"ops.py": V1, "use.py": "from ops import tf\nx = tf.placeholder(1)\n"}, []),
        ({"ops.py": TF, "use.py": "from ops import *\ndef f(tf):\n    return tf.layers.dense\n"}, []),
        ({"ops.py": TF, "use.py": "from other import tf\n" + USE}, []),
        ({"ops.py": TF + "def f(:\n", "use.py": "from ops import tf\n" + USE}, []),
    ],
)
def test_lines(files, lines, tmp_path):
    found = reported(tmp_path, files, RULES)
    assert [finding.where.line for path, finding in found if path.endswith("use.py")] == lines
    for path, finding in found:
        assert path.endswith("use.py")
        assert "which TensorFlow 2 lacks" in finding.problem
        assert "import tensorflow" in finding.remedy


def test_tf_that_a_star_import_does_not_bring(tmp_path):
    """Nothing binds it then: one finding for the whole name."""
    found = reported(tmp_path, {"ops.py": TF + "__all__ = ['f']\n", "use.py": "from ops import *\n" + USE}, RULES)
    (problem,) = (finding.problem for path, finding in found if path.endswith("use.py"))
    assert problem.startswith("`tf.layers.dense` is of a `tf` that cannot be followed here")


def test_a_notebook(tmp_path):
    cells = json.dumps(notebook("x = 1\n", "import os\nfrom ops import tf\ny = tf.Session()\n"))
    ((path, finding),) = reported(tmp_path, {"ops.py": TF, "use.ipynb": cells}, RULES)
    assert (path, finding.where.cell, finding.where.line) == ("use.ipynb", 3, 3)
