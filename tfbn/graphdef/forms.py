"""Batch norm by its arithmetic: x is scaled by the inverse of a standard deviation per channel, minus the scaled mean.

`find_forms` starts at the few ops that compute a standard deviation and uses no names. Layer norm, instance norm and
group norm reduce each sample, weight norm reduces variables, and Adam subtracts no mean: none of them is a form.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tfbn.graphdef.dataflow import Node, Tensor, origin_of
from tfbn.graphdef.op_types import (
    ARITHMETIC,
    FUSED,
    GLOBAL,
    PASSING,
    QUOTIENTS,
    RESHAPES,
    ROOTS,
    SUMS,
    normalizes_by_batch,
)
from tfbn.graphdef.statistic import MAX_OPS, Statistic, constant_of, statistic_of


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
        return self.subtracted, variance_input(self.node)

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
        elif node.type in ROOTS:
            form = _composed_form(node, consumers)
        if form is not None and not form.variance.is_uniform and not form.mean.is_uniform:
            yield form


def variance_input(node: Node) -> Tensor:
    """The variance that an op in inference takes, or a root; composed ops have added epsilon to it."""
    return node.inputs[2 if node.type == GLOBAL else 4 if node.type in FUSED else 0]


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


def _fused_form(node: Node) -> Form | None:
    if normalizes_by_batch(node.type, node.attr):
        mean, variance = (Statistic(frozenset(), frozenset([(node, index)]), False) for index in (1, 2))
        return Form(node, node, mean, variance, _variable(node.inputs[1]), _variable(node.inputs[2]))
    if len(node.inputs) < 5:
        return None
    return _inference_form(node, node.inputs[3], node.inputs[4], node.inputs[1], node.inputs[2])


def _inference_form(node: Node, mean: Tensor, variance: Tensor, gamma: Tensor, beta: Tensor) -> Form | None:
    mean_source, variance_source = statistic_of(mean), statistic_of(variance)
    if mean_source is None or variance_source is None:
        return None
    fixed = _are_fixed(mean_source, variance_source)
    return Form(node, node, mean_source, variance_source, _variable(gamma, fixed), _variable(beta, fixed), mean)


def _are_fixed(mean: Statistic, variance: Statistic) -> bool:
    return not any(source.variables or source.batch for source in (mean, variance))


def _variable(tensor: Tensor, fixed: bool = False) -> Node | None:
    """The only variable that a value per channel is read from; with `fixed`, as in frozen graphs, the only vector."""
    known = statistic_of(tensor)
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
    variance = statistic_of(root.inputs[0])
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
        mean = statistic_of(subtracted) if subtracted is not None else None
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
    if node.type not in ("Mul", *QUOTIENTS, *SUMS, "Maximum") or len(node.inputs) != 2:
        return None
    ours = 0 if node.inputs[0][0] is before else 1
    other = node.inputs[1 - ours]
    known = statistic_of(other)
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
            data_side = [source for source in node.inputs if statistic_of(source) is None]
            if len(data_side) == 2:  # by a gamma for each sample
                candidates = [_mean_of(source, factors, []) for source in data_side]
                return next((candidate for candidate in candidates if candidate[0] is not None), (None, factors))
            if len(data_side) != 1:
                break
            factors = (*factors, *(source for source in node.inputs if source not in data_side))
            node = data_side[0][0]
            continue
        if node.type in SUMS:
            data, shift = statistic_of(node.inputs[0]), statistic_of(node.inputs[1])
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
    known = [variance, *map(statistic_of, factors)]
    for consumer in consumers[node]:
        if consumer.type not in SUMS:
            continue
        other = next((tensor for tensor in consumer.inputs if tensor[0] is not node), None)
        while other is not None and other[0].type in (*PASSING, *RESHAPES):
            other = other[0].inputs[0]
        if other is None or statistic_of(other) is None:
            continue
        negative = consumer.type == "Sub" or _is_negated(other)
        subtracted = other if negative else other[0].inputs[1] if other[0].type == "Sub" else None
        means = {factor: statistic_of(factor) for factor in _factors(subtracted)} if subtracted is not None else {}
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
    known = {product: statistic_of(other) for product, other in others.items() if other is not None}
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
