"""Patterns as .gitignore has them, held against git itself."""

from __future__ import annotations

import os
import subprocess

import pytest

from tfbn.migrate.source import ignored
from tfbn.migrate.source.paths import python_files

PATHS = (
    "a.py x/a.py build/b.py src/build/c.py src/d.py src/deep/er/e.py src/gen_1.py src/gen_x.py #f.py !g.py [h].py"
).split()
LINES = [
    ("a.py",),
    ("/a.py",),
    ("build/", "d.py"),
    ("/build",),
    ("src/build",),
    ("src/*.py", "!src/d.py"),
    ("src/**", "!src/d.py"),
    ("src/*/", "!src/deep/er/e.py"),
    ("**/e.py",),
    ("src/**/e.py", "src/**/d.py"),
    ("gen_[0-9].py  ", "# gen_x.py"),
    ("gen_[!0-9].py",),
    ("gen_?.py", "\\#f.py", "\\!g.py", "[[]h].py"),
    ("*", "!*/", "!a.py"),
    ("de*/", ""),
    ("b.py/", "/", "!", "[z-a]"),
]


@pytest.mark.process
@pytest.mark.parametrize("lines", LINES)
def test_as_git(lines, tmp_path):
    """The same files are left."""
    for name in PATHS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / ".gitignore").write_text("\n".join(lines) + "\n")
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    listed = subprocess.run([*git, "ls-files", "-oz", "--exclude-standard", "*.py"], stdout=subprocess.PIPE, check=True)
    files = [found for found in python_files([f"{tmp_path}/"]) if not (found.is_ignored or found.note)]
    found = [os.path.relpath(found.path, tmp_path) for found in files]
    assert sorted(found) == sorted(os.fsdecode(listed.stdout).split("\0")[:-1])


def test_folders_in_a_repository(tmp_path):
    """Patterns of the folders above count, and those below add to them; what is named is looked at all the same."""
    for name in ["p/a.py", "p/b.py", "p/q/a.py", "p/q/b.py", "p/q/c.py"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / ".git" / "info").mkdir(parents=True)
    (tmp_path / ".git" / "info" / "exclude").write_text("c.py\n")
    (tmp_path / ".gitignore").write_text("a.py\n")
    (tmp_path / "p" / "q" / ".gitignore").write_text("!a.py\n/b.py\n")

    def left(*paths, exclude=()):
        found = python_files([str(tmp_path / path) for path in paths], ignored.parse(str(tmp_path), exclude))
        return [os.path.relpath(one.path, tmp_path) for one in found if not one.is_ignored]

    assert left("p") == left("") == ["p/b.py", "p/q/a.py"]
    assert left("p/q", "p/a.py") == ["p/q/a.py", "p/a.py"]
    assert left("p", exclude=["q/"]) == ["p/b.py"]
    assert left("p", exclude=["/q/"]) == ["p/b.py", "p/q/a.py"]


def test_what_cannot_be_read_is_noted(tmp_path):
    """A pattern that is none, with its line, and a file that is none; the others count."""
    for name in ("a.py", "b.py", "p/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / ".gitignore").write_text("[z-a]\nb.py\n")
    (tmp_path / "p" / ".gitignore").mkdir()
    found = list(python_files([str(tmp_path)]))
    assert [os.path.relpath(one.path, tmp_path) for one in found if not (one.is_ignored or one.note)] == [
        "a.py",
        "p/c.py",
    ]
    first, second = [one.note for one in found if one.note]
    assert first.startswith(f"{tmp_path}/.gitignore, line 1: `[z-a]` matches nothing")
    assert second == f"{tmp_path}/p/.gitignore: cannot be read: not a regular file"
