"""Names that newer TensorFlow has lost."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings, reported
from tfbn.migrate import driver


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import tensorflow as tf\na = tf.estimator.RunConfig()\nb = tf.estimator.inputs\n", [2]),
        ("from tensorflow.compat.v1.nn import rnn_cell\nx = 1\n", [1]),
        ("from tensorflow.python.training import tracking, saver\nx = tracking, saver\n", [1]),
        ("import tensorflow.examples.tutorials.mnist.input_data as data\ndata.x\n", [1]),
        ("import tensorflow as tf\nnn = tf.nn\ny = nn.rnn_cell.GRUCell(8)\n", [3]),
        (
            "import tensorflow as tf\nx = tf.keras.layers.CuDNNLSTM(8)\ny = tf.compat.v1.keras.backend.get_session()\n",
            [2, 3],
        ),
        ("from tensorflow.keras.utils import multi_gpu_model, to_categorical\n", [1]),
        ("from tensorflow.keras import losses\nx = losses.mean_squared_error, losses.MSE\n", [2]),
        ("import tensorflow.compat.v1.keras.backend as K\nK.epsilon()\n", [1]),
        ("import tensorflow.compat.v1 as tf\nx = tf.keras.layers.LSTM, tf.compat.v1.keras.Model\n", []),
        ("from keras import backend as K\nK.get_session()\n", []),
        ("import tensorflow as tf\nx = tf.listdiff([1, 2])\nw = tf.train.SummaryWriter(d)\n", [2, 3]),
        ("import tensorflow as tf\nx = tf.python.ops.rnn, tf.pywrap_tensorflow.NewCheckpointReader\n", [2]),
        ("import tensorflow.python.ops.nn\nx = tensorflow.python.ops.nn\n", [2]),
        ("from tensorflow.python.framework.ops import Tensor, Graph\n", [1]),
        ("from tensorflow.python.framework import graph_util as g\nx = g.convert_variables_to_constants\n", [2]),
        (
            "from tensorflow.python.framework import ops\nfrom tensorflow.python import debug\nx = ops.Graph, debug\n",
            [],
        ),
        ("from tensorflow.python.ops.nn_ops import _get_noise_shape\n", [1]),
        ("from tensorflow.python.pywrap_tensorflow import NewCheckpointReader\n", [1]),
        # Prepared for it, assigned, another package's; what another rule is about.
        ("try:\n    from tensorflow import estimator\nexcept ImportError:\n    estimator = 1\n", []),
        ("import tf\nx = tf.estimator\n", []),
        ("import tensorflow as tf\nx = tf.layers.conv3d_transpose(1)\n", []),
    ],
)
def test_lines(source, lines):
    """Each name once, where it is used first."""
    assert sorted({line for rule, line in findings(source) if rule == "gone-names"}) == lines


def test_names_from_another_file(tmp_path):
    """Are followed to where they are used."""
    files = {
        "compat.py": "import tensorflow.compat.v1 as tf\n",
        "net.py": "from compat import tf\ntf.estimator.RunConfig()\n",
    }
    ((path, finding),) = reported(tmp_path, files, driver.chosen_rules())
    assert (path, finding.kind, finding.where.line) == ("net.py", "gone-names", 2)
