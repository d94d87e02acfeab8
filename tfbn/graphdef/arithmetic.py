"""Batch norm by its arithmetic: x is scaled by the inverse of a standard deviation per channel, minus the scaled mean.

`find_forms` starts at the few ops that compute a standard deviation and uses no names. Layer norm, instance norm and
group norm reduce each sample, weight norm reduces variables, and Adam subtracts no mean: none of them is a form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.graphdef.dataflow import ASSIGNMENTS, Node, Tensor, controls_of, is_assignment, origin_of, source_of
from tfbn.graphdef.dataflow import PASSING as PASSING
from tfbn.graphdef.dataflow import VARIABLES as VARIABLES

FUSED = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "_FusedBatchNormEx")
GLOBAL = "BatchNormWithGlobalNormalization"
_ROOTS = ("Rsqrt", "Sqrt", "Pow")
SELECTS = ("Select", "SelectV2")
_REDUCTIONS = ("Mean", "Sum")
RESHAPES = (
    *("Reshape", "Squeeze", "ExpandDims", "Transpose", "BroadcastTo", "Tile"),
    *("Cast", "Snapshot", "StopGradient", "PreventGradient", "CheckNumerics"),
)
QUOTIENTS = ("RealDiv", "Div", "DivNoNan")
_SUMS = ("Add", "AddV2", "Sub")
ARITHMETIC = (
    *QUOTIENTS,
    *_SUMS,
    *_ROOTS,
    "AddN",
    "FloorDiv",
    "Mul",
    "MulNoNan",
    "Neg",
    "Square",
    "SquaredDifference",
    "Maximum",
    "Minimum",
    "NotEqual",
    "Reciprocal",
    "Inv",
)
# Elementwise, of one value: schedules of a momentum, positive parametrizations of gamma.
FUNCTIONS = ("Abs", "Exp", "Log", "Log1p", "Expm1", "Sigmoid", "Tanh", "Softplus", "Relu", "Floor", "Ceil", "Round")
COUNTS = ("Const", "Shape", "ShapeN", "Size", "Prod", "Rank", "Range", "OnesLike", "ZerosLike")
_PLACEHOLDERS = ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault")
MAX_OPS = 120  # from a standard deviation to the variables or reductions behind it, which are about 30 ops away


class Statistic(NamedTuple):
    """The sources of a value per channel."""

    variables: frozenset[Node]
    batch: frozenset[Tensor]  # reductions over the batch
    chosen: bool  # between the two, by a predicate that each run evaluates
    vectors: frozenset[Node] = frozenset()  # constant or fed, in place of variables, as in frozen graphs

    @property
    def is_uniform(self) -> bool:
        """Whether it is one number for all channels, such as epsilon."""
        return not self.variables and not self.batch and not self.vectors


class Form(NamedTuple):
    """One normalization: y = (x - mean) / sqrt(variance), scaled and shifted, in any order."""

    node: Node  # the op that takes the root of the variance, or the fused op
    scaling: Node  # the op that scales the data by it, or the fused op
    mean: Statistic
    variance: Statistic
    gamma: Node | None
    beta: Node | None
    subtracted: Tensor | None = None  # the mean, or the tensor whose negative it is; None for a fused op in training

    @property
    def tensors(self) -> tuple[Tensor, Tensor]:
        """The mean, or the tensor whose negative it is, and the variance with epsilon."""
        if self.subtracted is None:
            return (self.node, 1), (self.node, 2)
        place = 2 if self.node.type == GLOBAL else 4 if self.node.type in FUSED else 0
        return self.subtracted, self.node.inputs[place]

    @property
    def sources(self) -> set[Node]:
        """The reductions of the batch that both statistics are computed from."""
        return {node for node, _ in (*self.mean.batch, *self.variance.batch)}

    @property
    def is_fixed(self) -> bool:
        """Whether neither statistic is of a variable or the batch, as in frozen graphs."""
        return _are_fixed(self.mean, self.variance)


def find_forms(nodes: list[Node], consumers: dict[Node, list[Node]]) -> Iterator[Form]:
    for node in nodes:
        form = None
        if node.type in FUSED:
            form = _fused_form(node)
        elif node.type == GLOBAL:
            form = _inference_form(node, node.inputs[1], node.inputs[2], node.inputs[4], node.inputs[3])
        elif node.type in _ROOTS:
            form = _composed_form(node, consumers)
        if form is not None and not form.variance.is_uniform and not form.mean.is_uniform:
            yield form


def reduces_to_statistic(node: Node, index: int) -> bool:
    """Whether an output is a statistic per channel that is taken over the batch."""
    return index > 0 if node.type in FUSED else node.type in _REDUCTIONS and reduces_batch(node)


def statistic(
    tensor: Tensor, is_assigned: bool = False, is_source: Callable[[Node, int], bool] = reduces_to_statistic
) -> Statistic | None:
    """The sources of a value per channel; None for any other value, such as one computed from an input.

    Args:
      tensor: the value.
      is_assigned: whether a variable is assigned the value. A read after an assignment then gives the assigned value,
        and gathered rows are those of the variable.
      is_source: whether an output of an op is a statistic of the batch.
    """
    variables: set[Node] = set()
    batch: set[Tensor] = set()
    vectors: set[Node] = set()
    chosen = False
    seen, waiting = {tensor}, [tensor]
    while waiting:
        node, index = waiting.pop()
        following: list[Tensor]
        if node.type in (*VARIABLES, *_PLACEHOLDERS) and is_flag(node):
            chosen = True  # by factors of 0 and 1
            continue
        if node.type in VARIABLES:
            variables.add(node)
            continue
        if _is_vector(node):
            vectors.add(node)
            continue
        if node.type in COUNTS or is_number(node):
            continue
        if is_source(node, index):
            batch.add((node, index - 2 if index > 2 else index))
            continue
        if node.bodies and "While" not in node.type:
            chosen = True
            following = [body.results[index] for body in node.bodies if index < len(body.results)]
        elif node.type in SELECTS:
            chosen = chosen or _is_decided_by_run(node.inputs[0])
            following = node.inputs[1:]
        elif is_assigned and (before := assignments_before(node)):
            following = [value for update in before for value in next_value(update)]
        elif node.type in (*PASSING, *RESHAPES, "ReadVariableOp", *ASSIGNMENTS):
            chosen = chosen or node.type == "Merge"
            following = node.inputs if node.type in ("Merge", "RefMerge") else node.inputs[:1]
        elif node.type == "_Arg":
            following = node.inputs[:1]
        elif node.type in (*ARITHMETIC, *FUNCTIONS, "Pack"):
            following = node.inputs
        elif node.type in ("Split", "Fill"):
            following = node.inputs[1:]
        elif node.type in ("StridedSlice", *_REDUCTIONS):  # a sum over other axes, before or after the batch's
            following = node.inputs[:1]
        elif node.type == "ConcatV2":  # of the parts of a partitioned variable
            following = node.inputs[:-1]
        elif node.type in ("GatherV2", "ResourceGather") and (is_assigned or constant_of(node.inputs[1]) is not None):
            following = node.inputs[:1]  # of sizes or channels, not of an embedding
        else:
            return None
        for source in following:
            if source not in seen:
                seen.add(source)
                waiting.append(source)
        if len(seen) > MAX_OPS:
            return None
    return Statistic(frozenset(variables), frozenset(batch), chosen, frozenset(vectors))


def assignments_before(node: Node) -> list[Node]:
    """The assignments whose result is read: the node itself, by reference, or those that a variable's read waits for.

    A read may also wait for assignments of other variables, one by one or in a group.
    """
    if node.type in ASSIGNMENTS:
        return [node]
    if node.type != "ReadVariableOp":
        return []
    variable, waiting = source_of(node.inputs[0]), controls_of(node)
    for control in waiting:  # grows on the way
        if control.type == "NoOp" and len(waiting) <= MAX_OPS:
            waiting += [waited_for for waited_for in controls_of(control) if waited_for not in waiting]
    return [control for control in waiting if is_assignment(control) and source_of(control.inputs[0]) is variable]


def next_value(assignment: Node) -> list[Tensor]:
    """The tensors that give the next value of an assignment: another value alone, or the variable and a change."""
    return assignment.inputs[1:2] if assignment.type in ("Assign", "AssignVariableOp") else assignment.inputs[:2]


def is_number(node: Node) -> bool:
    """Whether a single number is fed there, such as a momentum."""
    return node.type in _PLACEHOLDERS and has_no_axes(node)


def is_flag(node: Node) -> bool:
    """Whether a variable or a placeholder is a single boolean."""
    return node.attr["dtype"].type == tf.bool.as_datatype_enum and has_no_axes(node)


def has_no_axes(node: Node) -> bool:
    """Whether a variable or a placeholder is known to be a single value."""
    shape = node.attr["shape"].shape if "shape" in node.attr else None
    return shape is not None and not shape.unknown_rank and not shape.dim


def _is_vector(node: Node) -> bool:
    """Whether it is a floating constant with axes, or a vector that can be fed in its place."""
    if node.type == "Const":
        tensor = node.attr["value"].tensor
        return bool(tensor.tensor_shape.dim) and tf.as_dtype(tensor.dtype).is_floating
    return node.type == "PlaceholderWithDefault" and len(node.attr["shape"].shape.dim) == 1


def is_reduction(node: Node) -> bool:
    """Whether an op may be one that statistics of a batch come from, or that counts samples."""
    return node.type in (*_REDUCTIONS, *FUSED, *COUNTS)


def reduces_batch(node: Node) -> bool:
    """Whether a reduction is over the first axis, and over data: values of variables alone are weights."""
    if len(node.inputs) < 2:
        return False
    axes = constant_of(node.inputs[1])
    if axes is not None:
        over = [int(axis) for axis in axes.ravel()]
        # Counted from the end, the first of four axes is -4; a layer norm also reduces the last one.
        if 0 not in over and not (over and -1 not in over and min(over) <= -4):
            return False
    value = node.inputs[0]
    for _ in range(4):  # the square, or the difference to the mean, that is reduced
        if value[0].type not in ("Square", "SquaredDifference", "Sub", "Mul", "Pow", "Cast", "Identity"):
            break
        value = value[0].inputs[0]
    return value[0].type not in (*VARIABLES, "Const", "ReadVariableOp")


def normalizes_samples(node: Node) -> bool:
    """Whether a fused op scales by one value for each sample, as in layer and instance norms that use it."""
    source, _ = origin_of(node.inputs[1])
    if source.type != "Fill" or constant_of(source.inputs[0]) is not None:
        return False
    waiting = [source.inputs[0][0]]
    for ancestor in waiting:  # grows on the way
        if ancestor.type == "StridedSlice" and ancestor.inputs[0][0].type == "Shape":
            first = constant_of(ancestor.inputs[1])
            if first is not None and first.tolist() == [0]:
                return True
        elif ancestor.type in (*PASSING, *RESHAPES, *ARITHMETIC, "Pack", "ConcatV2", "Prod") and len(waiting) < MAX_OPS:
            waiting += [before for before, _ in ancestor.inputs]
    return False


def constant_of(tensor: Tensor) -> Any:
    node, _ = origin_of(tensor)
    return tf.make_ndarray(node.attr["value"].tensor) if node.type == "Const" else None


def _is_decided_by_run(tensor: Tensor) -> bool:
    """Whether a flag decides, rather than the number of samples in the batch."""
    node, _ = tensor
    for _ in range(12):
        if node.type in (*VARIABLES, "Placeholder", "PlaceholderWithDefault", "_Arg"):
            return True
        if node.type not in (*PASSING, *RESHAPES, "ReadVariableOp", "LogicalNot", "Fill", "Equal", "NotEqual"):
            return False
        inputs = [source for source in node.inputs if source[0].type not in COUNTS]
        if not inputs:
            return False
        node = inputs[-1 if node.type == "Fill" else 0][0]
    return False


def _fused_form(node: Node) -> Form | None:
    if "is_training" not in node.attr or node.attr["is_training"].b:
        mean, variance = (Statistic(frozenset(), frozenset([(node, index)]), False) for index in (1, 2))
        return Form(node, node, mean, variance, _variable(node.inputs[1]), _variable(node.inputs[2]))
    if len(node.inputs) < 5:
        return None
    return _inference_form(node, node.inputs[3], node.inputs[4], node.inputs[1], node.inputs[2])


def _inference_form(node: Node, mean: Tensor, variance: Tensor, gamma: Tensor, beta: Tensor) -> Form | None:
    mean_source, variance_source = statistic(mean), statistic(variance)
    if mean_source is None or variance_source is None:
        return None
    fixed = _are_fixed(mean_source, variance_source)
    return Form(node, node, mean_source, variance_source, _variable(gamma, fixed), _variable(beta, fixed), mean)


def _are_fixed(mean: Statistic, variance: Statistic) -> bool:
    return not any(source.variables or source.batch for source in (mean, variance))


def _variable(tensor: Tensor, fixed: bool = False) -> Node | None:
    """The only variable that a value per channel is read from; with `fixed`, as in frozen graphs, the only vector."""
    known = statistic(tensor)
    nodes = (known.vectors if fixed else known.variables) if known is not None and not known.batch else ()
    return next(iter(nodes)) if len(nodes) == 1 else None


class _Walk:
    """Forwards from a root to where it scales the data, and to the offset that contains the scaled mean."""

    def __init__(self) -> None:
        self.applied: list[tuple[Node, Tensor, tuple[Tensor, ...]]] = []  # where, what is scaled, by which factors
        self.offsets: list[tuple[Tensor, ...]] = []  # the factors of what is subtracted
        self.shifts: list[Tensor] = []


def _composed_form(root: Node, consumers: dict[Node, list[Node]]) -> Form | None:
    if root.type == "Pow":
        exponent = constant_of(root.inputs[1])
        if exponent is None or exponent.size != 1 or abs(float(exponent)) != 0.5:
            return None
    variance = statistic(root.inputs[0])
    if variance is None or variance.is_uniform:
        return None
    walk = _Walk()
    waiting: list[tuple[Node, tuple[Tensor, ...]]] = [(root, ())]
    seen = {root}
    while waiting and len(seen) < MAX_OPS:
        node, factors = waiting.pop()
        for consumer in consumers[node]:
            if consumer not in seen:
                following = _step(consumer, node, factors, walk)
                if following is not None:
                    seen.add(consumer)
                    waiting.append((consumer, following))
    for node, scaled, factors in walk.applied:
        subtracted, others = _mean_of(scaled, factors, walk.offsets)
        if subtracted is None:
            subtracted, shifts = _mean_in_offset(node, consumers, variance, factors)
            walk.shifts += shifts
        if subtracted is None:
            subtracted = _mean_scaled_by(node, consumers)
        mean = statistic(subtracted) if subtracted is not None else None
        if mean is not None:
            fixed = _are_fixed(mean, variance)
            gamma = [_variable(factor, fixed) for factor in others] + [_after(node, consumers, fixed, "Mul")]
            beta = [_variable(shift, fixed) for shift in walk.shifts] + [_after(node, consumers, fixed, "Add", "AddV2")]
            affine = next(filter(None, gamma), None), next(filter(None, beta), None)
            return Form(root, node, mean, variance, *affine, subtracted)
    return None


def _step(node: Node, before: Node, factors: tuple[Tensor, ...], walk: _Walk) -> tuple[Tensor, ...] | None:
    """The factors at a consumer that is a scale per channel again, or None; records any other use of the scale."""
    if node.type in (*PASSING, *RESHAPES, "Reciprocal", "Inv"):
        return factors if node.inputs[0][0] is before else None
    if node.type == "Neg":
        walk.offsets.append(factors)
        return factors
    if node.type not in ("Mul", *QUOTIENTS, *_SUMS, "Maximum") or len(node.inputs) != 2:
        return None
    ours = 0 if node.inputs[0][0] is before else 1
    other = node.inputs[1 - ours]
    known = statistic(other)
    if node.type in ("Add", "AddV2", "Maximum"):
        if known is not None and not known.is_uniform and walk.offsets:
            walk.shifts.append(other)
        return factors if known is not None and known.is_uniform else None
    if node.type == "Sub":
        if ours == 1:
            walk.offsets.append(factors)
            if known is not None and not known.is_uniform:
                walk.shifts.append(other)
        return None
    if known is None:
        if node.type == "Mul" or ours == 1:
            walk.applied.append((node, other, factors))
        return None
    return factors if known.is_uniform else (*factors, other)


def _mean_of(
    scaled: Tensor, factors: tuple[Tensor, ...], offsets: list[tuple[Tensor, ...]]
) -> tuple[Tensor | None, tuple[Tensor, ...]]:
    """The mean that is subtracted from the data before or after scaling, and the other factors."""
    node, _ = scaled
    for _ in range(8):
        if node.type in (*PASSING, *RESHAPES) and node.inputs:
            node = node.inputs[0][0]
            continue
        if node.type == "Mul":
            data_side = [source for source in node.inputs if statistic(source) is None]
            if len(data_side) == 2:  # by a gamma for each sample
                candidates = [_mean_of(source, factors, []) for source in data_side]
                return next((candidate for candidate in candidates if candidate[0] is not None), (None, factors))
            if len(data_side) != 1:
                break
            factors = (*factors, *(source for source in node.inputs if source not in data_side))
            node = data_side[0][0]
            continue
        if node.type in _SUMS:
            data, shift = statistic(node.inputs[0]), statistic(node.inputs[1])
            if data is None and shift is not None and not shift.is_uniform:
                return node.inputs[1], factors
            if node.type != "Sub" and shift is None and data is not None and not data.is_uniform:
                return node.inputs[0], factors  # -mean + x
        break
    for offset in offsets:
        for factor in offset:
            if factor not in factors:
                return factor, factors
    return None, factors


def _mean_in_offset(
    node: Node, consumers: dict[Node, list[Node]], variance: Statistic, factors: tuple[Tensor, ...]
) -> tuple[Tensor | None, list[Tensor]]:
    """The mean, and beta, in an offset with a root of the same variance: x * scale + (beta - mean * scale)."""
    known = [variance, *map(statistic, factors)]
    for consumer in consumers[node]:
        if consumer.type not in _SUMS:
            continue
        other = next((tensor for tensor in consumer.inputs if tensor[0] is not node), None)
        while other is not None and other[0].type in (*PASSING, *RESHAPES):
            other = other[0].inputs[0]
        if other is None or statistic(other) is None:
            continue
        negative = consumer.type == "Sub" or _is_negated(other)
        subtracted = other if negative else other[0].inputs[1] if other[0].type == "Sub" else None
        means = {factor: statistic(factor) for factor in _factors(subtracted)} if subtracted is not None else {}
        unknown = [(factor, mean) for factor, mean in means.items() if mean is not None and mean not in known]
        if len(unknown) == 1 and not unknown[0][1].is_uniform:
            return unknown[0][0], [] if negative else other[0].inputs[:1]
    return None, []


def _mean_scaled_by(node: Node, consumers: dict[Node, list[Node]]) -> Tensor | None:
    """The mean that is scaled by a factor for each sample, like the data: x * f + (beta - mean * f)."""
    products = [product for product in consumers[node] if product.type == "Mul"]
    others = {
        product: next((tensor for tensor in product.inputs if tensor[0] is not node), None) for product in products
    }
    known = {product: statistic(other) for product, other in others.items() if other is not None}
    if None not in known.values():
        return None  # it scales only statistics
    for product, value in known.items():
        after = consumers[product]
        if value is not None and not value.is_uniform:
            if any(user.type == "Neg" or (user.type == "Sub" and user.inputs[1][0] is product) for user in after):
                return others[product]
    return None


def _is_negated(tensor: Tensor) -> bool:
    """Whether a product per channel has a factor with a minus, as `-mean * scale` has."""
    node, _ = tensor
    if node.type == "Neg":
        return True
    sides = node.inputs if node.type == "Mul" else node.inputs[:1] if node.type in (*RESHAPES, *QUOTIENTS) else ()
    return any(_is_negated(side) for side in sides)


def _factors(tensor: Tensor) -> list[Tensor]:
    """The factors of a product per channel; for a quotient by a root, the root is a factor."""
    node, _ = tensor
    if node.type in (*PASSING, *RESHAPES) and len(node.inputs) and node.type != "Merge":
        return _factors(node.inputs[0])
    if node.type in ("Mul", *QUOTIENTS):
        return [factor for side in node.inputs for factor in _factors(side)]
    return [tensor]


def _after(node: Node, consumers: dict[Node, list[Node]], fixed: bool, *types: str) -> Node | None:
    """The variable that scales or shifts the normalized data."""
    for _ in range(5):
        following = [user for user in consumers[node] if user.type in ("Mul", "Add", "AddV2", "Identity", *RESHAPES)]
        if len(following) != 1:
            return None
        before, node = node, following[0]
        if node.type in types:
            others = [_variable(source, fixed) for source in node.inputs if source[0] is not before]
            return others[0] if others else None
    return None
