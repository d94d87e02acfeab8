"""Programs that run TF1 code, and where v2 behaviour is switched off."""

from __future__ import annotations

import json
import os

import pytest

from tests.migrate import helpers
from tests.migrate.helpers import reported
from tests.migrate.source.test_notebook import notebook
from tfbn.migrate import driver, entry_points

V1 = "import tensorflow.compat.v1 as tf\n"
OFF = V1 + "tf.disable_v2_behavior()\n"
NET = V1 + "def net():\n    return tf.placeholder(tf.float32)\n"
MAIN = "from net import net\nif __name__ == '__main__':\n    net()\n"
IN_FUNCTION = NET.replace(V1, "").replace(":\n", ":\n    " + V1)
COMMAND = "from p.net import net\ndef main():\n    net()\n"
SETUP = "setup(entry_points={'console_scripts': ['x = p.c:main']})\n"
FUNCTION = V1 + "def off():\n    tf.disable_v2_behavior()\n"
RULES = driver.chosen_rules(["v2-behavior"])


@pytest.mark.parametrize(
    ("files", "places"),
    [
        ({"net.py": NET, "run.py": MAIN}, [("run.py", 2)]),
        ({"net.py": NET, "run.py": "import net as n\nn.net()\n"}, [("run.py", 2)]),
        ({"net.py": NET, "run.py": MAIN, "b/run.py": MAIN}, [("b/run.py", 2), ("run.py", 2)]),
        # The switch of another program, of another's self-test, of a function that is not called, and one too late.
        ({"net.py": NET, "a.py": OFF + MAIN, "b.py": MAIN}, [("b.py", 2)]),
        ({"net.py": NET + f"if __name__ == '__main__':\n    {OFF.splitlines()[1]}\n", "b.py": MAIN}, [("b.py", 2)]),
        ({"net.py": NET, "off.py": FUNCTION, "b.py": "import off\n" + MAIN}, [("b.py", 3)]),
        ({"net.py": NET + "x = net()\n", "b.py": MAIN + f"    import tensorflow.compat.v1 as t\n{OFF}"}, [("b.py", 2)]),
        # TensorFlow, and files of the project, that functions import; dotted imports; an optimizer; `python -m p`.
        ({"net.py": IN_FUNCTION, "run.py": MAIN}, [("run.py", 2)]),
        ({"net.py": NET, "run.py": "def f():\n    import net as n\n    n.net()\nf()\n"}, [("run.py", 4)]),
        ({"p/q.py": NET, "run.py": "import p.q\np.q.net()\n"}, [("run.py", 2)]),
        ({"p/__init__.py": "", "p/q.py": NET, "run.py": "import p.q as q\nq.net()\n"}, [("run.py", 2)]),
        ({"b.py": V1 + "tf.train.AdamOptimizer(0.1).minimize(tf.get_variable('v', []))\n"}, [("b.py", 2)]),
        ({"net.py": NET, "run.py": "import net\nprint(net.net())\n"}, [("run.py", 2)]),
        ({"net.py": NET, "run.py": "from net import net\ny = net()\n"}, [("run.py", 2)]),
        ({"net.py": NET + "def f(): pass\n", "run.py": "from net import f\ny = f()\n"}, [("net.py", 3)]),
        ({"net.py": NET, "p/__main__.py": "from net import net\nx = [net()]\n"}, [("p/__main__.py", 1)]),
        # Entry points, of each file that has some, from a folder above; not one that switches, or is no function.
        ({"p/net.py": NET, "p/c.py": COMMAND, "setup.py": SETUP}, [("p/c.py", 2)]),
        ({"src/p/net.py": NET, "src/p/c.py": COMMAND, "setup.cfg": "y =\n    z = p.c:main\n"}, [("src/p/c.py", 2)]),
        ({"p/net.py": NET, "p/c.py": COMMAND, "pyproject.toml": 'x = "p.c:main"\n'}, [("p/c.py", 2)]),
        ({"p/net.py": NET, "p/c.py": "import p.off\n" + COMMAND, "p/off.py": OFF, "setup.py": SETUP}, []),
        ({"p/net.py": NET, "p/off.py": FUNCTION, "p/c.py": COMMAND.replace("main", "other"), "setup.py": SETUP}, []),
        # Through a package, and in a file between that has no TensorFlow.
        (
            {"p/__init__.py": "from .net import net\n", "p/net.py": NET, "b.py": MAIN.replace("net", "p", 1)},
            [("b.py", 2)],
        ),
        # Switched off: at the top, by an import, in `main`, in a function of another file, under another name.
        ({"net.py": NET, "b.py": OFF + MAIN}, []),
        ({"net.py": NET, "off.py": OFF, "b.py": "import off\n" + MAIN}, []),
        (
            {
                "net.py": NET,
                "off.py": FUNCTION,
                "b.py": MAIN.replace("    net", "    off.off()\n    net") + "import off\n",
            },
            [],
        ),
        ({"b.py": OFF.replace("tf.d", "def main(_):\n    tf.d") + "    tf.Session()\ntf.app.run(main)\n"}, []),
        ({"net.py": NET, "b.py": "from setup import disable_eager_execution as d\n" + MAIN}, [("b.py", 3)]),
        ({"net.py": NET, "b.py": "from setup import disable_eager_execution\ndisable_eager_execution()\n" + MAIN}, []),
        # A library, without and with a switch somewhere; code that runs eagerly, or in a graph of its own.
        ({"net.py": NET, "other.py": NET}, [("net.py", 3)]),
        ({"net.py": NET, "off.py": FUNCTION}, []),
        ({"net.py": V1 + "def net():\n    return tf.log(1.0)\n", "run.py": MAIN}, []),
        ({"net.py": V1 + "def net(g):\n    return tf.Session(graph=g)\n", "run.py": MAIN}, []),
    ],
)
def test_places(files, places, tmp_path):
    """One finding at each program; the second run, which changes nothing, has it again."""
    for _ in range(2):
        found = reported(tmp_path, files, RULES)
        assert [(path, finding.where.line) for path, finding in found] == places
    for _, finding in found:
        assert "switches v2 behaviour off" in finding.problem
        assert "disable_v2_behavior() in the file that is run" in finding.remedy


