"""Graphs that are damaged in functions and constants, which TensorFlow may import, and run into when it runs them."""

import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph
from tfbn.graphdef.load import read_message

tf1 = tf.compat.v1


def forget_function(graph_def):
    del graph_def.library.function[:]


def forget_body(graph_def):
    del graph_def.library.function[0].node_def[:]


def forget_results(graph_def):
    graph_def.library.function[0].ret.clear()


def misname_input(graph_def):
    node = next(node for node in graph_def.library.function[0].node_def if node.input)
    node.input[0] = "nothing:output:0"


def forget_inputs(graph_def):
    node = next(node for node in graph_def.library.function[0].node_def if node.op == "FusedBatchNormV3")
    del node.input[1:]


def forget_input(graph_def):
    del next(node for node in graph_def.node if node.op == "If").input[1:]


def return_control(graph_def):
    results = graph_def.library.function[0].ret
    name = next(iter(results))
    results[name] = "^" + results[name]


def wait_for_nothing(graph_def):
    graph_def.library.function[0].node_def[0].input.append("^nothing")


def mistype(graph_def):
    graph_def.library.function[0].signature.output_arg[0].type = 99


def mistype_constant(graph_def):
    next(node for node in graph_def.node if node.op == "Const").attr["value"].tensor.dtype = 0


def call_in_a_circle(graph_def):
    one, other = graph_def.library.function[:2]
    for caller, called in ((one, other), (other, one)):
        node = caller.node_def.add(name="again", op="StatefulPartitionedCall")
        node.attr["f"].func.name = called.signature.name


def empty_input(graph_def):
    next(node for node in graph_def.node if node.input).input[0] = ""


def misname_output(graph_def):
    next(node for node in graph_def.node if node.input).input[0] = "x:second"


def forget_name(graph_def):
    graph_def.node[0].name = ""


def misname_op(graph_def):
    graph_def.library.function[0].node_def[0].op = ":"


def enlarge_constant(graph_def):
    tensor = next(node for node in graph_def.node if node.op == "Const").attr["value"].tensor
    tensor.tensor_shape.CopyFrom(tf.TensorShape([2**20, 2**20]).as_proto())


DAMAGES = {
    forget_function: r"\(If\) calls the function '\w+', which is not there",
    forget_body: r"whose function \w+ takes '.*', which it does not have",
    forget_results: r"whose function \w+ does not return all of its outputs",
    misname_input: r"whose function \w+ takes 'nothing:output:0', which it does not have",
    forget_inputs: r"in whose function \w+ \w+ \(FusedBatchNormV3\) takes 1 tensor instead of 5",
    forget_input: r"in which \S+ \(If\) takes 1 tensor instead of \d+",
    return_control: r"whose function \w+ takes '\^.*', which it does not have",
    wait_for_nothing: r"whose function \w+ takes '\^nothing', which it does not have",
    mistype: r"whose function \w+ has \w+ of an unknown dtype: 99",
    call_in_a_circle: r"whose functions call themselves: \w+, \w+",
    empty_input: r"in which \S+ \(\w+\) takes '', which names no tensor",
    misname_output: r"in which \S+ \(\w+\) takes 'x:second', which names no tensor",
    forget_name: "with the name '', which nothing can have",
    misname_op: "with the name ':', which nothing can have",
    enlarge_constant: r"the constant .* of [\d,]+ bytes, more than the limit of 2,147,483,648",
    mistype_constant: "with the constant .* of an unknown dtype: 0",
}


@pytest.fixture(scope="module")
def meta_graph():
    with graph(True, True):
        flag = tf1.placeholder_with_default(False, [])
        tfbn.batch_norm(tf1.placeholder(tf.float32, [None, 3]), is_training=flag)
        return tf1.train.export_meta_graph()


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damaged_functions(damage, meta_graph, tmp_path):
    """The whole graph is read as it was."""
    path, damaged = tmp_path / "model.meta", tf1.MetaGraphDef()
    damaged.CopyFrom(meta_graph)
    path.write_bytes(damaged.SerializeToString())
    assert read_message(path, tf1.MetaGraphDef) == meta_graph
    damage(damaged.graph_def)
    path.write_bytes(damaged.SerializeToString())
    with pytest.raises(ValueError, match=f"^{path}: expected a .*, got one .*{DAMAGES[damage]}"):
        read_message(path, tf1.MetaGraphDef)
