"""Converts each NAME.pb in a folder to ONNX, runs it on NAME.npy, and writes outputs and types of ops to NAME.npz.

python run_onnx.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import tensorflow as tf
from tf2onnx import convert

for path in Path(sys.argv[1]).glob("*.pb"):
    graph_def = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    model, _ = convert.from_graph_def(graph_def, input_names=["x:0"], output_names=["net/y:0"], opset=15)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x:0": np.load(path.with_suffix(".npy"))})
    np.savez(path.with_suffix(".npz"), y=y, types=[node.op_type for node in model.graph.node])
