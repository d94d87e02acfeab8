"""Before and after TensorFlow's own tool, as migration_guide/tf_upgrade_v2.md tells it."""

from __future__ import annotations

import ast
import io

import pytest
from tensorflow.tools.compatibility import ast_edits, tf_upgrade_v2

from tests.migrate.helpers import findings, migrated
from tests.migrate.sources import SOURCES

# About the tool's own code.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# The tool replaces some regularizers and initializers of contrib by those of Keras before tfbn sees them.
TO_KERAS = {"arg scopes": 2, "two networks": 1}


def upgrade(source):
    """What tf_upgrade_v2 makes of a source."""
    upgraded = io.StringIO()
    spec = tf_upgrade_v2.TFAPIChangeSpec()
    ast_edits.ASTCodeUpgrader(spec).process_opened_file("a.py", io.StringIO(source), "a.py", upgraded)
    return upgraded.getvalue()


@pytest.mark.parametrize("name", SOURCES)
def test_both_orders_agree(name):
    """Line by line, but for what the tool gives to Keras."""
    first, last = migrated(upgrade(SOURCES[name])).splitlines(), upgrade(migrated(SOURCES[name])).splitlines()
    different = [(one, other) for one, other in zip(first, last) if one != other]
    assert len(first) == len(last)
    assert len(different) == TO_KERAS.get(name, 0)
    assert all("keras" in one and "tfbn.layers." in other for one, other in different)


@pytest.mark.parametrize("name", SOURCES)
def test_every_batch_norm_after_the_tool(name):
    """Is rewritten or reported, as before it."""
    after = migrated(upgrade(SOURCES[name]))
    reported = {line for _, line in findings(after)}
    for node in ast.walk(ast.parse(after)):
        if isinstance(node, ast.Attribute) and "batch_norm" in node.attr and node.lineno not in reported:
            assert ast.unparse(node).startswith("tfbn.") or name in ("wherever it is", "bystander")


def test_the_tool_leaves_tfbn_alone():
    """Names that look like TensorFlow's and are tfbn's."""
    source = "import tensorflow as tf\nimport tfbn\ny = tfbn.layers.v1.dropout(tfbn.batch_norm(tf.x, 0.9), 0.5)\n"
    assert upgrade(source) == source


def test_upgraded_code_keeps_its_import():
    """It names compat.v1 where it needs it; turning the whole module to compat.v1 is for code that does not."""
    assert "import tensorflow as tf\n" in migrated(upgrade(SOURCES["unwired"]), compat=True)
    assert "import tensorflow.compat.v1 as tf\n" in migrated(SOURCES["unwired"], compat=True)
