"""The layers of contrib and slim that call batch_norm, and what goes with them."""

from __future__ import annotations

from functools import partial

from tfbn.migrate.rule import Rule, rename

BEFORE = """\
from tensorflow.contrib import layers as tcl

def head(images):
    net = tcl.conv2d(images, 8, 3, normalizer_fn=tcl.batch_norm)
    net = tcl.flatten(net)
    return tcl.fully_connected(net, 10, weights_regularizer=tcl.l2_regularizer(1e-4))
"""

AFTER = """\
import tfbn

def head(images):
    net = tfbn.layers.conv2d(images, 8, 3, normalizer_fn=tfbn.batch_norm)
    net = tfbn.layers.flatten(net)
    return tfbn.layers.fully_connected(net, 10, weights_regularizer=tfbn.layers.l2_regularizer(1e-4))
"""

NAME = "contrib-layers"
RULE = Rule(
    name=NAME,
    summary="renames layers, regularizers, initializers and variable lists of contrib and slim to those of tfbn.layers",
    before=BEFORE,
    after=AFTER,
    check=partial(rename, rule=NAME),
)
