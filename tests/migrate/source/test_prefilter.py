"""No file that a rule has something to say about is held back; most others are."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import reported
from tests.migrate.rules import test_batch_norm, test_tf1_names
from tests.migrate.sources import SOURCES
from tfbn.migrate import driver
from tfbn.migrate.names import KNOWN, MODULES
from tfbn.migrate.rules import RULES
from tfbn.migrate.source.prefilter import scan

BY_DEFAULT = [rule.worth_parsing for rule in RULES if rule.worth_parsing and not rule.chosen]


@pytest.mark.parametrize("source", [source for name, source in SOURCES.items() if name != "bystander"])
def test_sources_are_let_through(source):
    """All of them have work for the rules."""
    assert scan(source.encode(), BY_DEFAULT).matches


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.check_file], ids=lambda rule: rule.name)
def test_examples_are_let_through(rule):
    """By what all rules have in common, or what the rule itself asks for."""
    worth_parsing = [rule.worth_parsing] if rule.worth_parsing else []
    for before, _ in rule.invalid:
        assert scan(before.encode(), worth_parsing).matches, before


@pytest.mark.parametrize("rule", [rule for rule in RULES if not rule.check_file], ids=lambda rule: rule.name)
def test_rules_of_projects_see_what_is_held_back(rule, tmp_path):
    """They read the files themselves: a run reports their examples, whether these are let through or not."""
    for number, (before, _) in enumerate(rule.invalid):
        findings = reported(tmp_path / str(number), {"program.py": before}, driver.chosen_rules([rule.name]))
        assert scan(before.encode()).matches or rule.name in [finding.kind for _, finding in findings], before


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_module_is_let_through(module):
    """Imported in each way, with each name that it has."""
    leaves = [leaf for (kind, leaf) in KNOWN if kind in MODULES[module]]
    parent, _, last = module.rpartition(".")
    for leaf in leaves:
        for text in [
            f"from tensorflow.{module} import {leaf}\n",
            f"import tensorflow.{module}\n",
            f"import tensorflow.{module} as m\nm.{leaf}(x)\n",
            f"import tensorflow as tf\ntf.{module}.{leaf}(x)\n",
            f"import tensorflow.compat.v1 as any_name\nany_name.{module}.{leaf}(x)\n",
            f"from tensorflow{'.' * bool(parent)}{parent} import {last}\n{last}.{leaf}(x)\n",
            f"from tensorflow{'.' * bool(parent)}{parent} import {last} as m\nm.{leaf}(x)\n",
        ]:
            assert scan(text.encode(), BY_DEFAULT).matches, text


@pytest.mark.parametrize(("imports", "name"), test_batch_norm.IMPORTS)
def test_every_import_form_is_let_through(imports, name):
    """Those of the tests of batch-norm."""
    assert scan(f"{imports}\n{name}(x)\n".encode(), BY_DEFAULT).matches


@pytest.mark.parametrize(("source", "line", "names"), test_tf1_names.REPORTED)
def test_names_of_tf1_are_let_through(source, line, names):
    """Those of the tests of tf1-names, and an alias of an alias."""
    assert scan(source.encode(), BY_DEFAULT).matches
    assert scan(source.replace("\n", "\r\n").encode(), BY_DEFAULT).matches


@pytest.mark.parametrize(
    "source",
    [
        "import tensorflow as tf\nt = tf\nu = t.train  # here\nx = u.Saver()\n",
        "from tensorflow import constant, \\\n    placeholder\n",
        "import tensorflow as tf\nx = (tf\n    .train\n    . Saver())\n",
    ],
)
def test_other_spellings_of_tf1_are_let_through(source):
    """By other names, and over several lines."""
    assert scan(source.encode(), BY_DEFAULT).matches


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nx = np.layers\n",
        "import torch\nx = batch_norm(torch.x)\n",
        "import tensorflow as tf\ny = tf.nn.relu(tf.matmul(x, w))\n",
        "import tensorflow as tf\ny = tf.keras.layers.Dense(3)(x)\n",
        "import tensorflow as tf\nmodel.layers[0].trainable = False\n",
        "from tensorflow import keras\nkeras.layers.Dropout(0.5)\n",
        "# slim chances\nprint(contrib)\n",
        "import tensorflow as tf\nimport numpy as np\nx = np.log(np.mod(y.placeholder, 2))\n",
        "import tensorflow.compat.v1 as tf\nx = tf.placeholder(tf.float32)\n",
        "from tensorflow.compat.v1 import placeholder\nfrom tensorflow import constant\n",
    ],
)
def test_others_are_held_back(source):
    """Without a parser."""
    assert not scan(source.encode(), BY_DEFAULT).matches


def test_imports_are_seen():
    """The last parts of their names, for the rule that follows programs across files."""
    source = b"import a.b, c as d\nfrom .e import (f,\n    g)\nfrom . import h\nif x:\n\timport i # j\n"
    assert {"b", "c", "e", "f", "h", "i"} <= scan(source).imports
    assert "j" not in scan(source).imports
