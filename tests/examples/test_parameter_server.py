"""The example with a parameter server and two workers, run as users run it: three processes on loopback."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.examples.program import load, run

pytestmark = pytest.mark.slow

NAME = "parameter_server.py"


def test_every_update_of_both_workers_counts():
    steps = 40
    done = run(NAME, "--steps", steps, "--seed", 1, "--json", "--no-progress", timeout=120)
    assert done.returncode in (0, 1), done.stderr
    result = json.loads(done.stdout)
    assert result["exact"] is True
    assert result["global_step"] == 2 * steps
    for name in ("moving_mean", "moving_variance"):
        assert sorted(result["orders"][name]) == [0] * steps + [1] * steps
    assert result["held_out_accuracy"] > 0.7  # a tenth is guessing
    assert result["ok"] is (done.returncode == 0) is (result["held_out_accuracy"] >= 0.95)


class TestOrder:
    """What the example finds of two workers' updates, which it is to believe."""

    GIVEN = np.random.RandomState(0).uniform(1, 5, [2, 6, 3])
    ORDER = [0, 1, 1, 0, 0, 0, 1, 1, 0, 1, 1, 0]

    def after(self, module, stale=None):
        """The values after the updates in this order; the update `stale` is made from what the one before it found."""
        found, taken, before, value = [[], []], [0, 0], None, np.zeros(3)
        for number, worker in enumerate(self.ORDER):
            read = before if number == stale else value
            before = value
            value = value - (read - self.GIVEN[worker][taken[worker]]) * (1 - module.DECAY)
            found[worker].append(value)
            taken[worker] += 1
        return found

    def test_an_order_is_found(self):
        module = load(NAME)
        assert module.order_of_updates(np.zeros(3), self.after(module), self.GIVEN) == self.ORDER

    @pytest.mark.parametrize("stale", [3, 7, 11])
    def test_a_stale_read_ends_it(self, stale):
        module = load(NAME)
        assert module.order_of_updates(np.zeros(3), self.after(module, stale), self.GIVEN) == self.ORDER[:stale]

    def test_a_lost_update_ends_it(self):
        module = load(NAME)
        found = self.after(module)
        found[1][2] = found[1][1]  # the sixth update in all, the third of this worker
        assert module.order_of_updates(np.zeros(3), found, self.GIVEN) == self.ORDER[:6]


def test_workers_have_batches_of_their_own():
    module = load(NAME)
    digits, _ = module.read_digits(0)
    one, other = (
        {image.tobytes() for part in module.batches(digits, worker, 10, 0) for image in part.images}
        for worker in range(2)
    )
    assert len(one) == len(other) == 640
    assert not one & other
