"""The guide's tables are complete: every argument, and every known difference, with what shows it."""

from __future__ import annotations

import importlib
import inspect
import json
import re

import pytest
import tensorflow.compat.v1 as tf

import tfbn
from tests import docs
from tests.docs import CHECKOUT, PAGES
from tests.parity import layer_programs
from tests.parity.differences import LEDGER

ARGUMENTS = {
    "migration_guide/contrib_and_slim.md": tfbn.batch_norm,
    "migration_guide/layers.md": tfbn.batch_normalization,
}
LAYERS = "migration_guide/contrib_layers.md"
GUIDE = [page for page in PAGES if page.startswith("migration_guide/")]


@pytest.mark.parametrize("page", ARGUMENTS)
def test_every_argument_has_a_row_with_its_default(page):
    """In the order of the signature; the second column is the default."""
    (table,) = (table for table in docs.tables(PAGES[page]) if table[0][:2] == ["Argument", "Default"])
    rows = {row[0].strip("`"): row[1].strip("`") for row in table[1:]}
    parameters = {p.name: p.default for p in inspect.signature(ARGUMENTS[page]).parameters.values()}
    assert list(rows) == list(parameters)
    names = {"UPDATE_OPS": tf.GraphKeys.UPDATE_OPS, "required": inspect.Parameter.empty}
    assert {name: eval(default, {}, names) for name, default in rows.items()} == parameters


def names_of(signature):
    return {name for name in inspect.signature(signature).parameters if name not in ("self", "kwargs")}


class TestNames:
    """The table of names in contrib, tfbn, Keras 3 and PyTorch."""

    (TABLE,) = (table for table in docs.tables(PAGES["migration_guide/arguments.md"]) if table[0][0] == "contrib")
    RECORDED = json.loads((CHECKOUT / "tests/parity/signature.json").read_text(encoding="utf-8"))

    def column(self, title):
        """The names in code spans, by whether they are of a call; prose and `none` have no names."""
        index = self.TABLE[0].index(title)
        found = {True: set(), False: set()}
        for row in self.TABLE[1:]:
            for part in row[index].split(";"):
                spans = [span.partition("=")[0] for span in docs.code_spans(part) if not span.endswith("()")]
                found[part.strip().startswith("call:")].update(spans)
        return found

    def test_every_argument_has_a_row(self):
        """contrib's 23 in their order, then ours."""
        rows = [row[0].strip("`") for row in self.TABLE[1:]]
        assert [name for name in rows if name != "new"] == [name for name, *_ in self.RECORDED["batch_norm"]]
        assert self.column("`tfbn.batch_norm`")[False] == names_of(tfbn.batch_norm)

    def test_of_the_module(self):
        """Of the constructor and of a call; `losses` and `variables` are attributes."""
        found = self.column("`tfbn.BatchNorm`")
        assert found[False] - {"losses", "variables"} == names_of(tfbn.BatchNorm) - {"channels"}
        assert found[True] == names_of(tfbn.BatchNorm.__call__)

    def test_of_keras(self):
        """They exist in the Keras that is there, if in a base class that takes the rest of the arguments."""
        layer = importlib.import_module("keras").layers.BatchNormalization
        found = self.column("Keras 3")
        common = {"trainable", "dtype", "name", "variables", "mask"}  # of every layer
        assert found[False] - common <= set().union(*(names_of(base.__init__) for base in layer.__mro__[:-1]))
        assert found[True] - common <= names_of(layer.call)


@pytest.mark.parametrize("module", ["layers", "framework"])
def test_every_name_of_contrib_has_a_word(module):
    """Each public name of contrib's module stands in the table of it; those said to be here are."""
    names = layer_programs.load()["names"][module]
    title = f"Name in `tf.contrib.{module}`"
    (table,) = (table[1:] for table in docs.tables(PAGES[LAYERS]) if table[0][0] == title)
    rows = {name: row[1] for row in table for name in re.findall(r"`([^`]+)`", row[0])}
    assert set(names) - set(rows) == set()
    homes = {"the same name in `tfbn.layers`": tfbn.layers, "the same name in `tfbn`": tfbn}
    here = {name: home for name, advice in rows.items() for text, home in homes.items() if advice == text}
    assert len(here) > 3
    assert [name for name, home in here.items() if not hasattr(home, name)] == []


