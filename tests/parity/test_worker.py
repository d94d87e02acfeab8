"""The client of a server process: answers, deaths and silence, with a server that has no TensorFlow."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from . import make_reference, protocol
from .worker import Worker

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]


@pytest.fixture
def worker(tmp_path):
    server = tmp_path / "server.py"
    server.write_text(
        textwrap.dedent(f"""
        import os, sys, time
        sys.path.insert(0, {str(ROOT)!r})
        from tests.parity import protocol
        protocol.send(sys.stdout.buffer, {{"versions": {{}}, "signatures": {{}}}})
        while True:
            case = protocol.receive(sys.stdin.buffer)
            if case == "die":
                print("last words", file=sys.stderr, flush=True)
                os.abort()
            if case == "hang":
                time.sleep(60)
            protocol.send(sys.stdout.buffer, {{
                "stage": "ok", "pid": os.getpid(), "echo": case, "environment": dict(os.environ)
            }})
        """)
    )
    with Worker("any", sys.executable, timeout=2.0, server=server) as found:
        yield found


def test_one_process_serves_many_cases(worker):
    first, second = worker.run("a"), worker.run("b")
    assert (first["echo"], second["echo"]) == ("a", "b")
    assert first["pid"] == second["pid"]


@pytest.mark.parametrize("how, text", [("die", "status -6"), ("hang", "no answer in 2 s")])
def test_lost_process_is_a_result_and_replaced(worker, how, text):
    before = worker.run("a")["pid"]
    lost = worker.run(how)
    assert lost["stage"] == "aborted"
    assert text in lost["error"]["text"]
    if how == "die":
        assert "last words" in lost["log"]
    assert worker.run("b")["pid"] != before


def test_a_server_that_does_not_start_says_why(tmp_path):
    server = tmp_path / "server.py"
    server.write_text("raise SystemExit('no such side')")
    with pytest.raises(RuntimeError, match="did not start(.|\n)*no such side"):
        Worker("any", server=server).start()


def test_arrays_cross_as_they_are():
    value = {"a": np.arange(6, dtype=np.float16).reshape(2, 3), "b": [np.float32(1.5), None, {"c": np.zeros((0, 2))}]}
    back = protocol.loads(protocol.dumps(value))
    assert back["a"].dtype == np.float16
    np.testing.assert_array_equal(back["a"], value["a"])
    assert back["b"][2]["c"].shape == (0, 2)


def test_original_does_not_inherit_v2_behavior(worker, monkeypatch):
    """TensorFlow 2 sets it in whatever process imports it: 1.15 would take other initializers, among other things."""
    monkeypatch.setenv("TF2_BEHAVIOR", "1")
    monkeypatch.setenv("PYTHONSTARTUP", "elsewhere")
    monkeypatch.setenv("TFBN_KEPT", "kept")
    environment = worker.run("environment")["environment"]
    assert environment["TFBN_KEPT"] == "kept"
    assert not {"TF2_BEHAVIOR", "PYTHONSTARTUP"} & set(environment)


def test_missing_python_3_7_has_its_own_status(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TFBN_REFERENCE_HOME", str(tmp_path / "reference"))
    assert make_reference.main() == make_reference.NO_PYTHON
    assert "no Python 3.7" in capsys.readouterr().err
