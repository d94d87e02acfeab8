"""What every example does with wrong arguments, and without the packages that it needs."""

from __future__ import annotations

import sys

import pytest

from tests.examples.program import call

pytestmark = pytest.mark.slow

REFUSALS = {
    "digits_graph.py": [
        ("--updates maybe", "invalid choice: 'maybe'"),
        ("--steps 0", "argument --steps: expected 1 or more, got 0"),
        ("--steps few", "argument --steps: invalid int value: 'few'"),
        ("--seed -1", "argument --seed: expected 0 or more, got -1"),
        ("--output-dir {file}/below", "argument --output-dir: expected a folder that can be made, got"),
        ("--compare --updates inline", "not allowed with argument --compare"),
        ("--nonsense", "unrecognized arguments: --nonsense"),
    ],
    "digits_module.py": [
        ("--steps 0", "argument --steps: expected 1 or more, got 0"),
        ("--seed -1", "argument --seed: expected 0 or more, got -1"),
        ("--output-dir {file}", "argument --output-dir: expected a folder that can be made, got"),
    ],
    "digits_recalibrate.py": [
        ("--steps 0", "argument --steps: expected 1 or more, got 0"),
        ("--seed -1", "argument --seed: expected 0 or more, got -1"),
        ("--output-dir {file}", "argument --output-dir: expected a folder that can be made, got"),
    ],
    "digits_replicas.py": [
        ("--workers 0", "argument --workers: expected 1 or more, got 0"),
        ("--save-every 0", "argument --save-every: expected 1 or more, got 0"),
        ("--output-dir {file}", "argument --output-dir: expected a folder that can be made, got"),
    ],
    "digits_summaries.py": [
        ("--every-steps 0", "argument --every-steps: expected 1 or more, got 0"),
        ("--output-dir {used}", "expected one without collection, got"),
        ("--output-dir {file}", "argument --output-dir: expected a folder that can be made, got"),
    ],
    "digits_tf1_module.py": [
        ("--steps 0", "argument --steps: expected 1 or more, got 0"),
        ("--seed -1", "argument --seed: expected 0 or more, got -1"),
        ("--checkpoint nowhere", "argument --checkpoint: expected the prefix of a checkpoint, got nowhere"),
        ("--output-dir {file}/below", "argument --output-dir: expected a folder that can be made, got"),
    ],
    "gan_updates.py": [
        ("--updates maybe", "invalid choice: 'maybe'"),
        ("--steps 0", "argument --steps: expected 1 or more, got 0"),
        ("--seed -1", "argument --seed: expected 0 or more, got -1"),
        ("--output-dir {file}/below", "argument --output-dir: expected a folder that can be made, got"),
    ],
    "monitored_session.py": [
        ("--steps 1", "argument --steps: expected 2 or more, got 1"),
        ("--save-steps 0", "argument --save-steps: expected 1 or more, got 0"),
        ("--steps 20 --interrupt-at 20", "expected less than --steps 20, got 20"),
        ("--output-dir {used}", "expected one without undisturbed, got"),
        ("--nonsense", "unrecognized arguments: --nonsense"),
    ],
    "parameter_server.py": [
        ("--steps 0", "argument --steps: expected 1 or more, got 0"),
        ("--seed -1", "argument --seed: expected 0 or more, got -1"),
        ("--nonsense", "unrecognized arguments: --nonsense"),
    ],
}


@pytest.mark.parametrize("name", REFUSALS)
def test_wrong_usage(name, tmp_path):
    """Status 2, and a sentence that names the argument."""
    used = tmp_path / "used"
    for folder in ("collection", "undisturbed"):
        (used / folder).mkdir(parents=True)
    for options, text in REFUSALS[name]:
        done = call(name, *options.format(file=__file__, used=used).split())
        assert done.returncode == 2, options
        assert text in done.stderr


@pytest.mark.parametrize(
    ("name", "extras"),
    [("digits_graph.py", "tfbn[tensorflow,examples]"), ("gan_updates.py", "tfbn[examples]")],
)
@pytest.mark.parametrize("missing", ["matplotlib.figure", "sklearn.datasets", "tqdm"])
def test_missing_packages(name, extras, missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    done = call(name)
    assert done.returncode == 3
    assert missing in done.stderr
    assert f"pip install '{extras}'" in done.stderr
