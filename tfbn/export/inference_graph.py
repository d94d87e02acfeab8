"""`inference_graph`: a training graph without its training."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from tfbn.errors import Finding
from tfbn.export import keep, preserve_names, training_branches
from tfbn.export.decide import DecidedGraph, decide
from tfbn.export.drop_updates import drop_needless_controls, list_updates
from tfbn.export.find_switches import find_switches, pin
from tfbn.export.flatten import flatten
from tfbn.export.freeze import freeze
from tfbn.export.freeze import variables as variables_of
from tfbn.export.never_updated import find_never_updated
from tfbn.export.pipelines import PipelineInput, cut_pipelines
from tfbn.export.report import Report
from tfbn.export.rewrite import rewrite
from tfbn.export.source import Source, open_source
from tfbn.export.validate import validate
from tfbn.graphdef import recognize
from tfbn.graphdef.graph import Graph, without_colocation
from tfbn.graphdef.nodes import Tensor, split_tensor, tensor_name
from tfbn.graphdef.tensor_names import count_outputs
from tfbn.progress import Progress

_STEPS = 4  # of the progress bar: flattening, finding what trains, rewriting, freezing


class InferenceGraph(NamedTuple):
    graph_def: Any
    inputs: tuple[str, ...]  # tensors to feed
    outputs: tuple[str, ...]
    report: Report


class _Flat(NamedTuple):
    """A graph before any decision: without functions, and reduced to what its outputs and updates need."""

    graph: Graph
    outputs: list[Tensor]
    named: list[Tensor]  # whose names are kept, whatever happens to their ops
    inputs: list[Tensor] | None  # to feed, where the user names them
    is_training: tuple[str, ...] | None  # the ops to pin, where the user names them
    renamed: dict[str, str]  # what ops were called before a placeholder of the inputs took their name

    @property
    def roots(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self.outputs))


def inference_graph(
    source: Any,
    outputs: Any,
    *,
    inputs: Any = None,
    is_training: Any = None,
    variables: str = "freeze",
    checkpoint: str | os.PathLike[str] | None = None,
    keep_training: Iterable[str] = (),
) -> InferenceGraph:
    """Turns the graph that a model was trained in into a graph for inference.

    The switch between training and inference is pinned to False, and every conditional that it decides is removed, with
    its training branch. Layers built with is_training=True only are made to normalize by their moving statistics. These
    are known from the updates of their fused op, from the averages of what they normalize by, or because tfbn built the
    layer in this process and `source` is that Session or Graph. The outputs no longer wait for updates. Control flow v2
    and function calls are written out, and devices are left to TensorFlow. `source` does not change.

    Args:
      source: a Session; or, with a checkpoint, a Graph, GraphDef or MetaGraphDef, this TensorFlow's or one that 1.15
        wrote. A session's variables need values.
      outputs: tensors of the graph or their names, one or several. They keep their names.
      inputs: tensors to feed, or their names. A tensor that the graph computes becomes a placeholder of its name.
        Default: the placeholders that the outputs are computed from, and the tensors that an input pipeline yields.
      is_training: placeholders, variables or other tensors that are False in inference, or their names. Default: the
        placeholders and variables that take batch norm layers out of training when they are zero.
      variables: "freeze" turns them into constants, "keep" keeps them.
      checkpoint: path of a checkpoint that holds the variables by the names of their ops. Default: the
        session's values.
      keep_training: layers that still normalize by the batch, by their scopes, scopes around them, or names of their
        ops. If the mode is switched at run time, the layer's training branch is kept, while others infer.

    Returns:
      A tuple of the GraphDef, the names of its inputs and of its outputs, and a `Report` of what was pinned, rewritten,
      frozen and left out, with warnings, for example of layers whose statistics still have their initial values.

    Raises:
      TrainingModeError: a layer would still normalize by the batch, because its moving statistics are unknown or its
        is_training is not pinned; or a layer of keep_training cannot do so without other layers or other effects of
        training. Its `findings` name each.
      ValueError: names that the graph does not have, or one twice; a scope of keep_training that names no layer behind
        the outputs, or none that trains; outputs that are computed only in training, or from the result of an update;
        inputs that are not sufficient; an input pipeline in a branch or a loop; variables without values.

    Example:
      >>> import numpy as np, tensorflow.compat.v1 as tf1, tfbn
      >>> with tf1.Graph().as_default(), tf1.Session() as session:
      ...     images = tf1.placeholder(tf1.float32, [None, 8, 8, 3], name="images")
      ...     is_training = tf1.placeholder(tf1.bool, [], name="is_training")
      ...     outputs = tfbn.batch_norm(images, is_training=is_training, updates_collections=None, scope="n")
      ...     session.run(tf1.global_variables_initializer())
      ...     _ = session.run(outputs, {images: np.random.rand(2, 8, 8, 3), is_training: True})
      ...     exported = tfbn.export.inference_graph(session, outputs)
      >>> sorted({node.op for node in exported.graph_def.node})
      ['Const', 'FusedBatchNormV3', 'Identity', 'Placeholder']
      >>> print(exported.report)
      inputs: images:0
      outputs: n/cond_1/Identity:0
      normalize by their moving statistics: n
      pinned to False: is_training
      updates left out (2): n/update/AssignMovingAvg/AssignSubVariableOp, n/update/AssignMovingAvg_1/AssignSubVariableOp
      variables frozen (3): n/beta, n/moving_mean, n/moving_variance
    """
    opened = open_source(source, checkpoint)
    if variables not in ("freeze", "keep"):
        raise ValueError(f'expected `variables` to be "freeze" or "keep", got {variables!r}.')
    with Progress("Exporting", _STEPS, "steps") as bar:
        flat = _flatten(opened, outputs, inputs, is_training)
        bar.update()
        return _infer(opened, flat, variables == "freeze", keep_training, bar)


def _infer(source: Source, flat: _Flat, frozen: bool, keep_training: Iterable[str], bar: Progress) -> InferenceGraph:
    """The rest of the graph with its training switches False."""
    kept = keep.find(keep_training, flat.graph, flat.roots, (node.name for node in source.graph_def.node))
    decide_pinned = functools.cache(lambda names: decide(pin(flat.graph, names), flat.roots, flat.named))
    pinned = find_switches(flat.graph, decide_pinned) if flat.is_training is None else flat.is_training
    decided = _with_outputs(decide_pinned(pinned))
    bar.update()
    kept_ops: set[str] = set()
    refused: list[Finding] = []
    if kept is not None:
        decided, kept_ops, refused = _keep(flat, kept, pinned, decided)
    graph, rewritten = rewrite(decided, flat.roots, source.calls, kept_ops)
    graph, pipeline = cut_pipelines(graph, flat.outputs, flat.renamed, source.graph)
    graph = drop_needless_controls(graph, flat.roots)
    report = Report(
        pipeline=pipeline,
        outputs=tuple(map(tensor_name, flat.outputs)),
        pinned=pinned,
        rewritten=rewritten,
        updates=tuple(list_updates(flat.graph, flat.roots)),
    )
    recognized = recognize.recognize(graph)
    report = validate(graph, recognized, decided.recognized, report, kept_ops, refused)
    report = report._replace(inputs=_inputs(graph, flat.inputs, pipeline))
    bar.update()
    exported = _finish(source, graph, recognized, frozen, report)
    bar.update()
    return exported


def _flatten(source: Source, outputs: Any, inputs: Any, is_training: Any) -> _Flat:
    graph = Graph.from_graph_def(source.graph_def)
    output_tensors = preserve_names.find_tensors(outputs, "outputs", graph)
    fed = [] if inputs is None else preserve_names.find_tensors(inputs, "inputs", graph)
    flags = [] if is_training is None else preserve_names.find_tensors(is_training, "is_training", graph)
    # If an op has several outputs, those that are not pinned stay unchanged.
    several = [tensor for tensor in flags if count_outputs(graph[tensor[0]], graph.library) != 1]
    placed, renamed = preserve_names.cut_inputs(graph, list(dict.fromkeys([*fed, *several])))
    recognized = recognize.recognize(source.graph_def)
    # Ops are assigned to layers by the layers' variables and updates, which the outputs may not need.
    identifying = {node.name for node in recognized.statistics}
    identifying.update(update.node.name for layer in recognized.layers.values() for update in layer.updates)
    identifying.update(update.name for each in recognized.unexplained for update in each.updates)
    reached = graph.pruned([*(name for name, _ in output_tensors), *(name for name in graph if name in identifying)])
    # Layers that this process has built are identified by their inputs' names.
    named = [*output_tensors, *(split_tensor(call.inputs.name) for call in source.calls)]
    flat = flatten(reached, named)
    switches = [placed.get(tensor, tensor)[0] for tensor in flags]
    return _Flat(
        flat,
        output_tensors,
        named,
        None if inputs is None else [placed[tensor] for tensor in fed],
        None if is_training is None else tuple(name for name in switches if name in flat),
        renamed,
    )


def _with_outputs(decided: DecidedGraph) -> DecidedGraph:
    for name in decided.absent:
        raise ValueError(f"expected outputs that exist in inference, got {name}, which is computed in training alone.")
    return decided


def _keep(
    flat: _Flat, kept: keep.KeptLayers, pinned: tuple[str, ...], decided: DecidedGraph
) -> tuple[DecidedGraph, set[str], list[Finding]]:
    """The graph in which kept layers normalize by the batch, the ops that do, and the layers that cannot."""
    conditionals = training_branches.Conditionals(kept)
    before = decided
    if missing := training_branches.find_undecided(kept, decided):
        graph = training_branches.choose_training(pin(flat.graph, pinned), conditionals.decisions(missing), pinned)
        decided = _with_outputs(decide(graph, flat.roots, flat.named))
    refused = training_branches.find_refusals(conditionals, before, decided)
    refused += training_branches.find_arithmetic(kept, decided, pinned)
    return decided, kept.ops - training_branches.find_run_decided(conditionals, decided), refused


def _inputs(graph: Graph, fed: list[Tensor] | None, pipeline: tuple[PipelineInput, ...]) -> tuple[str, ...]:
    cut = {pipeline_input.tensor: pipeline_input.cut for pipeline_input in pipeline}
    placeholders = [name for name, node in graph.items() if node.op in ("Placeholder", "PlaceholderV2")]
    others = [name for name in placeholders if tensor_name((name, 0)) not in cut]
    if fed is None:
        return (*(tensor_name((name, 0)) for name in others), *cut)
    rest = [*(name for name in others if (name, 0) not in fed), *cut.values()]
    unused = [name for name, _ in fed if name not in graph]
    if rest:
        raise ValueError(
            f"expected `inputs` to cover everything that the outputs are computed from, got none for {rest}. Add them, "
            "or pin what only says whether the graph trains: is_training=[...]."
        )
    if unused:
        raise ValueError(
            f"expected `inputs` that the outputs are computed from, got {unused}, which the outputs do not depend on."
        )
    return tuple(map(tensor_name, fed))


def _finish(
    source: Source, graph: Graph, recognized: recognize.Recognized, frozen: bool, report: Report
) -> InferenceGraph:
    names = variables_of(graph)
    if frozen:
        values = source.values(source.graph_def, names)
        freeze(graph, values)
        never_updated = find_never_updated(graph, recognized, values, source.graph_def)
        report = report._replace(frozen=tuple(names), never_updated=tuple(never_updated))
    else:
        report = report._replace(kept=tuple(names))
    graph_def = without_colocation(graph.to_graph_def())
    for node in graph_def.node:
        # An importer need not know the gradients that the model was trained by.
        node.attr.pop("_gradient_op_type", None)
    graph.to_tensorflow()  # fail here if TensorFlow refuses the graph, and not where it is used
    return InferenceGraph(graph_def, report.inputs, report.outputs, report)
