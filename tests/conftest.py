"""TFBN_V2_BEHAVIOR=off runs the tests as TF1 code runs: with tf.compat.v1.disable_v2_behavior()."""

import os


def pytest_configure(config):
    if os.environ.get("TFBN_V2_BEHAVIOR") == "off":
        import tensorflow.compat.v1 as tf

        tf.disable_v2_behavior()
