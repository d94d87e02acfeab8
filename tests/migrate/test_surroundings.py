"""What a file takes from others of the project, and they from it."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import project, reported
from tfbn.migrate import driver

TF, V1 = "import tensorflow as tf\n", "import tensorflow.compat.v1 as tf\n"
NORM, NEW_NORM = "def y(x): return tf.layers.batch_normalization(x)\n", "def y(x): return tfbn.batch_normalization(x)\n"
SLIM = TF + "slim = tf.contrib.slim\n"
IMPORT, FLATTEN = "import tfbn\n", "def y(): return tfbn.layers.flatten({})\n"
CONV = "from tensorflow.contrib.slim import conv2d\n"
RESNET = "from tensorflow.contrib.slim.nets import resnet_utils\nscope = resnet_utils.resnet_arg_scope\n"


@pytest.mark.parametrize(
    ("home", "use", "home_after", "use_after"),
    [
        (TF, "from home import tf\n" + NORM, V1, "import tfbn\nfrom home import tf\n" + NEW_NORM),
        (TF, "from home import *\n" + NORM, V1, "from home import *\nimport tfbn\n" + NEW_NORM),
        (TF, "from .home import tf as t\nt.Session\n", V1, None),
        (TF, "from . import home as h\nh.tf.log(1)\n", V1, None),
        (TF, "import home\nhome.tf.log(1)\n", V1, None),
        (TF, "def f():\n    from home import tf\n    tf.log(1)\n", V1, None),
        (TF, TF + "from home import *\ntf.log(1)\n", V1, V1 + "from home import *\ntf.log(1)\n"),
        # Nothing of TF1; a name of the function's own; something that compat.v1 lacks.
        (TF, "from home import tf\ntf.zeros([1])\n", TF, None),
        (TF, "from home import *\ndef f(tf):\n    return tf.Session\n", TF, None),
        (TF, "from home import tf\ntf.log(tf.random.set_seed)\n", TF, None),
        (TF + "tf.Session\n", "from home import tf\ntf.random.set_seed(1)\n", TF + "tf.Session\n", None),
        # Names for slim: they go with those who take them, and TensorFlow's stays for others.
        (
            SLIM,
            "from home import slim, tf\ndef y(): return slim.flatten(tf)\n",
            V1,
            IMPORT + "from home import tf\n" + FLATTEN.format("tf"),
        ),
        (
            SLIM,
            "from .home import slim, f\ndef y(): return slim.flatten(f)\n",
            V1,
            IMPORT + "\nfrom .home import f\n" + FLATTEN.format("f"),
        ),
        (SLIM, "import home\ndef y(): return home.slim.flatten(1)\n", V1, "import home\n" + IMPORT + FLATTEN.format(1)),
        (
            SLIM + "def y(): return slim.flatten(1)\n",
            "from home import tf\ntf.zeros\n",
            V1 + IMPORT + FLATTEN.format(1),
            None,
        ),
        # A function keeps its name at home.
        (CONV, "from home import conv2d\nconv2d(1)\n", CONV.replace("tensorflow.contrib.slim", "tfbn.layers"), None),
    ],
)
def test_names_of_other_files(home, use, home_after, use_after, tmp_path):
    """Are rewritten in both files; the second run has nothing to do."""
    rules = driver.chosen_rules(compat=True)
    after = project(tmp_path, {"p/home.py": home, "p/use.py": use}, rules)
    assert after == {"p/home.py": home_after, "p/use.py": use_after or use}
    assert project(tmp_path, after, rules) == after


def test_packages(tmp_path):
    """A package's `__init__` hands on names, of modules in it too, whether or not a file of the run takes them."""
    rules = driver.chosen_rules(compat=True)
    files = {
        "p/__init__.py": TF + "from . import compat\nz = tf.contrib.layers.flatten(1)\n",
        "p/compat.py": TF,
        "use.py": "import p.compat\ny = p.compat.tf.log(1)\n",
    }
    after = project(tmp_path, files, rules)
    assert after["p/compat.py"] == V1
    assert after["p/__init__.py"].startswith(V1)
    assert project(tmp_path, {**files, "p/__init__.py": ""}, rules)["p/compat.py"] == V1


@pytest.mark.parametrize(
    ("files", "lines"),
    [
        ({"nets.py": RESNET}, [1, 2]),
        ({"nets.py": RESNET + "def f(): pass\n"}, [1, 2]),
        ({"nets.py": RESNET, "use.py": "from nets import scope\nscope()\n"}, [1, 2]),
        ({"nets.py": "from tensorflow.contrib.slim.nets.resnet_utils import scope\n"}, [1]),
        ({"nets/__init__.py": "from tensorflow.contrib import slim\n"}, [1]),
        # Nothing to take: a private name, an unused import, a second name for slim.
        ({"nets.py": RESNET.replace("scope =", "_scope =")}, []),
        ({"nets.py": "import tensorflow.contrib.rnn as rnn\ndef f(): pass\n"}, []),
        ({"nets.py": SLIM + "def f(): pass\n"}, []),
    ],
)
def test_names_for_others_outside_of_the_run(files, lines, tmp_path):
    """Stay, and are reported: what becomes of those who take them is not known."""
    rules = driver.chosen_rules()
    assert [f.where.line for _, f in reported(tmp_path, files, rules) if f.kind == "dead-imports"] == lines
    assert (project(tmp_path, files, rules) == files) == bool(lines)
