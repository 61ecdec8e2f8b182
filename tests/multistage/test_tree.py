"""Trees: order, masks, files, errors; expected costs by recursion and by sampling."""

import json
from itertools import pairwise

import jax
import numpy as np
import pytest
from tree_reference import expected

from jaxsoco.core.errors import InputError
from jaxsoco.multistage import Tree, expected_cost, load_tree, regret_bound, theory_rates

RAGGED = [("r", "a", "x"), ("r", "a", "y", "p"), ("r", "a", "y", "q"), ("r", "b"), ("r", "c", "z")]


def test_a_complete_tree_is_in_level_order():
    tree = Tree.complete(3, 2)
    assert tree.children == ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14))
    assert (tree.nodes, tree.leaves, tree.depth, tree.width, tree.ragged) == (7, 8, 3, 2, False)
    assert tree.leaf_paths()[5] == (0, 2, 5, 12)
    assert tree.mask.all() and tree.inner.tolist() == [True] * 3 + [False] * 4
    assert hash(tree) == hash(Tree.complete(3, 2))


def test_a_ragged_tree_has_its_leaves_from_left_to_right():
    tree = Tree.from_paths(RAGGED)
    # Decision nodes r, a, c, y by level; leaves x, p, q, b, z from left to right.
    assert tree.names == ("r", "a", "c", "y", "x", "p", "q", "b", "z")
    assert tree.children == ((1, 7, 2), (4, 3), (8,), (5, 6))
    assert (tree.depth, tree.width, tree.leaves, tree.ragged) == (3, 3, 5, True)
    assert tree.mask.sum(axis=1).tolist() == [3, 2, 1, 2]
    assert tree.inner.tolist() == [True, True, False, False]
    named = [tuple(tree.name(i) for i in path) for path in tree.leaf_paths()]
    assert named == [("r", "a", "x"), ("r", "a", "y", "p"), ("r", "a", "y", "q"), ("r", "b"),
                     ("r", "c", "z")]  # fmt: skip


@pytest.mark.parametrize(
    "children", [(), ((1, 1),), ((1, 3), (2, 4)), ((3, 1), (2, 4)), ((1,), ())]
)
def test_what_is_no_tree_in_order_is_refused(children):
    with pytest.raises(ValueError, match=r"want|needs"):
        Tree(children)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([], "there are none"),
        ([("r", "a"), ("s", "b")], "2 roots: r and s"),
        ([("r", "a", "r")], "a cycle: r -> a -> r visits a node twice"),
        ([("r", "a"), ("r", "a")], "r -> a is there twice"),
        ([("r", "a"), ("r", "a", "b")], "r -> a ends where another path goes on"),
        ([("r",)], "r has no decision"),
    ],
)
def test_bad_paths_are_named(paths, message):
    with pytest.raises(InputError, match=message):
        Tree.from_paths(paths)


@pytest.mark.parametrize(
    ("edges", "nodes", "message"),
    [
        ([], (), "there are none"),
        ([("r", "a"), ("s", "b")], (), "2 roots: r and s"),
        ([("r", "a"), ("a", "b"), ("b", "a")], (), "a cycle: a -> b -> a"),
        ([("a", "b"), ("b", "a")], (), "a cycle: a -> b -> a"),
        ([("r", "a"), ("r", "a")], (), "r -> a is there twice"),
        ([("r", "a")], ("r", "lost"), "lost is an orphan"),
        ([(f"{i}{j}", f"{i + 1}{k}") for i in range(40) for j in "ab" for k in "ab"]
         + [("r", "0a"), ("r", "0b")], (), "over 100000 nodes"),
    ],
)  # fmt: skip
def test_bad_edges_are_named(edges, nodes, message):
    with pytest.raises(InputError, match=message):
        Tree.from_edges(edges, nodes)


def test_a_graph_becomes_the_tree_of_its_paths():
    layers = [("s", "a0"), ("s", "a1"), *((f"a{i}", f"b{j}") for i in "01" for j in "01")]
    tree = Tree.from_edges(layers)
    assert tree.children == Tree.complete(2, 2).children
    assert tree.names == ("s", "a0", "a1", "b0", "b1", "b0", "b1")


