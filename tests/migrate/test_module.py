"""What names stand for, by Python's rules of scope."""

from __future__ import annotations

import libcst
import pytest

from tfbn.migrate.module import Module


def resolved(source):
    """What the expression in `look(...)` stands for, and whether for that alone."""
    module = Module(source.encode())
    (call,) = [n for n in module.nodes if isinstance(n, libcst.Call) and getattr(n.func, "value", "") == "look"]
    return module.resolve(call.args[0].value)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import tensorflow as tf\nlook(tf.contrib.slim)", "tensorflow.contrib.slim"),
        ("import tensorflow.contrib.slim\nlook(tensorflow.nn)", "tensorflow.nn"),
        ("import a.b.c as d\nlook(d.e)", "a.b.c.e"),
        ("from a import b\nlook(b)", "a.b"),
        ("from . import a\nlook(a)", ".a"),
        ("from a import b as c\nlook(c.d)", "a.b.d"),
        ("import tf_slim as s\nt = s\nu = t.layers\nlook(u)", "tf_slim.layers"),
        ("import a\nb: object = a.c\nlook(b)", "a.c"),
        ("import a\ndef f():\n    b = a.c\n    def g():\n        look(b)", "a.c"),
        ("import a\nclass A:\n    def f(self):\n        look(a)\n    a = 1", "a"),
        ("import a\nclass A:\n    b = a.c\n    look(b)", "a.c"),
        ("import a\nlook(a.x)\ndef a_(): a = 3", "a.x"),
        ("def f():\n    global a\n    import a\nlook(a)", "a"),
        ("import a\nx = [look(a) for b in c]", "a"),
        ("import a\nx = lambda b=look(a): b", "a"),
        ("import a\ndef f(a=look(a)): pass", "a"),
    ],
)
def test_certain(source, name):
    """Imports, aliases, closures, classes, comprehensions, default arguments."""
    assert resolved(source) == ({name}, True)


@pytest.mark.parametrize(
    "source",
    [
        "look(a)",
        "def f(a): look(a)",
        "for a in b: look(a)",
        "with b as a: look(a)",
        "def a(): pass\nlook(a)",
        "class a: pass\nlook(a)",
        "import a\nx = [look(a) for a in b]",
        "import a\nx = lambda a: look(a)",
        "import a\ndef f():\n    a = 1\n    look(a)",
        "import a\nclass A:\n    a = 1\n    look(a)",
        "a = b = 1\nlook(a.c)",
        "x = x.y\nlook(x)",
        "a = b\nb = a\nlook(b)",
        "import a\n(a, b) = c\nlook(b)",
        "look(f().a)",
        "look('a')",
    ],
)
def test_unknown(source):
    """What is no module, or shadows one."""
    found, certain = resolved(source)
    assert not (found and certain) or found == {""}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a\nif b: a = c()\nlook(a)", {"a"}),
        ("import a\nfor a in b: pass\nlook(a.x)", {"a.x"}),
        ("import a\ndef f():\n    global a\n    a = 1\nlook(a)", {"a"}),
    ],
)
def test_uncertain(source, names):
    """Bound to something else as well."""
    assert resolved(source) == (names, False)


def test_two_imports_of_one_name():
    """Both are possible, and nothing else."""
    assert resolved("try: import a as c\nexcept E: import b as c\nlook(c)") == ({"a", "b"}, True)


def test_python_2_does_not_parse():
    """libcst says where."""
    with pytest.raises(libcst.ParserSyntaxError):
        Module(b"print 'x'\n")


def test_long_sums_are_walked():
    """Nodes nested thousands deep are no reason to stop."""
    source = "import tf_slim\nx = [" + ", ".join("1" for _ in range(3000)) + "]\n"
    assert len(Module(source.encode()).nodes) > 3000


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("feed", ["\f", "\f\f", "\f  "])
def test_form_feeds_move_no_position(end, feed):
    """In front of a statement, where libcst drops it, of a blank line or a comment, and in a string."""
    lines = ["import a", f"{feed}", f"{feed}# b", f"{feed}if a:", f"    '''c{end}\fd'''", "    look(a.e)", ""]
    if feed.endswith(" "):
        lines[3] = "\fif a:"  # what follows a form feed counts as indentation
    source = end.join(lines)
    module = Module(source.encode())
    (node,) = [n for n in module.nodes if isinstance(n, libcst.Attribute)]
    start = source.index("a.e")
    assert module.span(node) == (start, start + 3)


def test_code_that_libcst_drops_is_refused():
    """Positions behind it would be wrong, and edits with them."""
    with pytest.raises(ValueError, match="drops some characters, such as a form feed at the start"):
        Module(b"\fx = 1\n")