@pytest.mark.parametrize("compat", [False, True])
def test_programs_with_and_without_tensorflow(compat, tmp_path):
    """--compat-v1 writes the switch where TensorFlow is imported, and reports the program that does not import it."""
    old = NET.replace(".compat.v1", "")
    train = "import tensorflow as tf\n" + MAIN.replace("    net", "    with tf.Session():\n        net")
    found = reported(tmp_path, {"net.py": old, "eval.py": MAIN, "train.py": train}, driver.chosen_rules(compat=compat))
    kinds = {(path, finding.kind) for path, finding in found}
    assert kinds == ({("eval.py", "v2-behavior")} if compat else {("net.py", "tf1-names"), ("train.py", "tf1-names")})


def test_a_notebook(tmp_path):
    """Is a program where a cell calls something."""
    cells = json.dumps(notebook("x = 1\n", "from net import net\nnet()\n"))
    ((path, finding),) = reported(tmp_path, {"net.py": NET, "a.ipynb": cells}, RULES)
    assert (path, finding.where.cell, finding.where.line) == ("a.ipynb", 3, 2)


def test_standard_input():
    """A file that stands for a whole program."""
    report = driver.migrate_alone("<stdin>", NET.encode(), RULES)
    assert [finding.kind for finding in report.findings] == ["v2-behavior"]


@pytest.mark.parametrize("kind", ["folder", "long"])
def test_setup_files_that_cannot_be_read(tmp_path, monkeypatch, kind):
    """A warning: the commands that they make are not seen."""
    monkeypatch.setattr(entry_points, "MAX_BYTES", 10)
    setup = tmp_path / "setup.py"
    setup.mkdir() if kind == "folder" else setup.write_text(SETUP)
    text = "import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()\ntf.Session()\n"
    helpers.write(tmp_path, {"a.py": text})
    ((path, finding),) = [
        (report.path, finding)
        for report in driver.run([str(tmp_path / "a.py")], driver.chosen_rules(["v2-behavior"]), jobs=1).reports
        for finding in report.findings
    ]
    assert os.path.abspath(path) == str(setup)
    assert (finding.severity, finding.where.line) == ("warning", 1)
    assert "cannot be read: " + {"folder": "Is a directory", "long": "it has more than the 10"}[kind] in finding.problem
