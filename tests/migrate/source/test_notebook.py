"""Notebooks: what is code in them is migrated, and all else stays, byte for byte."""

from __future__ import annotations

import json

import pytest

from tfbn.migrate import driver
from tfbn.migrate import migrate as migrate_module
from tfbn.migrate.source.notebook import Notebook

RULES = driver.chosen_rules()
IMPORT = "import tensorflow.contrib.slim as slim"


def notebook(*cells, markdown="slim.batch_norm"):
    """A notebook as Jupyter has it in memory; the first cell is text."""
    code = [
        {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [{"text": ["slim.batch_norm\n"]}]}
        | {"source": cell.splitlines(keepends=True)}
        for cell in cells
    ]
    text = {"cell_type": "markdown", "metadata": {}, "source": [markdown]}
    return {"cells": [*code[:1], text, *code[1:]] if markdown else code, "metadata": {}, "nbformat": 4}


def migrate(content, **style):
    """What comes out of a notebook written in a style of JSON."""
    raw = (json.dumps(content, **{"indent": 1, "ensure_ascii": False, **style}) + "\n").encode()
    report = driver.migrate_bytes("a.ipynb", raw, RULES)
    assert report.problem is None
    again = driver.migrate_bytes("a.ipynb", report.after, RULES)
    assert again.after == report.after
    return report


def sources(report):
    return ["".join(cell["source"]) for cell in json.loads(report.after)["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize(
    "style",
    [
        {},
        {"indent": None},
        {"indent": 4},
        {"indent": "\t"},
        {"separators": (",", ":"), "indent": None},
        {"ensure_ascii": True},
    ],
)
def test_imports_carry_over_between_cells(style):
    """And nothing changes but the lines that do."""
    content = notebook(f"# größe ∞\n{IMPORT}\nimport os", "y = slim.batch_norm(x)\nprint('é')")
    report = migrate(content, **style)
    assert sources(report) == ["# größe ∞\nimport tfbn\nimport os", "y = tfbn.batch_norm(x)\nprint('é')"]
    after = report.after.replace(b"tfbn.batch_norm(x)", b"slim.batch_norm(x)").replace(b"import tfbn", IMPORT.encode())
    assert after == report.before
    assert [(edit.place.cell, edit.place.line) for edit in report.edits] == [(1, 2), (3, 1)]


def test_a_source_that_is_one_string():
    """As some tools write it."""
    content = notebook(IMPORT, "slim.batch_norm(x)")
    for cell in content["cells"]:
        cell["source"] = "".join(cell["source"])
    report = migrate(content)
    assert [cell["source"] for cell in json.loads(report.after)["cells"]] == [
        "import tfbn",
        "slim.batch_norm",
        "tfbn.batch_norm(x)",
    ]


@pytest.mark.parametrize(
    "cell",
    [
        "%matplotlib inline\n{}",
        "!pip install \\\n  tf_slim\n{}",
        "files = !ls\n{}",
        "a, b = %sx ls\n{}",
        "slim?\n{}",
        "?slim.batch_norm\n{}",
        "%%time\n{}",
        "if x:\n    !ls \\d\n{}",
        "x = (7\n  % 3)\n{}",
        "s = '''\n%magic\n!no\n'''\n{}",
        "%magic\n%magic\n{}\n%magic",
    ],
)
def test_magics_are_left_alone(cell):
    """Lines of IPython, and lines of Python that only look like some."""
    report = migrate(notebook(IMPORT, cell.format("slim.batch_norm(x)")))
    assert sources(report)[1] == cell.format("tfbn.batch_norm(x)")


@pytest.mark.parametrize("cell", ["%%bash\nslim.batch_norm(x)", "\n%%html\n<b>slim.batch_norm(x)</b>"])
def test_cells_in_other_languages(cell):
    """Are no Python."""
    assert sources(migrate(notebook(f"{IMPORT}\nslim.batch_norm", cell)))[1] == cell


def test_lines_that_go_and_come():
    """A removed last line leaves its neighbour with its line end; a cell can become empty."""
    report = migrate(notebook("import os\nimport tensorflow as tf", "slim = tf.contrib.slim", "slim.flatten(tf.x)"))
    assert sources(report) == ["import os\nimport tensorflow as tf\nimport tfbn", "", "tfbn.layers.flatten(tf.x)"]


def test_findings_have_cells():
    """With the line within the cell."""
    report = migrate(notebook("import tensorflow as tf\n", "x = 1\ntf.contrib.layers.maxout(x)"))
    assert [(str(finding.where), finding.kind) for finding in report.findings] == [("cell 3:2:1", "leftovers")]


def test_old_notebooks():
    """Of format 3."""
    cells = [{"cell_type": "code", "input": [f"{IMPORT}\n", "slim.batch_norm"], "language": "python"}]
    report = migrate({"metadata": {}, "nbformat": 3, "worksheets": [{"cells": cells, "metadata": {}}]})
    (sheet,) = json.loads(report.after)["worksheets"]
    assert sheet["cells"][0]["input"] == ["import tfbn\n", "tfbn.batch_norm"]


def test_other_kernels():
    """A notebook in R is not ours."""
    content = notebook(f"{IMPORT}\nslim.batch_norm")
    content["metadata"] = {"language_info": {"name": "R"}}
    assert migrate(content).edits == ()


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"{", "not a notebook"),
        (b"[]", "not a notebook"),
        (b'{"metadata": {}}', "not a notebook"),
        (b'{"cells": [{"cell_type": "code"', "not a notebook"),
        (b'{"cells": "\xff"}', "not utf-8"),
        (
            json.dumps(notebook("x = 1", f"{IMPORT}\nprint 'a'")).encode(),
            r"cell 3, line 2: does not parse: .*print 'a'",
        ),
    ],
)
def test_what_cannot_be_read(raw, problem):
    """Is a line, and the notebook stays."""
    report = driver.migrate_bytes("a.ipynb", raw, RULES)
    assert report.after == raw
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(report.problem)


