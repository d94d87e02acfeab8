"""Methods of unittest's TestCase that Python 3.12 no longer has."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule, call_of
from tfbn.migrate.source.prefilter import mentions_tensorflow

NAME = "unittest-names"
RENAMED = {
    "assertAlmostEquals": "assertAlmostEqual",
    "assertEquals": "assertEqual",
    "assertItemsEqual": "assertCountEqual",
    "assertNotAlmostEquals": "assertNotAlmostEqual",
    "assertNotEquals": "assertNotEqual",
    "assertNotRegexpMatches": "assertNotRegex",
    "assertRaisesRegexp": "assertRaisesRegex",
    "assertRegexpMatches": "assertRegex",
    "assert_": "assertTrue",
    "failIf": "assertFalse",
    "failIfAlmostEqual": "assertNotAlmostEqual",
    "failIfEqual": "assertNotEqual",
    "failUnless": "assertTrue",
    "failUnlessAlmostEqual": "assertAlmostEqual",
    "failUnlessEqual": "assertEqual",
    "failUnlessRaises": "assertRaises",
}
VALID = [
    "import tensorflow as tf\nclass ATest(tf.test.TestCase):\n    def test_a(self):\n        self.assertEqual(1, 1)\n",
    "import tensorflow as tf\nclass NetTest(tf.test.TestCase):\n    def assertEquals(self, a, b):\n        pass\n"
    "    def test_a(self):\n        self.assertEquals(1, 1)\n",
    "import tensorflow as tf\nclass Checker:\n    def check(self):\n        self.failIf(1)\n",
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
import tensorflow as tf

class NetTest(tf.test.TestCase):
    def test_shape(self):
        self.assertEquals(net(tf.ones([2, 3])).shape.as_list(), [2, 10])
""",
        """\
import tensorflow as tf

class NetTest(tf.test.TestCase):
    def test_shape(self):
        self.assertEqual(net(tf.ones([2, 3])).shape.as_list(), [2, 10])
""",
    ),
    (
        "import tensorflow as tf, unittest\nclass A(unittest.TestCase):\n    def test_a(self):\n"
        "        with self.assertRaisesRegexp(ValueError, 'text'):\n            self.assertItemsEqual(a, b)\n",
        "import tensorflow as tf, unittest\nclass A(unittest.TestCase):\n    def test_a(self):\n"
        "        with self.assertRaisesRegex(ValueError, 'text'):\n            self.assertCountEqual(a, b)\n",
    ),
]
_OLD = re.compile(rb"\bself\s*\.\s*(?:" + "|".join(RENAMED).encode("ascii") + rb")\b")


def check_file(module: Module, changes: Changes) -> None:
    if not _OLD.search(module.data):
        return
    defined = {node.name.value for node in module.nodes if isinstance(node, cst.FunctionDef)}
    for node in module.nodes:
        if not (isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name) and node.value.value == "self"):
            continue
        new = RENAMED.get(node.attr.value)
        if new and node.attr.value not in defined and _is_in_test(module, node) and call_of(module, node) is not None:
            changes.replace(node.attr, new, NAME)


def _is_in_test(module: Module, node: Any) -> bool:
    """Whether the innermost class around a node has a base that is a test by its name."""
    above = next((above for above in module.parents(node) if isinstance(above, cst.ClassDef)), None)
    return above is not None and any(
        module.text(base.value).rpartition(".")[2].find("Test") >= 0 for base in above.bases
    )


def _has_old_names(raw: bytes) -> bool:
    return raw.find(b"Test") >= 0 and mentions_tensorflow(raw) and bool(_OLD.search(raw))


RULE = Rule(
    name=NAME,
    summary="renames methods of unittest that Python 3.12 no longer has, such as self.assertEquals",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=_has_old_names,
)