def test_every_layer_is_in_the_tables():
    """What tfbn.layers has, the tables say that it has."""
    said = set()
    for table in docs.tables(PAGES[LAYERS]):
        for row in table:
            said |= set(re.findall(r"`([^`]+)`", row[0])) if row[-1] == "the same name in `tfbn.layers`" else set()
    assert set(tfbn.layers.__all__) - said == {"utils", "v1"}


def shown_by(text):
    """Of each row of the tables that compare the original with tfbn: its first cell, the ledger entries and tests that
    the comment at its end names, `<!-- ledger: NAME; NAME -->` or `<!-- test: FILE::NAME -->`.
    """
    found = []
    for header, *rows in docs.tables(text, comments=True):
        if header[1:] == ["The original", "tfbn"]:
            for row in rows:
                comment = re.search(r"<!-- (ledger|test): (.+?) -->$", row[-1])
                names = {comment[1]: comment[2].split("; ")} if comment else {}
                found.append((row[0], names.get("ledger", []), names.get("test", [])))
    return found


def problems(row, entries, tests, ledger):
    """What is wrong with what a row names."""
    if not entries and not tests:
        return [f"the row {row!r} names nothing: end it with <!-- ledger: NAME --> or <!-- test: FILE::NAME -->"]
    found = [
        f"the row {row!r} names {name!r}, which the ledger does not have" for name in entries if name not in ledger
    ]
    for test in tests:
        file, _, name = test.partition("::")
        path = CHECKOUT / file
        if not path.is_file() or not re.search(rf"(?m)^ *def {re.escape(name)}\(", path.read_text(encoding="utf-8")):
            found.append(f"the row {row!r} names {test}, which is no test")
    return found


def missing(pages, ledger):
    """The entries of the ledger that no row names."""
    named = {name for page in pages for _, entries, _ in shown_by(page) for name in entries}
    return [name for name in ledger if name not in named]


class TestDifferences:
    """The guide's tables of differences against the ledger, tests/parity/differences.py."""

    NAMES = [entry.name for entry in LEDGER]

    @pytest.mark.parametrize("page", [*ARGUMENTS, LAYERS])
    def test_every_row_names_what_shows_it(self, page):
        """An entry of the ledger that exists, or a test that does."""
        rows = shown_by(PAGES[page])
        assert rows
        assert not [problem for row in rows for problem in problems(*row, self.NAMES)]

    def test_every_entry_of_the_ledger_is_in_the_guide(self):
        """No difference is known to us and not told to the user."""
        advice = [
            f"{name!r} is in no table: to `What is different on purpose` or `Errors that come earlier` of"
            " migration_guide/contrib_and_slim.md (batch_norm), layers.md (batch_normalization) or contrib_layers.md"
            " (tfbn.layers), add the row"
            f" | SITUATION | WHAT THE ORIGINAL DOES | WHAT TFBN DOES <!-- ledger: {name} --> |"
            for name in missing([PAGES[page] for page in GUIDE], self.NAMES)
        ]
        assert not advice, "\n".join(advice)

    TABLE = "| Situation | The original | tfbn |\n|---|---|---|\n"

    @pytest.mark.parametrize(
        "comment, texts",
        [
            ("<!-- ledger: known; other -->", []),
            ("<!-- test: tests/test_guide.py::shown_by -->", []),
            ("", ["names nothing: end it with <!-- ledger"]),
            ("<!-- ledgers: known -->", ["names nothing"]),
            ("<!-- ledger: known; unknown -->", ["names 'unknown', which the ledger does not have"]),
            ("<!-- test: tests/test_guide.py::shown_bye -->", ["which is no test"]),
            ("<!-- test: tests/missing.py::shown_by -->", ["which is no test"]),
        ],
    )
    def test_problems_are_found(self, comment, texts):
        """Of a row that names nothing, and of one that names what is not there."""
        (row,) = shown_by(f"{self.TABLE}| a | b | c {comment} |\n\n| x | y |\n|---|---|\n| a | b |\n")
        found = problems(*row, ["known", "other"])
        assert [text in problem for text, problem in zip(texts, found)] == [True] * len(texts)
        assert len(found) == len(texts)

    def test_missing_entries_are_found(self):
        """Over all pages."""
        pages = [f"{self.TABLE}| a | b | c <!-- ledger: {name} --> |\n" for name in ("one", "two")]
        assert missing(pages, ["one", "two", "three"]) == ["three"]
