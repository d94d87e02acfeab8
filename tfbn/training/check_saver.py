"""`check_saver`: does a Saver keep everything that inference and further training need?"""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf

from tfbn.errors import Finding, StatisticsNotSavedError
from tfbn.graphdef import recognize, short_names
from tfbn.graphdef.collector import collector_paused
from tfbn.graphdef.dataflow import data, names_of
from tfbn.graphdef.nodes import split_tensor
from tfbn.graphdef.op_types import VARIABLES
from tfbn.lines import shorten
from tfbn.training import advice
from tfbn.training.requests import check_restoring

_WRITING = ("SaveV2", "Save", "SaveSlices")


@collector_paused
def check_saver(
    saver: Any,
    graph: tf.Graph | None = None,
    raise_on_error: bool = True,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
) -> list[Finding]:
    """Checks that a Saver saves the moving statistics of every layer, and those of renorm and zero debias.

    It follows what the Saver's save op reads, so the names in the checkpoint do not matter. Layers are found as by
    `list_layers`.

    Each layer that lacks something is a finding of the kind 'not saved': an error where moving_mean or moving_variance
    is missing, which inference needs; a warning where only variables of renorm or zero debias are, which further
    training needs. Averages of batch statistics in an unknown form give a warning too.

    With a checkpoint it also reports, before anything is restored, why restoring would fail: each variable that the
    Saver asks for, and that the checkpoint lacks or has in another shape or dtype, is an error of the kind 'not in the
    checkpoint', with the nearest name in the checkpoint. The warning 'not compared' means that the names are not
    constants of the graph, or belong to ops from before TensorFlow 1, so that nothing could be compared.

    Args:
      saver: a tf.compat.v1.train.Saver, with any var_list, in whose graph the layers are; or its SaverDef.
      graph: the graph. Default: the default graph.
      raise_on_error: whether to raise where a finding is an error; False returns it among the others.
      checkpoint: keyword only. The path of a checkpoint that the Saver is to restore, as for `tfbn.checkpoint.open`.
        Default None.

    Returns:
      A list of findings, as `check_updates` returns them.

    Raises:
      StatisticsNotSavedError: a finding is an error; its attribute `findings` has the list.
      ValueError: a Saver that has no ops in the graph yet, or is of another graph; a damaged checkpoint.
      FileNotFoundError: there is no such checkpoint.

    Example:
      >>> import tensorflow.compat.v1 as tf1, tfbn
      >>> with tf1.Graph().as_default():
      ...     _ = tfbn.batch_norm(tf1.placeholder(tf1.float32, [None, 3]), scope="bn")
      ...     (finding,) = tfbn.check_saver(tf1.train.Saver(tf1.trainable_variables()), raise_on_error=False)
      ...     print(finding.problem)
      ...     print(tfbn.check_saver(tf1.train.Saver()))
      the Saver leaves out bn/moving_mean, bn/moving_variance.
      []
    """
    graph = graph or tf.compat.v1.get_default_graph()
    recognized = recognize.recognize(graph.as_graph_def())
    save_op = _save_op(saver)
    start = recognized.dataflow.nodes.get(save_op)
    if start is None:
        raise ValueError(
            f"saver: expected a Saver with ops in this graph, got a {type(saver).__name__} whose save op "
            f"{f'{shorten(save_op)!r} is not in it' if save_op else 'has no name'}. Call its build() if it was made "
            "with defer_build=True, or give the graph it was made in; write a MetaGraph anew, with the Saver's "
            "export_meta_graph."
        )
    writing = [node for node in recognized.dataflow.reach([start]) if node.type in _WRITING]
    saved = recognized.dataflow.reach(writing, data)
    findings = []
    for layer in recognized.layers.values():
        left = {
            node.name: name in short_names.STATISTICS
            for name, nodes in layer.variables.items()
            if name not in short_names.AFFINE
            for node in nodes
            if node.type in VARIABLES and node not in saved
        }
        if left:
            severity = "error" if any(left.values()) else "warning"
            problem = f"the Saver leaves out {', '.join(left)}."
            findings.append(Finding("not saved", severity, layer.scope, problem, advice.NOT_SAVED))
    for each in recognized.unexplained:
        if missing := each.variables - saved - recognized.statistics:
            problem = f"the Saver leaves out {names_of(missing)}, which average statistics of a batch."
            findings.append(Finding("not saved", "warning", each.node.name, problem, advice.NOT_SAVED))
    if checkpoint is not None:
        findings += check_restoring(recognized.dataflow, _definition(saver).restore_op_name, checkpoint)
    if raise_on_error and any(finding.severity == "error" for finding in findings):
        raise StatisticsNotSavedError(findings)
    return findings


def _definition(saver: Any) -> Any:
    return saver.as_saver_def() if hasattr(saver, "as_saver_def") else saver


def _save_op(saver: Any) -> str:
    name = getattr(_definition(saver), "save_tensor_name", "") or ""
    return split_tensor(str(name))[0]
