"""Walks over graphs that are dicts of lists."""

import numpy as np

from tfbn.graphdef import walks


def random_graph(seed, size=60):
    """Nodes by number, each after some of those with lower numbers, in a random order."""
    random = np.random.RandomState(seed)
    edges = {node: random.randint(0, node, random.randint(0, 4)).tolist() if node else [] for node in range(size)}
    return {node: edges[node] for node in random.permutation(size).tolist()}


def test_reach_follows_every_path_and_asks_once():
    """Against the transitive closure, as powers of the adjacency matrix give it."""
    edges, asked = random_graph(1), []
    closure = np.eye(len(edges), dtype=bool)
    for node, others in edges.items():
        closure[node, others] = True
    for _ in range(6):  # 2 ** 6 > 60, the longest path
        closure = closure @ closure

    def follow(node):
        asked.append(node)
        return edges[node]

    starts = [7, 40, 40, 55]
    reached = walks.reach(starts, follow)
    assert reached == set(np.flatnonzero(closure[starts].any(0)))
    assert sorted(asked) == sorted(reached)


def test_reach_of_circles():
    assert walks.reach(["a"], {"a": ["b"], "b": ["c"], "c": ["a"]}.get) == {"a", "b", "c"}


def test_in_order_puts_each_node_after_those_before_it():
    for seed in range(5):
        edges = random_graph(seed)
        order = walks.in_order(edges, edges.get)
        places = {node: place for place, node in enumerate(order)}
        assert sorted(order) == sorted(edges)
        assert all(places[other] < places[node] for node, others in edges.items() for other in others)


def test_in_order_of_a_long_chain():
    """Which recursion could not walk."""
    length = 20_000
    assert walks.in_order(range(length), lambda node: [node + 1] * (node + 1 < length)) == [*reversed(range(length))]
