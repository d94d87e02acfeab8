"""Batch norm folded into the weights of convolutions and dense layers: of arrays, and of frozen graphs."""

from tfbn.fold.arrays import FoldedArrays, fold_arrays
from tfbn.fold.graph import Fold, FoldedGraph, fold_graph

__all__ = ["Fold", "FoldedArrays", "FoldedGraph", "fold_arrays", "fold_graph"]