def test_trees_are_read_from_files(tmp_path):
    edges = [["r", "a"], ["r", "b"], ["r", "c"], ["a", "x"], ["a", "y"], ["y", "p"], ["y", "q"],
             ["c", "z"]]  # fmt: skip
    nested = {"r": {"a": {"x": {}, "y": {"p": {}, "q": {}}}, "b": {}, "c": {"z": {}}}}
    texts = {
        "edges.csv": "parent,child\n" + "\n".join(map(",".join, edges)) + "  # the last\n",
        "edges.txt": "# by hand\n\n" + "\n".join(map(" ".join, edges)),
        "edges.json": json.dumps({"edges": edges, "nodes": ["r", "z"]}),
        "paths.json": json.dumps({"paths": RAGGED}),
        "nested.json": json.dumps(nested),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert load_tree(tmp_path / name) == Tree.from_paths(RAGGED), name


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("none.csv", None, "cannot be read"),
        ("three.csv", "r,a\nr,b,c\n", "three.csv: line 2: 3 names"),
        ("cycle.csv", "r,a\na,r\n", "cycle.csv: edges: a cycle: r -> a -> r"),
        ("broken.json", "{", "broken.json: line 1: no JSON"),
        ("list.json", "[]", "want an object"),
        ("roots.json", '{"r": {}, "s": {}}', "2 roots: r and s"),
        ("twins.json", '{"r": {"a": {}, "a": {}}}', "a: is there twice"),
        ("number.json", '{"r": {"a": 1}}', "r -> a: want an object"),
        ("edge.json", '{"edges": [["r"]]}', r"edges\[0\]: want a list of 2 names"),
        ("orphan.json", '{"edges": [["r", "a"]], "nodes": ["b"]}', "b is an orphan"),
    ],
)
def test_bad_files_say_what_is_wrong(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_tree(tmp_path / name)


def test_names_in_edge_lists_may_hold_blanks_and_quotes(tmp_path):
    texts = {
        "comma.csv": "# by hand\nparent,child\nr x,a\nr x,b b  # the last\n",
        "semicolon.csv": "Parent; Child\r\nr x; a\r\nr x; b b\r\n",
        "quotes.txt": '"r x" a\n"r x"\t"b b"\n',
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text.encode("utf-8-sig"))
        assert load_tree(tmp_path / name) == Tree.from_paths([("r x", "a"), ("r x", "b b")]), name


def test_bad_lines_of_an_edge_list_are_counted(tmp_path):
    (tmp_path / "tree.txt").write_text("node\n" * 600, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_tree(tmp_path / "tree.txt")
    assert len(caught.value.issues) == 11
    assert str(caught.value).endswith("tree.txt: and 590 more lines like these")


EARLY = Tree.from_paths([("r", "a", "x"), ("r", "a", "y"), ("r", "b")])


@pytest.mark.parametrize("tree", [Tree.complete(3, 3), Tree.from_paths(RAGGED), EARLY])
def test_expected_costs_are_those_of_a_recursion(tree, x64):
    generator = np.random.default_rng(0)
    table = np.where(tree.mask, generator.random(tree.mask.shape), 0)
    table /= table.sum(axis=1, keepdims=True)
    leaves = generator.random(tree.leaves)
    found = np.asarray(expected_cost(tree, np.where(tree.mask, table, np.nan), leaves))
    play = [row[: len(children)] for row, children in zip(table, tree.children, strict=True)]
    wanted = [expected(tree.children, play, leaves, i) for i in range(tree.nodes + tree.leaves)]
    np.testing.assert_allclose(found, wanted, rtol=1e-13 if x64 else 1e-6)
    lanes = expected_cost(tree, table[..., None] + np.zeros(4), leaves)
    np.testing.assert_allclose(lanes, found[:, None] + np.zeros(4), rtol=1e-6)
    mapped = jax.vmap(lambda x: expected_cost(tree, table, x))(np.stack([leaves, leaves]))
    np.testing.assert_allclose(mapped[1], found, rtol=1e-6)


def test_expected_costs_refuse_other_shapes():
    with pytest.raises(ValueError, match=r"want \[3, 2, \.\.\.\] and \[4, \.\.\.\]"):
        expected_cost(Tree.complete(2, 2), np.ones((2, 2)), np.ones(4))


def test_rates_and_bounds_of_the_theory():
    epsilon, eta = theory_rates(2, 3, 10**6)
    np.testing.assert_allclose(epsilon, [0.03, 0, 0, 0])
    assert eta == pytest.approx(1e-4)
    assert theory_rates(4, 4, 1000)[0][0] == 1.0  # capped
    assert regret_bound(2, 2, 10**6) == pytest.approx((3 * 2 + 2 * np.log(2)) * 1e4)
    growth = 2 ** (2 / 3)
    anytime = regret_bound(2, 2, 10**6, anytime=True)
    assert anytime == pytest.approx(regret_bound(2, 2, 10**6) * growth / (growth - 1))
    for small, large in pairwise([1e3, 1e4, 1e5]):
        assert regret_bound(3, 2, small) / small > regret_bound(3, 2, large) / large
