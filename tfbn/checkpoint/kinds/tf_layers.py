"""tf.layers: read as any checkpoint by name, written without what it does not have."""

from __future__ import annotations

from tfbn.checkpoint.tf1_names import TF1Names
from tfbn.graphdef.short_names import DEBIAS


class TFLayers(TF1Names):
    name = "tf.layers"
    default_scope = "batch_normalization"
    lacks = dict.fromkeys(DEBIAS, 'tf.layers has no zero debias; leave it out with zero_debias="drop"')
