"""Exports and folded graphs go on: TFLite and onnxruntime compute from them what the training graph infers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.export.exported import assert_close
from tests.runtimes import environment, models

tf1 = tf.compat.v1
pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture(scope="module")
def make():
    """Each model once."""
    made: dict[str, models.Model] = {}
    return lambda name: made.get(name) or made.setdefault(name, models.make(name))


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
@pytest.mark.parametrize("name", models.MODELS)
def test_tflite(name, make):
    model = make(name)
    for graph_def in model.graphs.values():
        with tf.Graph().as_default():
            ends = tf.import_graph_def(graph_def, return_elements=["x:0", "net/y:0"], name="")
            content = tf1.lite.TFLiteConverter(graph_def, ends[:1], ends[1:]).convert()
        interpreter = tf.lite.Interpreter(model_content=content)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], model.x)
        interpreter.invoke()
        assert_close(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), model.expected)


def test_onnxruntime(make, tmp_path):
    """All in one process of an environment that has tf2onnx; a folded graph has no batch norm."""
    try:
        python = environment.make()
    except subprocess.CalledProcessError as error:
        if os.environ.get("CI") == "true":
            raise AssertionError(f"CI needs the environment of tf2onnx: {error.stderr}") from error
        pytest.skip(f"no environment of tf2onnx: {error.stderr}")
    expected = {}
    for name in models.MODELS:
        model = make(name)
        for kind, graph_def in model.graphs.items():
            path = tmp_path / f"{name} {kind}.pb"
            path.write_bytes(graph_def.SerializeToString())
            np.save(path.with_suffix(".npy"), model.x)
            expected[path.with_suffix(".npz")] = model.expected
    environment.run(python, str(Path(__file__).with_name("run_onnx.py")), str(tmp_path))
    for path, outputs in expected.items():
        with np.load(path) as found:
            assert_close(found["y"], outputs)
            assert "folded" not in path.stem or "BatchNormalization" not in found["types"]
