"""The kinds of graph a layer is built in, switchable within one process."""

from __future__ import annotations

import contextlib

import tensorflow as tf

tf1 = tf.compat.v1


@contextlib.contextmanager
def graph(resource=True, control_flow_v2=False):
    """A fresh default graph with ref or resource variables and control flow v1 or v2."""
    before = tf1.resource_variables_enabled(), tf1.control_flow_v2_enabled()
    switch(resource, control_flow_v2)
    try:
        with tf.Graph().as_default() as opened:
            yield opened
    finally:
        switch(*before)


def switch(resource, control_flow_v2):
    (tf1.enable_resource_variables if resource else tf1.disable_resource_variables)()
    (tf1.enable_control_flow_v2 if control_flow_v2 else tf1.disable_control_flow_v2)()


REGIMES = [(False, False), (False, True), (True, False), (True, True)]
NAMES = ["ref-v1", "ref-v2", "resource-v1", "resource-v2"]


@contextlib.contextmanager
def session():
    """A session over the default graph with its variables initialized."""
    with tf1.Session() as opened:
        opened.run(tf1.global_variables_initializer())
        yield opened


def values(opened):
    """Every global variable's value by name."""
    return {v.op.name: value for v, value in zip(tf1.global_variables(), opened.run(tf1.global_variables()))}
