"""The reader and the runner of the pages, and what compares two blocks, on pages made up here."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest

from tests import docs


class TestReadingPages:
    def test_blocks(self):
        """Language, code, first line and marks; a mark reaches over blank lines and not over text."""
        page = (
            "Text\n<!-- before: on the original -->\n\n```python\nx = 1\n\ny = 2\n```\n<!-- continues -->\n"
            "More text\n- item\n\n  ~~~console\n  make it\n    deeper\n  ```\n  ~~~\n````\n```\n````\n"
        )
        first, second, third = docs.blocks(page, "a.md")
        assert first == docs.Block("a.md", 5, "python", "x = 1\n\ny = 2\n", ("before",))
        assert second == docs.Block("a.md", 14, "console", "make it\n  deeper\n```\n", ())
        assert third == docs.Block("a.md", 19, "", "```\n", ())

    def test_two_marks(self):
        """Marks are separated by commas."""
        (block,) = docs.blocks("<!-- before, continues: why -->\n```python\n```\n")
        assert block.marks == ("before", "continues")

    def test_unknown_mark(self):
        """A comment above a block that is no mark is a mistake in one."""
        with pytest.raises(ValueError, match=r"page.md:2: unknown mark in <!-- befor -->"):
            docs.blocks("\n<!-- befor -->\n```python\n```\n")

    def test_open_block(self):
        """A block that runs to the end of the page is a mistake."""
        with pytest.raises(ValueError, match=r"page.md:2: the block is not closed"):
            docs.blocks("\n```python\nx\n")

    @pytest.mark.parametrize("marks", [["before"], ["after"], ["before", "before"], ["before", "", "after"]])
    def test_lonely_before_or_after(self, marks):
        """One without the other next to it is a mistake."""
        page = "".join(f"<!-- {mark} -->\n```python\n```\n" if mark else "```python\n```\n" for mark in marks)
        with pytest.raises(ValueError, match="come in pairs"):
            docs.pairs(docs.blocks(page))

    def test_pairs(self):
        """What stands between a before and its after, other than Python, does not part them."""
        page = "<!-- before -->\n```python\na\n```\n```text\n```\n<!-- after -->\n```python\nb\n```\n"
        assert [(b.code, a.code) for b, a in docs.pairs(docs.blocks(page))] == [("a\n", "b\n")]

    def test_links(self):
        """Inline, image, reference and automatic links are found; what is code or comment is not."""
        page = (
            "[a](b.md#c) ![d](e.png 'title') [f](g_(h).md)\n[i]: https://j.k/l\n<https://m.n>\n"
            "`[no](no)` <!-- [no](no) -->\n```text\n[no](no)\n```\n"
        )
        assert docs.links(page) == ["b.md#c", "e.png", "g_(h).md", "https://j.k/l", "https://m.n"]

    def test_anchors(self):
        """As GitHub spells them, repeated headings numbered."""
        page = '# A `b_c`, d!\n## [Link](x.md) here ##\n# Two\n# Two\n```text\n# no\n```\n<a id="own"></a>\n'
        assert docs.anchors(page) == {"a-b_c-d", "link-here", "two", "two-1", "own"}

    def test_tables(self):
        """Cells of header and rows, without the rule; an escaped bar is text."""
        page = "| a | b |\n|---|:-:|\n| `x\\|y` | 2<!-- 3 --> |\n\n| c |\n|---|\n"
        assert docs.tables(page) == [[["a", "b"], ["`x\\|y`", "2"]], [["c"]]]
        assert docs.tables(page, comments=True)[0][1][1] == "2<!-- 3 -->"

    def test_formulas(self):
        """Groups with what introduces them, up to the arguments."""
        docstring = "Line.\n\n    Text\n    goes on:\n\n        a = b + 1\n        c = a\n\n    Args:\n      x: d = e\n"
        assert docs.formulas(docstring) == [docs.Formulas("Text goes on:", (("a", "b + 1"), ("c", "a")))]

    def test_what_is_no_formula(self):
        """An indented line of another form is a mistake, not a line passed over."""
        with pytest.raises(ValueError, match="not a formula"):
            docs.formulas("One line.\n\n    Text:\n\n        a == b\n    ")


class TestRunningPages:
    def test_graph_and_names(self):
        """Each block has a graph of its own and keeps functions alone, unless it continues another."""
        page = """
            ```python
            import tensorflow.compat.v1 as tf
            def make(name):
                return tf.get_variable(name, [2], initializer=tf.zeros_initializer())
            a = make("a") + 1.0
            ```
            <!-- continues -->
            ```python
            b = a + make("b")
            ```
            ```python
            print("a" in globals(), len(tf.global_variables()))
            c = make("a") * tf.placeholder(tf.float32)
            ```
            """
        first, second, third = docs.run_page(docs.blocks(inspect.cleandoc(page)))
        assert [variable[0] for variable in first["variables"]] == ["a"]
        assert [variable[0] for variable in second["variables"]] == ["a", "b"]
        # Both are the same random numbers in whichever block: their values depend on their names only.
        assert first["state"]["a, True"] == second["state"]["a, True"]
        expected = 1 + np.add(second["state"]["a, True"], second["state"]["b, True"])
        np.testing.assert_allclose(second["values"]["b, False"], expected, rtol=1e-6)  # one side in float32
        assert third["printed"] == "False 0\n"
        assert "as_list() is not defined" in third["error"]

    def test_eager_blocks_have_no_graph(self):
        page = "<!-- eager -->\n```python\nimport tensorflow as tf\nprint(tf.constant(1.0).numpy())\n```\n"
        assert docs.run_page(docs.blocks(page)) == [{"error": None, "printed": "1.0\n"}]

    def test_error_has_the_line_of_the_page(self):
        """The traceback points into the page."""
        (result,) = docs.run_page(docs.blocks("\n\n```python\nx = 1\nundefined\n```\n", "here.md"))
        assert '"here.md", line 5' in result["error"]
        assert "NameError" in result["error"]

    @pytest.mark.parametrize(
        "after, named",
        [
            ("y = tf.get_variable('v', [3]) * 1", "variables"),
            ("y = tf.get_variable('u', [2]) * 1", "variables"),
            ("y = tf.get_variable('v', [2], trainable=False) * 1", "trainable"),
            ("y = tf.get_variable('v', [2]) * 1; tf.add_to_collection('update_ops', tf.no_op())", "updates"),
            ("y = tf.get_variable('v', [2]) * 1; tf.add_to_collection('model_variables', y)", "model variables"),
            ("y = tf.get_variable('v', [2]) * 1.001", "values of y, False"),
            ("y = tf.get_variable('v', [2]) * float('nan')", "values of y, False"),
            ("v = tf.get_variable('v', [2]); y = v * 1; o = v.assign_add([0.1, 0.1]).op", "state of v, False"),
            ("z = tf.get_variable('v', [2]) * 1", "values"),
            ("y = tf.get_variable('v', [2]) * 1; w = tf.no_op()", None),
        ],
    )
    def test_difference_of_a_pair(self, after, named):
        """Another variable, collection or number is noticed, and so are no numbers; another operation is not."""
        codes = ["import tensorflow.compat.v1 as tf", "y = tf.get_variable('v', [2]) * 1", after]
        page = "".join(f"```python\n{code}\n```\n" for code in codes)
        _, before, after = docs.run_page(docs.blocks(page))
        found = [line.partition(":")[0] for line in docs.differences(before, after)]
        assert found[:1] == ([named] if named else [])

    def test_runs_on_the_original(self):
        """The runner is Python 3.7."""
        ast.parse(Path(docs.__file__).read_text(encoding="utf-8"), feature_version=(3, 7))
