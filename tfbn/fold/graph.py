"""`fold_graph`: the batch norms of a frozen graph folded into its linear layers, and the outcome verified."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tfbn.errors import Finding
from tfbn.fold.frozen import Frozen
from tfbn.fold.rewrite import rewrite
from tfbn.fold.survey import Survey, survey
from tfbn.fold.verify import Feed, random_inputs, worst_difference
from tfbn.graphdef.dataflow import Node

_REMEDY = "The folded graph computes it as before, which --fail-on never accepts."
_REMEDY_LOWER = (
    "Make a multiplication and an addition of it, with lower=True or --lower, or accept it with --fail-on never."
)
_REMEDY_UNRECOGNIZED = (
    "The folded graph computes it as before. If it is a batch norm, fold its arrays with tfbn.fold.fold_arrays; if it "
    "is none, nothing has to be done."
)


class Fold(NamedTuple):
    """A batch norm that is now part of a linear layer, or of several."""

    batch_norm: str  # the op that multiplied
    layer: str  # the op that it was folded into, or several, separated by commas
    type: str  # of that op


class FoldedGraph(NamedTuple):
    """The results of `fold_graph`; `print` shows them."""

    graph_def: Any
    folded: list[Fold]
    left: list[Finding]  # errors: batch norms that stay; warnings: ops that look like one
    # The largest difference of an output's elements, as a share of the output's largest; None if nothing was compared.
    difference: float | None
    output: str  # the output with that difference; '' if there was nothing to compare
    lowered: tuple[str, ...] = ()  # batch norms that are now a multiplication and an addition, by their ops

    @property
    def batch_norms(self) -> int:
        """How many batch norms the graph had, without ops that only look like one."""
        return len(self.folded) + len(self.lowered) + len(self._staying)

    @property
    def _staying(self) -> list[Finding]:
        return [finding for finding in self.left if finding.severity == "error"]

    def __str__(self) -> str:
        lowered = f" Lowered: {len(self.lowered)}." if self.lowered else ""
        lines = [f"Folded: {len(self.folded)}.{lowered} Left as they are: {len(self._staying)}."]
        if not self.batch_norms:
            lines = ["0 batch norm layers found."]
        lines += [f"  {each.batch_norm} into {each.layer} ({each.type})" for each in self.folded]
        lines += [f"  {name} lowered to a multiplication and an addition" for name in self.lowered]
        lines += [f"  {finding.where} stays: {finding.problem}." for finding in self._staying]
        lines += [
            f"  {finding.where} was not recognized, and may be one: {finding.problem}."
            for finding in self.left
            if finding.severity == "warning"
        ]
        if self.difference is None:
            lines.append("Outputs were not compared.")
        elif self.output:
            lines.append(f"Outputs agree to {self.difference:.1e} of the largest ({self.output}).")
        return "\n".join(lines)


def fold_graph(
    graph_def: Any,
    outputs: Sequence[str] | None = None,
    *,
    inputs: Mapping[str, Any] | Iterable[Mapping[str, Any]] | None = None,
    tolerance: float = 1e-5,
    verify: bool = True,
    lower: bool = False,
) -> FoldedGraph:
    """Folds the batch norms of a frozen inference graph into the weights of the linear layers in front of them.

    The layers are Conv2D, Conv3D, DepthwiseConv2dNative, Conv2DBackpropInput, Conv3DBackpropInputV2 and MatMul, in
    either layout, with a kernel that is a constant. A batch norm is FusedBatchNorm, V2 or V3 in inference,
    BatchNormWithGlobalNormalization, or the ops that it is composed of: every multiplication by a constant for each
    channel, with the additions around it. Between the two there may be biases, reshapes, casts, averages over
    positions, maxima if the factors are positive, padding that copies values, or zeros if there is no offset, the
    BatchToSpaceND of a dilated convolution, DepthToSpace, a split, and a concatenation of layers. The layer gets a new
    kernel, and a BiasAdd replaces the batch norm's last op and takes its name. Ops that depend only on the shape of the
    layer's outputs do not count as a use; any other second use keeps the batch norm as it is.

    A batch norm with no such layer before it is folded into the layers after it, if nothing else uses it and they do
    not pad: into dense layers, and convolutions with padding VALID or a kernel of one position.

    A batch norm is recognized by what it computes, in any formula: subtract a mean per channel and divide by the root
    of a variance per channel, whether constants, fed or of the batch, also in functions, branches and loops. Those that
    are not folded are listed as left, each with the reason. Ops that scale by such a root without being recognized may
    be one, and are listed as a warning.

    Both graphs are then run on the same inputs and their floating outputs compared, or, if no output is floating, those
    of the batch norms.

    Args:
      graph_def: frozen GraphDef, of tfbn.export, of TensorFlow 1's convert_variables_to_constants or of TensorFlow 2's
        convert_variables_to_constants_v2. It is not changed.
      outputs: names of the tensors or ops that the graph is used for. If something is folded, ops that these do not
        need are left out, except placeholders. Default: the outputs that no op uses; then only folded ops are left out.
      inputs: dict from a placeholder's name to an array, or several such dicts, to verify with. Default: random numbers
        around 0.5, with 4 for an open first size and 32 for any other.
      tolerance: by how much an output's elements may differ, as a share of its largest. Default 1e-5, for float32;
        half precisions need 1e-2.
      verify: whether to run both graphs and compare. Default True. Graphs are programs: one whose ops access files, the
        network, other processes or Python is refused, and is folded only with False.
      lower: whether what cannot be folded becomes one multiplication and one addition, for runtimes without the op.
        Both are by constants of the data's dtype; the addition takes the place, and the name, of the batch norm's last
        op. Default False. A batch norm without constants stays, and so does one in a function, a branch or a loop.

    Returns:
      A FoldedGraph: graph_def; folded, a list of which batch norm went into which layer; left, a list of findings about
        those that stay; difference, the largest one and its output, or None if nothing was compared; lowered, the names
        of those that became a multiplication and an addition. `print` shows all of this.

    Raises:
      ValueError: a graph with variables; outputs that it does not have, or one twice; inputs that it does not run on,
        or none where random ones are impossible; ops that do more than compute; outputs that differ by more than the
        tolerance.

    Example:
      >>> import numpy as np, tensorflow.compat.v1 as tf1, tfbn
      >>> with tf1.Graph().as_default() as graph:
      ...     images = tf1.placeholder(tf1.float32, [None, 8, 8, 3], name="images")
      ...     net = tf1.nn.conv2d(images, tf1.ones([3, 3, 3, 4]), 1, "SAME", name="conv")
      ...     net = tf1.nn.batch_normalization(net, np.ones(4, "f"), np.ones(4, "f"), None, np.ones(4, "f"), 0.001)
      ...     net = tf1.nn.relu(net, name="outputs")
      >>> folded = tfbn.fold.fold_graph(graph.as_graph_def(), ["outputs"])
      >>> print([node.op for node in folded.graph_def.node], folded.difference < 1e-5)
      ['Placeholder', 'Conv2D', 'BiasAdd', 'Relu', 'Const', 'Const'] True

    References:
      Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference,
      arXiv:1712.05877, section 3.2.
    """
    if isinstance(outputs, str):
        outputs = [outputs]
    if not tolerance >= 0:
        raise ValueError(f"tolerance: expected a number of at least 0, got {tolerance!r}.")
    frozen = Frozen(graph_def, outputs)
    feeds = None if inputs is None else _feeds(frozen, inputs)
    plan = survey(frozen, lower)
    folded = [
        *(_record(norm, chain.layers) for chain in plan.chains for norm in chain.batch_norms),
        *(_record(norm, absorbed.layers) for norm, absorbed in plan.absorbed.items()),
    ]
    if not folded and not plan.lowered:
        return FoldedGraph(graph_def, folded, _findings(plan), 0.0, "")
    # A run may have several batch norms.
    runs = list({run.nodes[-1]: run for run in plan.lowered.values()}.values())
    absorbed_runs = {absorbed.run.nodes[-1]: absorbed.run for absorbed in plan.absorbed.values()}
    rewritten = rewrite(graph_def, frozen, plan.chains, absorbed_runs.values(), runs)
    remaining = {node.name for node in rewritten.node}
    lowered = tuple(norm.name for norm, run in plan.lowered.items() if run.nodes[-1].name in remaining)
    left = _findings(plan, lambda norm: frozen.remains_in(norm, remaining))
    if not verify:
        return FoldedGraph(rewritten, folded, left, None, "", lowered)
    feeds = [random_inputs(frozen.placeholders)] if feeds is None else feeds
    compared = [tensor for tensor in frozen.outputs if frozen.dtype(tensor).is_floating]
    if not compared:
        ends = [chain.steps[-1].node for chain in plan.chains if chain.steps] + [run.nodes[-1] for run in runs]
        for absorbed in plan.absorbed.values():  # behind the layers that have a new bias
            ends += [user for layer in absorbed.layers for user in frozen.users((layer, 0))]
        compared = [(node, 0) for node in ends if node.name in remaining]
    names = [f"{node.name}:{index}" for node, index in compared]
    worst, output = worst_difference(graph_def, rewritten, names, feeds)
    if worst > tolerance:
        changed = [*(fold.batch_norm for fold in folded), *lowered]
        raise ValueError(
            f"tolerance: expected outputs that agree to {tolerance:g} of the largest, got a difference of {worst:.1e} "
            f"in {output} after folding {', '.join(changed)}. Where channels have variances near 0, or means far "
            "larger than their standard deviations, both graphs have rounding errors of this size: compare their "
            "accuracy, and then pass a larger tolerance."
        )
    return FoldedGraph(rewritten, folded, left, worst, output, lowered)


def _record(norm: Node, layers: Sequence[Node]) -> Fold:
    types = dict.fromkeys(layer.type for layer in layers)
    return Fold(norm.name, ", ".join(layer.name for layer in layers), ", ".join(types))


def _findings(plan: Survey, remains: Callable[[Node], bool] = lambda norm: True) -> list[Finding]:
    staying = [
        Finding("not folded", "error", norm.name, reason, _REMEDY_LOWER if norm in plan.lowerable else _REMEDY)
        for norm, reason in plan.reasons.items()
        if remains(norm)
    ]
    return staying + [
        Finding("unrecognized", "warning", node.name, reason, _REMEDY_UNRECOGNIZED)
        for node, reason in plan.unrecognized.items()
        if remains(node)
    ]


def _feeds(frozen: Frozen, inputs: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> list[Feed]:
    several = [inputs] if isinstance(inputs, Mapping) else list(inputs)
    if not several:
        raise ValueError("inputs: expected a dict from names to arrays, or several, got an empty list.")
    return [frozen.feed(each) for each in several]
