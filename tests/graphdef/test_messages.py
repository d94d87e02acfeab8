"""The one line that stands for an error of TensorFlow."""

import pytest
import tensorflow as tf

from tfbn.graphdef.messages import reason


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (tf.errors.InvalidArgumentError(None, None, "no such input\n\t at kernel"), "no such input"),
        (tf.errors.DataLossError(None, None, "Graph execution error:\nNode: 'a'\nchecksum\n [[a]]"), "checksum"),
        (ValueError("\n first \nsecond"), "first"),
        (ValueError(), "ValueError"),
    ],
)
def test_reason(error, line):
    assert reason(error) == line


def test_long_reason():
    """Of an array or a header in an error, both ends."""
    text = reason(ValueError("a" * 6000 + "z"))
    assert len(text) < 1010
    assert text.startswith("aaa")
    assert text.endswith("z")
