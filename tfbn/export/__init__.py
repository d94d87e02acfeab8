"""From the graph that a model was trained in to one for inference: `inference_graph` and `saved_model`."""

from tfbn.export.inference_graph import InferenceGraph, inference_graph
from tfbn.export.report import Report

__all__ = ["InferenceGraph", "Report", "inference_graph"]