CODE = {"cell_type": "code", "source": f"{IMPORT}\nslim.batch_norm"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"metadata": []}, "metadata: expected an object, got []"),
        ({"metadata": None}, "metadata: expected an object, got null"),
        ({"metadata": {"kernelspec": None}}, "metadata.kernelspec: expected an object, got null"),
        ({"metadata": {"kernelspec": {"language": 3}}}, "the language in the metadata: expected a string, got 3"),
        ({"metadata": {"language_info": "python"}}, 'metadata.language_info: expected an object, got "python"'),
        ({"metadata": {"language_info": {"name": 5}}}, "the language in the metadata: expected a string, got 5"),
        ({"cells": {"a": 1}}, 'cells: expected a list, got {"a": 1}'),
        ({"cells": None}, "cells: expected a list, got null"),
        ({"cells": [CODE, "slim"]}, 'cell 2: expected an object, got "slim"'),
        ({"cells": [CODE, {"source": "x"}]}, "cell 2: cell_type: expected a string, got null"),
        ({"cells": [{**CODE, "source": None}]}, "cell 1: source: expected a string, got null"),
        ({"cells": [{**CODE, "source": ["x", 5]}]}, "cell 1: source: a line: expected a string, got 5"),
        ({"cells": [{**CODE, "source": "x\0"}]}, "cell 1: source: a null byte: not Python source"),
        ({"cells": [{**CODE, "source": "x = '\ud800'"}]}, "cell 1: source: half of a surrogate pair: not text"),
        ([], "the file: expected an object, got []"),
        ({"worksheets": None}, "cells: expected a list, got null"),
        ({"worksheets": [5]}, "a worksheet: expected an object, got 5"),
        ({"worksheets": [{}]}, "cells: expected a list, got null"),
    ],
)
def test_what_has_another_shape(content, problem):
    """Is told with the place, and the notebook stays."""
    if "metadata" in content:
        content = {"cells": [CODE], **content}
    raw = json.dumps(content).encode()
    report = driver.migrate_bytes("a.ipynb", raw, RULES)
    assert (report.after, report.problem) == (raw, f"not a notebook that can be read: {problem}")


def test_deeply_nested_code():
    """For the reader of JSON."""
    raw = json.dumps(notebook(IMPORT)).encode().replace(b'"metadata": {}', b'"metadata": ' + b"[" * 10**5)
    report = driver.migrate_bytes("a.ipynb", raw, RULES)
    assert report.problem.startswith("not a notebook that can be read: maximum recursion depth exceeded")


def test_cells_without_source_are_passed_over():
    """There is nothing in them to migrate."""
    content = {"cells": [{"cell_type": "code"}, {"cell_type": "code", "source": []}, CODE]}
    assert json.loads(migrate(content).after)["cells"][2]["source"] == "import tfbn\ntfbn.batch_norm"


def test_each_cell_has_to_compile():
    """By itself, as front ends compile it, and with what only cells may have."""
    cell = "from __future__ import division\nawait slim.batch_norm(x)"
    assert sources(migrate(notebook(IMPORT, cell)))[1] == cell.replace("slim", "tfbn")
    raw = json.dumps(notebook(IMPORT, "x = 1\nreturn x")).encode()
    report = driver.migrate_bytes("a.ipynb", raw, RULES)
    assert report.problem.startswith("cell 3, line 2: does not compile: 'return' outside function: `return x`")
    assert report.after == raw


