"""TFBN_V2_BEHAVIOR=off runs the tests as TF1 code runs: with tf.compat.v1.disable_v2_behavior()."""

import os

import pytest

from tests.parity import make_reference


def pytest_configure(config):
    if os.environ.get("TFBN_V2_BEHAVIOR") == "off":
        import tensorflow.compat.v1 as tf

        tf.disable_v2_behavior()


@pytest.fixture(scope="session")
def original_python():
    """The interpreter that has TensorFlow 1.15.5; None where there is no Python 3.7 for it, unless CI demands one."""
    try:
        return make_reference.make()
    except make_reference.NoPython37:
        if os.environ.get("CI"):
            raise
        return None
