"""Where `import tfbn` goes."""

from __future__ import annotations

import re

import pytest

from tests.migrate.helpers import migrated, run
from tfbn.migrate import driver

USE = "tf.contrib.layers.batch_norm(tf.x)\n"
TF = "import tensorflow as tf\n"


@pytest.mark.parametrize(
    "top",
    [
        "import os\n" + TF + "@\nimport sys\n",
        '"""Doc."""\n\nfrom __future__ import division\nimport os\n' + TF + "@",
        "import os\n~@try:\n    import tensorflow as tf\nexcept ImportError:\n    raise\n",
        "# license\n\n# coding\nimport os  # o\nimport tensorflow as tf  # t\n@x = 1\n",
        "def lazy():\n    pass\n" + TF + "@",
        "import os; import tensorflow as tf; x = 1\n@",
        "from tensorflow.python import x\nimport os\n" + TF + "@",
        "import tensorflow as tf\n@\nif tf.x:\n    import sys\n",
    ],
)
def test_below_the_import_of_tensorflow(top):
    """Once, and with the line ends of the file; in a group of its own beside the standard library's."""
    for end in ("\n", "\r\n", "\r"):
        before = (re.sub("[~@]", "", top) + USE).replace("\n", end)
        after = top.replace("~", "\n").replace("@", "import tfbn\n") + USE.replace("tf.contrib.layers", "tfbn")
        assert migrated(before) == after.replace("\n", end)


@pytest.mark.parametrize(
    "top",
    [
        "@",
        '"""Doc."""\n@',
        "#!/usr/bin/python\n# -*- coding: utf-8 -*-\n\n@",
        '"""Doc."""\nfrom __future__ import print_function\n~@\n',
        "@@decorated\n",
        "# what it is\n@",
    ],
)
def test_without_imports_at_the_top(top):
    """Below what has to come first."""
    body = "def f(x):\n    import tensorflow as tf\n    return " + USE
    before = re.sub("[~@]", "", top.replace("@@", "\0")).replace("\0", "@") + body
    after = top.replace("~", "\n").replace("@@", "import tfbn\n\0").replace("@", "import tfbn\n").replace("\0", "@")
    assert migrated(before) == after + body.replace("tf.contrib.layers", "tfbn")


def test_a_single_line_without_an_end():
    """Gets one."""
    assert migrated("import tensorflow as tf; y = tf.contrib.layers.batch_norm(tf.x)") == (
        "import tensorflow as tf; y = tfbn.batch_norm(tf.x)\nimport tfbn\n"
    )


def test_before_its_use():
    """An import far below is no place for it."""
    source = "from tensorflow import x\ny = x\nz = f(lambda: tf.contrib.layers.batch_norm(tf.x))\n" + TF
    assert migrated(source).startswith("import tfbn\nfrom tensorflow import x\ny = x\n")


@pytest.mark.parametrize("taken", ["def tfbn(): pass", "tfbn = 1", "def f(tfbn): pass", "for tfbn in x: pass"])
def test_a_name_that_is_taken(taken):
    """The file is left, with the line."""
    source = f"{TF}{taken}\n{USE}"
    report = driver.migrate_alone("a.py", source.encode(), driver.chosen_rules())
    assert report.problem == "line 2: the name `tfbn` is in use here: rename it and run again"
    assert report.after == source.encode()


def test_unneeded_name_in_use():
    """Is none of our business."""
    assert run(f"{TF}tfbn = 1\nfrom tensorflow.contrib.layers import batch_norm\n").changed
