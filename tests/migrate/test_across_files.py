"""Names of TensorFlow under a name that comes from another file of the project."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.migrate.helpers import project, reported
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
        # Names that a star import of TensorFlow brings into a package, taken by the package's name or one by one.
        (
            {
                "p/__init__.py": "from tensorflow import *\nfrom .ops import *\n",
                "p/ops.py": "import p as tf\nx = 1\n",
                "use.py": "import p as tf\nfrom p import GraphKeys, x\ny = tf.Session(x)\nz = GraphKeys.LOSSES\n",
            },
            [3, 4],
        ),
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


STAR = "from tensorflow import *\nfrom .ops import *\nx = placeholder\n"


@pytest.mark.process
def test_a_star_import_in_a_package(tmp_path):
    """The names that other files take by the package make it TF1 code; newer tf.compat.v1 replaces its `__path__`."""
    files = {"p/__init__.py": STAR.replace("x = placeholder\n", ""), "p/ops.py": "import p as tf\nx = tf.placeholder\n"}
    after = project(tmp_path, files, driver.chosen_rules(compat=True))
    assert after["p/__init__.py"] == "from tensorflow.compat.v1 import *\nfrom .ops import *\n"
    found = reported(tmp_path, after, driver.chosen_rules(["v2-names"]))
    assert [(path, finding.where.line) for path, finding in found] == [("p/__init__.py", 1)]
    kept = "__path__ = __spec__.submodule_search_locations\n"
    assert found[0][1].remedy == f"write {kept[:-1]} below it"
    mended = {**after, "p/__init__.py": after["p/__init__.py"].replace("*\n", f"*\n{kept}", 1)}
    assert reported(tmp_path, mended, driver.chosen_rules(["v2-names"])) == []
    run = [sys.executable, "-c", "import p; print(p.x.__name__)"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.stdout == "placeholder\n", done.stderr


def test_a_star_import_in_a_module(tmp_path):
    """A module's `__path__` finds nothing."""
    found = reported(tmp_path, {"p/ops.py": STAR.replace("tensorflow", "tensorflow.compat.v1")}, RULES)
    assert found == []
