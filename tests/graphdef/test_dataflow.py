"""Edges, function bodies, and the branches and loops that ops are in."""

import pytest
import tensorflow as tf

from tests.graph.regimes import graph
from tfbn.graphdef import dataflow
from tfbn.graphdef.conditions import Conditions, exclusive

tf1 = tf.compat.v1


def read(opened):
    flow = dataflow.Dataflow(opened.as_graph_def())
    return flow, Conditions(flow, flow.in_order())


def node_of(flow, kind):
    (found,) = [node for node in flow.all if node.type == kind]
    return found


def control(kind, v2):
    """A graph in whose branch or body the ops Sin and Cos are; the fetched output is called out."""
    with graph(control_flow_v2=v2) as opened:
        x = tf1.placeholder(tf.float32, [], name="x")
        if kind == "cond":
            y = tf1.cond(tf1.placeholder(tf.bool, [], name="p"), lambda: tf.sin(x), lambda: tf.cos(x))
        else:
            y = tf1.while_loop(lambda z: tf.sin(z) < 3, lambda z: tf.cos(z), [x])
        tf.identity(y, name="out")
        tf.exp(x, name="beside")
    return read(opened)


@pytest.mark.parametrize("v2", [False, True], ids=["v1", "v2"])
class TestControlFlow:
    def test_what_runs(self, v2):
        for kind in ("cond", "while"):
            flow, _ = control(kind, v2)
            reached = {node.type for node in flow.reach([flow.nodes["out"]])}
            assert {"Sin", "Cos", "Placeholder"} <= reached
            assert "Exp" not in reached

    def test_body_inputs_resolve_to_passed_tensors(self, v2):
        for kind in ("cond", "while"):
            flow, _ = control(kind, v2)
            assert flow.nodes["x"] in flow.reach([node_of(flow, "Cos")])
            assert dataflow.source_of(node_of(flow, "Cos").inputs[0]) is flow.nodes["x"]

    def test_branches_exclude_each_other(self, v2):
        flow, conditions = control("cond", v2)
        taken, other, out = (
            conditions.of(node) for node in (node_of(flow, "Sin"), node_of(flow, "Cos"), flow.nodes["out"])
        )
        assert (len(taken), len(other), out) == (1, 1, frozenset())
        assert exclusive(taken, other)
        assert not exclusive(taken, taken)
        assert {each.branch for each in taken | other} == {0, 1}

    def test_a_loop_is_left_by_its_output(self, v2):
        flow, conditions = control("while", v2)
        inside, out = conditions.of(node_of(flow, "Cos")), conditions.of(flow.nodes["out"])
        assert [each.branch for each in inside] == [None]
        assert out == frozenset()
        assert not exclusive(inside, inside)

    def test_in_order(self, v2):
        for kind in ("cond", "while"):
            flow, _ = control(kind, v2)
            order = flow.in_order()
            assert sorted(map(id, order)) == sorted(map(id, flow.all))
            position = {node: number for number, node in enumerate(order)}
            back = [
                (node, each)
                for node in order
                for each in dataflow.requirements(node)
                if position[each] > position[node]
            ]
            assert {node.type for node, _ in back} <= {"Merge"}  # of a v1 loop


def test_nested_functions():
    with graph(control_flow_v2=True) as opened:
        x = tf1.placeholder(tf.float32, [], name="x")
        p = tf1.placeholder(tf.bool, [], name="p")

        @tf.function
        def inner(z):
            return tf1.cond(p, lambda: tf.sin(z), lambda: z)

        tf1.while_loop(lambda z: z < 3, lambda z: inner(z), [x])
    flow, conditions = read(opened)
    found = conditions.of(node_of(flow, "Sin"))
    assert sorted(str(each.branch) for each in found) == ["0", "None"]
    assert flow.nodes["x"] in flow.reach([node_of(flow, "Sin")])


def test_functions_that_multiply(monkeypatch):
    """Each calls the next with its variables in two orders: from some number on, calls share a body."""
    monkeypatch.setattr(dataflow, "_MAX_COPIED_NODES", 1000)
    library = tf.Graph().as_graph_def()
    for level in range(30):
        function = library.library.function.add()
        function.signature.name = f"level_{level}"
        for name in "abcdefgh":
            function.signature.input_arg.add(name=name, type=tf.resource.as_datatype_enum)
        for order in ("bacdefgh", "bcdefgha") if level < 29 else ():
            function.node_def.add(name=order, op=f"level_{level + 1}", input=list(order))
    for name in "abcdefgh":
        library.node.add(name=name, op="VarHandleOp")
    library.node.add(name="call", op="level_0", input=list("abcdefgh"))
    flow = dataflow.Dataflow(library)
    assert 1000 < len(flow.all) < 10_000
    assert {dataflow.source_of((node, 0)).type for node in flow.all if node.type == "_Arg"} == {"VarHandleOp"}


def test_control_inputs_that_many_share():
    with graph() as opened:
        first = [tf.no_op(name=f"first_{i}") for i in range(10)]
        with tf.control_dependencies(first):
            second = [tf.no_op(name=f"second_{i}") for i in range(10)]
        with tf.control_dependencies(first[:2]):
            tf.no_op(name="few")
    flow, _ = read(opened)
    for op in second:
        node = flow.nodes[op.name]
        assert {each.name for each in dataflow.controls_of(node)} == {op.name for op in first}
        assert len(node.controls) == 1
        assert (
            node.controls is flow.nodes["second_0"].controls or node.controls[0] is flow.nodes["second_0"].controls[0]
        )
        assert {flow.nodes[each.name] for each in first} < flow.reach([node])
    assert {each.name for each in flow.nodes["few"].controls} == {"first_0", "first_1"}


def test_upstream_lists_marked_predecessors():
    """By values alone or by whatever runs; marks that nodes share are one."""
    with graph() as opened:
        a, b = tf.constant(1.0, name="a"), tf.constant(2.0, name="b")
        with tf.control_dependencies([b]):
            after = tf.identity(a, name="after")
        tf.add(after, tf.constant(3.0, name="c"), name="sum")
    flow, _ = read(opened)
    nodes, order = flow.nodes, flow.in_order()
    marks = {nodes["a"]: "first", nodes["b"]: "second", nodes["after"]: "second"}
    runs = dataflow.Upstream(order, dataflow.requirements, marks)
    assert runs.of(nodes["sum"]) == {"first", "second"}
    assert runs.of(nodes["a"]) == {"first"}
    assert runs.of(nodes["c"]) == set()
    takes = dataflow.Upstream(order, dataflow.data, {nodes["a"]: 1, nodes["b"]: 2})
    assert takes.of(nodes["sum"]) == {1}
    assert dataflow.Upstream(order, dataflow.data, {}).of(nodes["sum"]) == set()
