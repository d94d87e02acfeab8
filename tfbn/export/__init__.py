"""From the graph that a model was trained in to one for inference: `inference_graph` and `saved_model`.

A graph goes through these stages, each in its own module: function calls and control flow v2 are written out
(`flatten`), the switches between training and inference are found and pinned (`find_switches`), conditionals are
decided (`decide`), dependencies on updates dropped (`drop_updates`), layers that only train rewritten (`rewrite`), the
result is validated (`validate`), and its variables are frozen (`freeze`).
"""

from tfbn.export.inference_graph import InferenceGraph, inference_graph
from tfbn.export.report import Report
from tfbn.export.saved_model import saved_model

__all__ = ["InferenceGraph", "Report", "inference_graph", "saved_model"]
