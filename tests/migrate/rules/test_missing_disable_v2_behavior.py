"""TF1 code of which no file is the program."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import reported
from tfbn.migrate import driver

MODEL = "import tensorflow as tf\n\ndef train():\n    x = tf.placeholder(tf.float32)\n    return tf.Session().run(x)\n"
MAIN = "from model import train\nif __name__ == '__main__':\n    train()\n"
RULES = driver.chosen_rules(["compat-v1"], compat=True)


def test_a_program_without_tensorflow(tmp_path):
    """Where its TensorFlow is imported: once for all files."""
    files = {"main.py": MAIN, "model.py": MODEL, "other.py": MODEL}
    ((path, finding),) = reported(tmp_path, files, RULES)
    assert (path, finding.where.line, finding.kind) == ("model.py", 1, "compat-v1")
    assert "no file of this run switches v2 behaviour off" in finding.problem
    assert "in the file that is run" in finding.remedy


@pytest.mark.parametrize(
    "model",
    [
        "from tensorflow import placeholder, Session\n",
        # Statements that change for another reason as well.
        "import tensorflow as tf, tensorflow.contrib.slim as slim\ndef f():\n    return tf.Session(slim.batch_norm)\n",
        "import tensorflow.contrib.slim as s, tensorflow as tf\ndef f():\n    return tf.Session(s.batch_norm)\n",
        "import tensorflow.contrib.slim\ndef f():\n    return tensorflow.Session(tensorflow.contrib.slim.batch_norm)\n",
    ],
)
def test_other_imports(model, tmp_path):
    """Each brings compat.v1 in."""
    found = reported(tmp_path, {"model.py": model}, driver.chosen_rules(compat=True))
    assert [(path, finding.where.line) for path, finding in found if finding.kind == "compat-v1"] == [("model.py", 1)]


@pytest.mark.parametrize(
    "main",
    [
        "import tensorflow as tf\n" + MAIN,  # gets the call
        "import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()\n" + MAIN,
        "import tensorflow.compat.v1 as tf\ntf.disable_eager_execution()\n" + MAIN,
        "from setup_tf import disable_v2_behavior\ndisable_v2_behavior()\n" + MAIN,
    ],
)
def test_one_that_switches_it_off(main, tmp_path):
    assert (
        reported(tmp_path, {"main.py": main.replace("train()\n", "train(tf.Session)\n"), "model.py": MODEL}, RULES)
        == []
    )


def test_no_tf1_code(tmp_path):
    """Nothing becomes tf.compat.v1."""
    assert reported(tmp_path, {"model.py": "import tensorflow as tf\ny = tf.function(print)\n"}, RULES) == []


def test_without_the_option(tmp_path):
    ((_, finding),) = reported(tmp_path, {"model.py": MODEL}, driver.chosen_rules())
    assert finding.kind == "tf1-names"


def test_standard_input():
    """A file that stands for a whole program."""
    report = driver.migrate_alone("<stdin>", MODEL.encode(), RULES)
    assert [finding.kind for finding in report.findings] == ["compat-v1"]
