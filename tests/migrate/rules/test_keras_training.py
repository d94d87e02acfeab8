"""A model of Keras that one file builds and another trains."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import reported
from tfbn.migrate import driver

TF1 = "import tensorflow.compat.v1 as tf\n\ntf.disable_v2_behavior()\n"
BUILD = """\
from tensorflow.keras.models import Sequential

def build():
    model = Sequential()
    return model

def other():
    return object()

class Trainer:
    def __init__(self):
        self.model = build()
"""


def found(tmp_path, main, **files):
    rules = driver.chosen_rules(["keras-training"])
    sources = {"main.py": TF1 + main, "networks.py": BUILD, **files}
    return [(path, finding.where.line) for path, finding in reported(tmp_path, sources, rules)]


@pytest.mark.parametrize(
    "main",
    [
        "from networks import build\nmodel = build()\nmodel.fit(x, y)\n",
        "from networks import build as b\nmodel = b()\nmodel.fit_generator(x)\n",
        "import networks\nmodel = networks.build()\nmodel.predict(x)\n",
        "from networks import *\nmodel = build()\nmodel.fit(x, y)\n",
        "import networks\ntrainer = networks.Trainer()\ntrainer.model.fit(x, y)\n",
    ],
)
def test_another_file_builds_it(tmp_path, main):
    assert found(tmp_path, main) == [("main.py", 6)]


def test_through_two_files(tmp_path):
    main = "from between import get\nmodel = get()\nmodel.fit(x, y)\n"
    between = "from networks import build\n\ndef get():\n    return build()\n"
    assert found(tmp_path, main, **{"between.py": between}) == [("main.py", 6)]


@pytest.mark.parametrize(
    "main",
    [
        "from networks import other\nmodel = other()\nmodel.fit(x, y)\n",
        "from sklearn import svm\nimport networks\nmodel = svm.build()\nmodel.fit(x, y)\n",
        "import networks\ntrainer = networks.Trainer()\ntrainer.fit(x, y)\n",
    ],
)
def test_what_is_no_model(tmp_path, main):
    assert found(tmp_path, main) == []


def test_functions_that_call_each_other(tmp_path):
    """The search for what they return ends."""
    networks = "import keras\n\ndef build():\n    return build()\n"
    main = "from networks import build\nmodel = build()\nmodel.fit(x, y)\n"
    assert found(tmp_path, main, **{"networks.py": networks}) == []
