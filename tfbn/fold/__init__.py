"""Batch norm folded into the weights of convolutions and dense layers: of arrays, and of frozen graphs."""

from tfbn.fold.arrays import FoldedArrays, fold_arrays

__all__ = ["FoldedArrays", "fold_arrays"]
