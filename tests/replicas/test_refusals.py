"""What `synchronized=True` refuses: with the reason and the remedy, and before any variable is made."""

from __future__ import annotations

import json
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.replicas import launch

pytestmark = pytest.mark.slow

NOT_RIGHT_IN = "expected a training call right in the function that strategy.run runs, got one in the body of a loop"
COMPILED = "expected a function that TensorFlow runs op by op, got one that XLA compiles"
REFUSED = {
    "while": NOT_RIGHT_IN,
    "cond": NOT_RIGHT_IN,
    "map": NOT_RIGHT_IN,
    "vectorized map": NOT_RIGHT_IN,
    "vectorized map, eager": NOT_RIGHT_IN,
    "function within": "decorate the function that calls strategy.run instead of one within",
    "late variables": NOT_RIGHT_IN,
    "XLA within": COMPILED,
    "XLA around": COMPILED,
    "beside": "expected a training call in the function that strategy.run runs, got one outside of it",
    "outside": "expected the variables of batch_norm to be created in the strategy's scope",
    "functional": NOT_RIGHT_IN,
    "graph: while": NOT_RIGHT_IN,
    "graph: cond": NOT_RIGHT_IN,
    "graph: layer": NOT_RIGHT_IN,
    "central storage": "expected tf.distribute.MirroredStrategy or MultiWorkerMirroredStrategy, got CentralStorage",
}


@pytest.fixture(scope="module")
def found():
    (printed,) = launch.together([["-m", "tests.replicas.refusals"]], [None])
    return json.loads(printed.splitlines()[-1])


@pytest.mark.parametrize("name", REFUSED)
def test_refused(found, name):
    kind, text = found[name]
    assert f"synchronized: {REFUSED[name]}" in text or REFUSED[name] in text
    assert kind in ("RuntimeError", "ValueError")


def test_fine(found):
    """What looks like it and is none of it; and no refusal has made variables."""
    fine = {name: result for name, result in found.items() if name not in REFUSED}
    assert len(fine) == 7
    assert fine == dict.fromkeys(fine)


@pytest.mark.parametrize(
    "strategy",
    [
        tf.distribute.experimental.ParameterServerStrategy,
        tf.compat.v1.distribute.experimental.ParameterServerStrategy,
    ],
)
def test_parameter_servers(strategy):
    """Their workers do not wait for each other; refused in inference too, so that no program relies on it."""
    params, state = tfbn.functional.init(2)
    with mock.patch.object(tf.distribute, "get_strategy", return_value=object.__new__(strategy)):
        with pytest.raises(ValueError, match="expected replicas that take each step together, got ParameterServer"):
            tfbn.functional.train(np.ones([3, 2], "float32"), params, state, synchronized=True)


WAYS = {
    "module": lambda x, **both: tfbn.BatchNorm(2, **both),
    "functional": lambda x, **both: tfbn.functional.train(x, *tfbn.functional.init(2), **both),
    "function": tfbn.batch_norm,
    "layer": tfbn.batch_normalization,
}


@pytest.mark.parametrize("way", WAYS)
def test_virtual_batches(way):
    """Refused without a strategy, too: the same program is to run under one."""
    with tf.Graph().as_default() as graph:
        with pytest.raises(ValueError, match="expected False with a virtual_batch_size, got True with 2"):
            WAYS[way](np.ones([4, 2], "float32"), synchronized=True, virtual_batch_size=2)
        assert not graph.get_collection(tf.compat.v1.GraphKeys.GLOBAL_VARIABLES)


@pytest.mark.parametrize("kind", ["function", "eager", "graph", "workers"])
def test_one_replica_with_nan(kind):
    """From the step with the NaN on: each process ends with an error that names the replica, and none waits for it."""
    configs = launch.clusters(2) if kind == "workers" else [None]
    printed = launch.together([["-m", "tests.replicas.spoiled", kind]] * len(configs), configs, timeout=90)
    errors = [json.loads(text.splitlines()[-1]) for text in printed]
    named = [text for name, text in errors if name == "InvalidArgumentError"]
    assert any("got NaN or infinity from the replicas (counted from 0):] [1]" in text for text in named), errors
    assert all(name in ("InvalidArgumentError", "UnavailableError", "CancelledError") for name, _ in errors)


def test_one_worker_that_leaves_a_call_out():
    """It cannot be told from a slow one; the timeout of CommunicationOptions ends the other, which waits for it."""
    waiting, absent = launch.together(
        [["-m", "tests.replicas.spoiled", "fewer calls"]] * 2, launch.clusters(2), timeout=120
    )
    assert json.loads(waiting.splitlines()[-1])[0] == "DeadlineExceededError"
    assert absent == ""
