"""Which files a run looks at."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path

import pytest

from tfbn.migrate.source.paths import SKIPPED, Candidate, open_file, python_files


@pytest.fixture
def tree(tmp_path):
    """Makes empty files."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        return tmp_path

    return make


def names(root, *paths):
    found = list(python_files([str(root / path) for path in paths] or [str(root)]))
    assert not [one for one in found if one.problem]
    return [os.path.relpath(one.path, root) for one in found]


def test_directories(tree):
    """Python and notebooks, by name, from top to bottom."""
    root = tree("b.py", "a.ipynb", "c.txt", "sub/d.py", "sub/deeper/e.py", "x.pyc")
    assert names(root) == ["a.ipynb", "b.py", "sub/d.py", "sub/deeper/e.py"]


def test_files_are_taken_whatever_their_name(tree):
    """Scripts have no suffix."""
    assert names(tree("script", "b.py"), "script") == ["script"]


def test_each_once(tree):
    """However often it is named or linked to."""
    root = tree("a.py", "sub/b.py")
    (root / "sub" / "link.py").symlink_to(root / "a.py")
    os.link(root / "a.py", root / "hard.py")
    assert names(root, "a.py", ".", "sub", "a.py") == ["a.py", "sub/b.py"]


@pytest.mark.parametrize("folder", sorted(SKIPPED))
def test_what_is_not_the_projects(tree, folder):
    """Is passed over, unless it is asked for."""
    root = tree("a.py", f"sub/{folder}/b.py")
    assert names(root) == ["a.py"]
    assert names(root, f"sub/{folder}") == [f"sub/{folder}/b.py"]


def test_environments(tree):
    """By the file that every one of them has."""
    assert names(tree("a.py", "tf1/pyvenv.cfg", "tf1/lib/b.py")) == ["a.py"]


def test_links_to_directories_are_not_followed(tree):
    """A loop ends where it begins."""
    root = tree("a.py", "sub/b.py")
    (root / "sub" / "up").symlink_to(root)
    assert names(root) == ["a.py", "sub/b.py"]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda root: (root / "a.py").symlink_to(root / "a.py"), "a symbolic link that leads back to itself"),
        (lambda root: (root / "a.py").symlink_to(root / "gone.py"), "No such file or directory"),
    ],
)
def test_links_to_nowhere(tmp_path, make, problem):
    """Are told, and the others are found."""
    make(tmp_path)
    (tmp_path / "b.py").write_text("")
    found = list(python_files([str(tmp_path)]))
    assert [(os.path.basename(one.path), one.problem) for one in found] == [("a.py", problem), ("b.py", None)]


def make_socket(path):
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(path))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (os.mkfifo, "named pipe"),
        (make_socket, "socket"),
        (lambda path: path.symlink_to(os.devnull), "device"),
    ],
)
def test_what_is_no_regular_file(tmp_path, monkeypatch, make, kind):
    """Is told, and not opened: a pipe waits for its writer, and some devices never end."""
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    make(Path("a.py"))
    (tmp_path / "b.py").write_text("")
    problem = f"not a regular file but a {kind}"
    assert list(python_files(["."])) == [Candidate("./a.py", problem), Candidate("./b.py")]
    assert list(python_files(["a.py"])) == [Candidate("a.py", problem)]


def test_a_pipe_that_has_come_in_the_place_of_a_file(tmp_path):
    """Since the folder was listed."""
    os.mkfifo(tmp_path / "a.py")
    with pytest.raises(OSError, match="not a regular file but a named pipe"):
        open_file(str(tmp_path / "a.py"))


def test_folders_that_cannot_be_listed(tree, monkeypatch):
    """Are told, and the others are walked."""
    root = tree("a.py", "closed/b.py", "sub/c.py")
    scandir = os.scandir

    def scan(path):
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    found = list(python_files([str(root)]))
    assert [(os.path.relpath(one.path, root), one.problem) for one in found] == [
        ("a.py", None),
        ("sub/c.py", None),
        ("closed", "cannot be listed: Permission denied"),
    ]


def test_a_path_that_is_not_there(tmp_path):
    """Is told too."""
    (found,) = python_files([str(tmp_path / "gone")])
    assert found.problem == "No such file or directory"