def test_outputs_do_not_count_as_code(tmp_path, monkeypatch):
    """A picture may be long; it is the code that has to be parsed."""
    monkeypatch.setattr(driver, "MAX_SOURCE_BYTES", 2000)
    content = notebook(IMPORT, "slim.batch_norm(x)")
    content["cells"][0]["outputs"][0]["data"] = {"image/png": "A" * 5000}
    (tmp_path / "a.ipynb").write_text(json.dumps(content))
    (tmp_path / "b.ipynb").write_text(json.dumps(notebook(IMPORT, "x = 1\n" * 400)))
    drawn, long = driver.run([str(tmp_path)], RULES).reports
    assert sources(drawn) == ["import tfbn", "tfbn.batch_norm(x)"]
    size = len(Notebook((tmp_path / "b.ipynb").read_bytes()).source)
    assert (
        long.problem == f"{size:,} bytes of code, more than the 2,000 that are parsed: split it, or migrate it by hand"
    )


def test_a_notebook_is_looked_over_by_its_code(tmp_path):
    """In JSON a line end is a letter in front of the name on the next line."""
    cell = {"cell_type": "code", "source": "import tensorflow as tf\ntf.placeholder(tf.float32)"}
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [cell]}))
    (tmp_path / "b.ipynb").write_text(json.dumps({"cells": [{**cell, "source": "import tensorflow"}], "metadata": 5}))
    (report,) = driver.run([str(tmp_path)], RULES).reports
    assert [(str(finding.where), finding.kind) for finding in report.findings] == [
        (f"{tmp_path / 'a.ipynb'}:cell 1:2:1", "tf1-names")
    ]


class TestMarkers:
    """What stands between the cells, and for hidden lines, while they are one module."""

    @pytest.mark.parametrize("magic", ["", "!ls\n"])
    def test_a_notebook_that_has_them_already(self, magic):
        """In strings, in comments, alone on a line: others are taken, and it comes out as it went in."""
        first = Notebook(json.dumps(notebook(f"{IMPORT}\n!ls", "x = 1")).encode()).source.decode()
        second = Notebook(json.dumps(notebook(first)).encode()).source.decode()
        assert first.count("__tfbn0_") == 3
        assert second.count("__tfbn1_") == 1
        text = (first + second).replace(IMPORT, "y = 2")
        cells = [IMPORT, f'{magic}text = """\n{text}"""\n{text}\nslim.batch_norm(x)', text]
        assert sources(migrate(notebook(*cells))) == ["import tfbn", cells[1].replace("slim", "tfbn"), text]

    @pytest.mark.parametrize(
        "line", ["#__tfbn_cell_1__", "#__tfbn_masked_99_0__", "#__tfbn0_cell_1__", "pass#__tfbn0_line_1_0__"]
    )
    def test_a_line_that_looks_like_one(self, line):
        """Is code like any other."""
        cells = [f"{IMPORT}\n{line}\n!ls\n", f"{line}\nslim.batch_norm(x)\n{line}"]
        expected = [cells[0].replace(IMPORT, "import tfbn"), cells[1].replace("slim", "tfbn")]
        assert sources(migrate(notebook(*cells))) == expected

    @pytest.mark.parametrize("cell", ["!ls\n\x0c!ls\n{}", "if x:\n\t!ls\n{}", "!ls\r\n{}"])
    def test_hidden_lines_survive_surrounding_space(self, cell):
        """A form feed, a tab, a carriage return."""
        report = migrate(notebook(IMPORT, cell.format("slim.batch_norm(x)")))
        assert sources(report)[1] == cell.format("tfbn.batch_norm(x)")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("cell_1__", "cell_2__"),
            ("#__tfbn0_cell_1__\n", ""),
            ("#__tfbn0_cell_2__\n", "#__tfbn0_cell_2__\nx = 1\n"),
            ("pass#__tfbn0_line_1_1__", ""),
            ("pass#__tfbn0_line_1_1__", "pass#__tfbn0_line_1_1__\npass#__tfbn0_line_1_1__"),
            ("pass#__tfbn0_line_1_1__", "pass#__tfbn0_line_1_0__"),
        ],
    )
    def test_where_one_was_lost(self, old, new, monkeypatch):
        """The notebook stays, whatever a rule did to it."""
        raw = json.dumps(notebook(f"{IMPORT}\n!ls", "slim.batch_norm(x)", markdown="")).encode()
        rewrite = migrate_module.rewrite

        def lose(source, *others):
            after, *others = rewrite(source, *others)
            assert old in after.decode()
            return after.replace(old.encode(), new.encode()), *others

        monkeypatch.setattr(migrate_module, "rewrite", lose)
        report = driver.migrate_bytes("a.ipynb", raw, RULES)
        assert report.after == raw
        assert report.problem == ("its cells would change, which is a bug of tfbn: please report it")


def test_places():
    """Lines count within cells."""
    book = Notebook(json.dumps(notebook("a\nb", "c\n", markdown="")).encode())
    lines = book.source.decode().splitlines()
    assert [
        (book.place(n, 1).cell, book.place(n, 1).line) for n, line in enumerate(lines, 1) if line in "abc" and line
    ] == [
        (1, 1),
        (1, 2),
        (2, 1),
    ]
    with pytest.raises(ValueError, match="no cell has line"):
        book.place(len(lines) + 1, 1)
