"""Builds the graph of a case: surroundings, the call or calls, inference by a reusing call. Runs on Python 3.7."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from . import case as cases
from . import data, dispatch, observe
from .arguments import Decoder


class Side(NamedTuple):
    """One implementation: `tf.compat.v1` and the two functions under test."""

    name: str
    tf: Any
    batch_norm: Any
    arg_scope: Any


class Call(NamedTuple):
    """One call of batch_norm in the graph, and the updates it has collected."""

    output: Any
    updates: List[Any]


class Graph:
    """The surroundings of the calls, entered anew for each of them."""

    def __init__(self, side: Side, case: cases.Case):
        self.side, self.tf, self.case = side, side.tf, case
        self.decoder = Decoder(side.tf, case)
        self.inputs = self._inputs()
        with self.surroundings():
            # Made before the call, so that their variables are told apart from the call's own.
            self.arguments = self.decoder.arguments(cases.get(case, "arguments"))
            self.scoped = [self.decoder.arguments(scope) for scope in cases.get(case, "arg_scope")]
            self.second = dict(self.arguments, **self.decoder.arguments(cases.get(case, "second")))
        self.before: Dict[str, int] = {}  # the sizes of the collections before the latest call
        self.predicate = None
        if cases.get(case, "calls") == "cond":
            values = {"values": [True, False, True, True], "dtype": "bool"}
            self.predicate = self.decoder.make_fed("predicate", **values)

    def _inputs(self) -> Any:
        case = self.case
        if cases.get(case, "form") == "numpy":
            return data.feedable(case, 0)
        sizes = [None if dim in cases.get(case, "dynamic") else size for dim, size in enumerate(case_shape(case))]
        shape = None if cases.get(case, "unknown_rank") else sizes
        values = lambda index: data.feedable(case, index)  # noqa: E731
        return self.decoder.placeholder(cases.get(case, "dtype"), shape, values, "inputs")

    @contextlib.contextmanager
    def surroundings(self) -> Iterator[None]:
        """The enclosing variable_scope the case asks for."""
        tf, given = self.tf, dict(cases.get(self.case, "surroundings"))
        if not given:
            yield
            return
        options: Dict[str, Any] = {}
        if "regularizer" in given:
            weight = given["regularizer"]
            options["regularizer"] = lambda parameter: weight * tf.cast(tf.reduce_sum(tf.square(parameter)), "float32")
        if "partitioner" in given:
            options["partitioner"] = tf.fixed_size_partitioner(given["partitioner"])
        if "reuse" in given:
            options["reuse"] = tf.AUTO_REUSE if given["reuse"] == "AUTO_REUSE" else given["reuse"]
        if "initializer" in given:
            options["initializer"] = tf.constant_initializer(given["initializer"])
        for name in ("dtype", "use_resource"):
            if name in given:
                options[name] = given[name]
        with tf.variable_scope(given["name"] if "name" in given else tf.get_variable_scope(), **options):
            yield

    def call(self, arguments: Dict[str, Any]) -> Call:
        """One call under the arg_scopes of the case."""
        self.before = observe.sizes(self.tf)
        before = {name: len(self.tf.get_collection_ref(name)) for name in self.update_collections(arguments)}
        with contextlib.ExitStack() as stack:
            for scoped in self.scoped:
                stack.enter_context(self.side.arg_scope([self.side.batch_norm], **scoped))
            if self.predicate is None:
                output = self.side.batch_norm(self.inputs, **arguments)
            else:
                inputs = self.tf.convert_to_tensor(self.inputs)
                output = self.tf.cond(
                    self.predicate,
                    lambda: self.side.batch_norm(inputs, **arguments),
                    lambda: self.tf.identity(inputs),
                )
        updates: List[Any] = []
        for name, size in before.items():
            # The same update may be in several collections; running it once is enough, and all that is right.
            updates += [item for item in self.tf.get_collection_ref(name)[size:] if not any(item is u for u in updates)]
        return Call(output, updates)

    def update_collections(self, arguments: Dict[str, Any]) -> List[str]:
        """The names of the collections that the updates of a call go to."""
        default = self.tf.GraphKeys.UPDATE_OPS
        value: Any = default
        for scoped in self.scoped:
            value = scoped.get("updates_collections", value)
        value = arguments.get("updates_collections", value)
        if value is None:
            return []
        return [value] if isinstance(value, str) else sorted(value)

    def calls(self) -> List[Call]:
        """The calls of the case, in order."""
        how = cases.get(self.case, "calls")
        # Entered once: on entering a scope anew, default names start from the beginning.
        with self.surroundings():
            made = [self.call(self.arguments)]
            if how in ("reuse", "reuse_together"):
                made.append(self.call(dict(self.second, reuse=True)))
            elif how in ("default_names", "same_scope"):
                made.append(self.call(self.second))
        return made

    def inference(self, index: int, scope: Optional[str]) -> Any:
        """The output of a reusing call with is_training=False, under the scope of call `index`."""
        arguments = dict(self.second if index else self.arguments, is_training=False, reuse=True)
        scopes = [scoped["scope"] for scoped in self.scoped if scoped.get("scope")]
        arguments["scope"] = arguments.get("scope") or (scopes[-1] if scopes else scope)
        arguments.pop("outputs_collections", None)
        predicate, self.predicate = self.predicate, None
        try:
            with self.surroundings():
                return self.call(arguments).output
        finally:
            self.predicate = predicate

    def inference_is_a_call(self) -> bool:
        """Whether inference needs a second call, rather than feeding False."""
        return dispatch.training_kind(self.case) not in ("placeholder", "variable")

    def scope_of(self, index: int) -> str:
        """The default scope name of call `index`."""
        alone = cases.get(self.case, "calls") != "default_names"
        return "BatchNorm" if alone or index == 0 else f"BatchNorm_{index}"


def case_shape(case: cases.Case) -> List[int]:
    return list(cases.get(case, "shape"))
