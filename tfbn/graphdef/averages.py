"""The variables that average a batch's statistics, found by what they are assigned."""

from __future__ import annotations

from collections.abc import Set

from tfbn.graphdef.dataflow import Dataflow, Node, Tensor, data, is_assignment, is_gradient, source_of
from tfbn.graphdef.forms import Form
from tfbn.graphdef.op_types import VARIABLES
from tfbn.graphdef.statistic import Statistic, statistic_of
from tfbn.graphdef.trial import Average, Trial, are_averages


class Assignments:
    """The variables that are assigned values computed from a batch's statistics, except those of named layers."""

    def __init__(self, dataflow: Dataflow, owners: Set[Node]) -> None:
        self.by_variable: dict[Node, list[Node]] = {}
        self._by_batch: dict[
            frozenset[Tensor], dict[Node, frozenset[Node]]
        ] = {}  # by variable, the variables that its update reads
        self._batches: dict[Node, frozenset[Tensor]] = {}
        self._sets_with: dict[Tensor | None, set[frozenset[Tensor]]] = {}
        self._optimized = set()
        self._others: dict[Node, list[Node]] = {}  # assignments of values computed in any other way
        self._remembering: set[Node] = set()  # whose next value depends on the one before
        remembering: set[Node] = set()  # the assignments that show that
        from_variables: list[tuple[Node, Node, frozenset[Node]]] = []  # assignments from other variables
        for node in dataflow.all:
            if not node.inputs:
                continue
            variable = source_of(node.inputs[0])
            if variable.type not in VARIABLES or variable in owners:
                continue
            if "Apply" in node.type:
                self._optimized.add(variable)
            elif is_assignment(node) and not is_gradient(node):
                value = statistic_of(node.inputs[1], is_assigned=True)
                if value is None:
                    self._others.setdefault(variable, []).append(node)
                    continue
                if variable in value.variables or node.type not in ("Assign", "AssignVariableOp"):
                    self._remembering.add(variable)
                    remembering.add(node)
                if value.batch:
                    self._add(variable, node, value.batch, value.variables)
                elif value.variables:
                    from_variables.append((variable, node, value.variables))
        averaging = set(self.by_variable)
        for variable, node, sources in from_variables:
            others = [source for source in sources if source is not variable and source in self._batches]
            if len(others) != 1 or variable in averaging:
                continue
            if node in remembering and others[0] not in self._remembering:
                # The average of a variable that holds the last batch's statistic.
                self._add(variable, node, self._batches[others[0]], sources & {variable})
            else:  # a copy of an average, or its average, which inference may use
                self.by_variable.setdefault(variable, []).append(node)
                self._batches[variable] = self._batches[others[0]]
        for variable, updates in self.by_variable.items():
            # An assignment that ignores the old value only initializes an average.
            self.by_variable[variable] = [node for node in updates if node in remembering] or updates

    def _add(self, variable: Node, update: Node, batch: frozenset[Tensor], sources: frozenset[Node]) -> None:
        self.by_variable.setdefault(variable, []).append(update)
        self._by_batch.setdefault(batch, {})[variable] = sources
        self._batches[variable] = batch
        for tensor in batch:
            self._sets_with.setdefault(tensor, set()).add(batch)

    def pair_of(self, form: Form) -> tuple[Node, Node] | None:
        """The moving averages of a form's statistics; None where there are none, or several candidates."""
        mean, variance = self._variable_of(form.mean), self._variable_of(form.variance)
        if mean is None or variance is None or mean is variance:
            return None
        averages = [
            # For a layer that only infers, it is unknown which statistics are the batch's.
            Average(
                variable,
                self.by_variable.get(variable, ()) if statistic.batch else (),
                self._by_batch.get(self._batches.get(variable, frozenset()), ()),
            )
            for variable, statistic in ((mean, form.mean), (variance, form.variance))
        ]
        return (mean, variance) if are_averages(averages, form.tensors) else None

    def list_others(self, variable: Node, sources: Set[Node], dataflow: Dataflow) -> list[Node]:
        """The assignments of values computed from these reductions in an unknown way."""
        others = self._others.get(variable, ()) if sources else ()
        return [node for node in others if sources & dataflow.reach([node.inputs[1][0]], data)]

    def sources_of(self, variable: Node) -> frozenset[Node]:
        """The reductions of the batch from which a variable's assigned value is computed."""
        return frozenset(node for node, _ in self._batches[variable])

    def _variable_of(self, statistic: Statistic) -> Node | None:
        averaging = {variable for variable in statistic.variables if variable in self.by_variable}
        candidates = averaging or statistic.variables - self._optimized or self._last_of(statistic.batch)
        return next(iter(candidates)) if len(candidates) == 1 else None

    def _last_of(self, batch: frozenset[Tensor]) -> set[Node]:
        """The variables that average a statistic.

        Without those that zero debias corrects into another one, averages of averages, and those that hold the last
        batch's statistic for another to average. The next variance may depend on the mean as well.
        """
        around = self._sets_with.get(next(iter(batch), None), ())
        sets = [batch] if batch in self._by_batch else [larger for larger in around if batch < larger]
        reads = {variable: read for batch in sets for variable, read in self._by_batch[batch].items()}
        if len(reads) < 2:
            return set(reads)
        slow = {variable for variable in reads if self._remembers(variable)}
        corrected = {source for reader in reads.keys() - slow for source in reads[reader] if source is not reader}
        secondary = {reader for reader in slow if any(source in slow for source in reads[reader] - {reader})}
        last = reads.keys() - corrected - secondary
        return last & slow or last

    def _remembers(self, variable: Node) -> bool:
        """Whether the next value depends on the one before."""
        values = [
            [Trial({variable: value}, trains=True, is_assigned=True).next_value(node) for value in (1.0, 2.0)]
            for node in self.by_variable[variable]
        ]
        return any(one != other for one, other in values)
