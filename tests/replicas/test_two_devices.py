"""Front ends that are not synchronized on two replicas: statistics of their own, or a refusal."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.keras.generations import ALL
from tests.replicas import launch, two_devices

pytestmark = pytest.mark.slow
# Of the halves of the batch, one for each replica; what is read outside is their mean, half way from 0.
EXPECTED = two_devices.X.mean(0) / 2


@pytest.fixture(scope="module")
def found():
    (printed,) = launch.together([["-m", "tests.replicas.two_devices"]], [None])
    return json.loads(printed.splitlines()[-1])


def test_module(found):
    mean, trained = found["module"]
    np.testing.assert_allclose(mean, EXPECTED, rtol=1e-6)
    assert trained == 0


def test_keras_layers(found):
    assert len(found["keras_layers"]) == 2 * len(ALL)
    for mean in found["keras_layers"]:
        np.testing.assert_allclose(mean, EXPECTED, rtol=1e-6)


def test_tf1_module(found):
    """It is refused before there are variables."""
    *refusals, variables = found["tf1_module"]
    assert [text for text in refusals if "expected no more than one replica, got a strategy of 2" not in text] == []
    assert variables == 0
