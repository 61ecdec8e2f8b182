"""Networks from files: routes by brute force, chances by simulation, the paper's instances."""

import itertools
import json
import math

import numpy as np
import pytest

import jaxsoco
from jaxsoco.core.errors import InputError
from jaxsoco.multistage import edge_computing, multihop, regret_bound, routing
from jaxsoco.multistage.data.network_files import load_network
from jaxsoco.multistage.theory.routes import all_routes, decisions, simple_paths

MESH = {
    "source": "robot",
    "deadline": 1,
    "links": [
        {"from": "robot", "to": "a", "rate": 6},
        {"from": "robot", "to": "b", "rate": [[0, 2], [0.5, 20]]},
        {"from": "a", "to": "b", "rate": 9, "two_way": True},
        {"from": "b", "to": "c", "rate": 8},
        {"from": "c", "to": "a", "rate": 7},
    ],
    "networks": {
        "a": [{"name": "small", "time": 0.2, "miss": 0.1}],
        "c": [{"name": "small", "time": 0.2, "miss": 0.1}, {"name": "large", "time": 2, "miss": 0}],
    },
}


def written(tmp_path, content, name="net.json"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def link(start, end, rate=5.0, **more):
    return {"from": start, "to": end, "rate": rate, **more}


# --- routes ---------------------------------------------------------------------------------------


def brute_force(below, source, ends, most):
    """Every sequence of different nodes, kept if it is a path that stops at its first end."""
    nodes = {source, *below, *itertools.chain(*below.values())} - {source}
    found = set()
    for size in range(1, min(most, len(nodes)) + 1):
        for rest in itertools.permutations(sorted(nodes), size):
            path = (source, *rest)
            linked = all(b in below.get(a, ()) for a, b in itertools.pairwise(path))
            if linked and path[-1] in ends and not set(path[:-1]) & set(ends):
                found.add(path)
    return found


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("most", [2, 4, 64])
def test_simple_paths_of_graphs_with_cycles(seed, most):
    generator = np.random.default_rng(seed)
    names = "sabcde"
    below = {
        x: [y for y in generator.permutation(list(names)) if y != x and generator.random() < 0.5]
        for x in names
    }
    ends = {"e"} if seed % 2 else {"d", "e"}
    paths = list(simple_paths(below, "s", ends, most))
    assert len(paths) == len(set(paths)) and set(paths) == brute_force(below, "s", ends, most)
    # Depth first, by the order of the links: siblings stay together.
    order = [[below[a].index(b) for a, b in itertools.pairwise(path)] for path in paths]
    assert order == sorted(order)


def test_a_branch_that_leads_nowhere_costs_no_time():
    """A clique beside the way has 20! paths, none of which ends."""
    clique = [f"x{i}" for i in range(20)]
    below = {x: [y for y in clique if y != x] for x in clique} | {"s": ["x0", "a", "b"]}
    below |= {"a": ["t"], "b": ["t"]}
    assert list(simple_paths(below, "s", {"t"}, 64)) == [("s", "a", "t"), ("s", "b", "t")]


def test_nodes_with_one_way_on_decide_nothing(tmp_path):
    paths = [("s", "a", "b", "c", "t"), ("s", "a", "b", "d", "t"), ("s", "e", "t")]
    assert decisions(paths) == [("s", "a", "c"), ("s", "a", "d"), ("s", "e")]
    rows = [link("s", "m"), link("m", "a"), link("m", "b"), link("a", "t"), link("b", "t")]
    spec = routing(10, file=written(tmp_path, {"source": "s", "deadline": 1, "links": rows}))
    assert spec.tree.depth == 1 and spec.tree.leaves == 2  # the node m decides, s does not


def test_a_limit_of_hops_leaves_the_long_routes_out(tmp_path):
    file = written(tmp_path, MESH)
    network = load_network(tmp_path / "net.json")
    assert all_routes(network, 64) == [("robot", "a"), ("robot", "b", "a"), ("robot", "b", "c")]
    short = simple_paths(network.below(), "robot", network.destinations, 1)
    assert list(short) == [("robot", "a")]
    spec = routing(100, file=file)
    assert [spec.tree.name(i) for i in range(6)] == [
        *("robot", "b", "c"),
        *("a", "a", "c: small"),
    ]
    with pytest.raises(InputError, match=r"problem\.file: the network has 1 route of at most 1"):
        routing(100, file=file, hops=1)


# --- chances --------------------------------------------------------------------------------------


def test_chances_are_those_of_a_race_against_the_deadline(tmp_path):
    spec = routing(10_000, file=written(tmp_path, MESH))
    generator = np.random.default_rng(0)

    def drawn(rates, time, miss):
        delay = sum(generator.exponential(1 / rate, 200_000) for rate in rates)
        return np.where(delay + time > 1, 1, miss).mean()

    means = np.asarray(spec.means(0))
    assert means.shape == (1000, 4) and spec.segment_end[-1] == 10_000
    for segment in (0, 200, 999):
        rising = 2 + 18 * min((segment + 0.5) / 1000 / 0.5, 1)
        rates = [(6,), (rising, 9), (rising, 8)]
        wanted = [drawn(rate, 0.2, 0.1) for rate in rates]
        np.testing.assert_allclose(means[segment, :3], wanted, atol=0.005)
    # The large network takes longer than the deadline.
    np.testing.assert_array_equal(means[:, 3], 1)


@pytest.mark.parametrize("servers", [2, 3, 5])
def test_edge_computing_is_a_file(tmp_path, servers):
    names = [f"server {i}" for i in range(servers)]
    rows = [link("robot", name, 6 - i) for i, name in enumerate(names[:-1])]
    rows.append(link("robot", names[-1], [[0, 1], [0.2, 12]]))
    times = np.linspace(0.2, 0.5, servers)
    misses = np.interp(times, [0.2, 0.35, 0.5], [0.1, 0.05, 0.005])
    networks = [
        {"name": str(i), "time": t, "miss": m}
        for i, (t, m) in enumerate(zip(times, misses, strict=True))
    ]
    content = {"source": "robot", "deadline": 1, "links": rows}
    content["networks"] = dict.fromkeys(names, networks)
    mine = routing(5000, file=written(tmp_path, content))
    paper = edge_computing(5000, servers=servers)
    assert mine.tree.children == paper.tree.children
    np.testing.assert_allclose(mine.means(0), paper.means(0), rtol=1e-5)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_multihop_is_a_file(tmp_path, layers):
    unit = (layers + 1) / 3
    rows = [link("s", "0.0", 8 * unit), link("s", "0.1", 8 * unit)]
    for i in range(layers - 1):
        rows += [
            link(f"{i}.0", f"{i + 1}.0", [[0, 0.5 * unit], [0.2, 20 * unit]]),
            link(f"{i}.0", f"{i + 1}.1", 2.5 * unit),
            link(f"{i}.1", f"{i + 1}.0", 4 * unit),
            link(f"{i}.1", f"{i + 1}.1", 4 * unit),
        ]
    rows += [link(f"{layers - 1}.{j}", "t", 8 * unit) for j in range(2)]
    file = written(tmp_path, {"source": "s", "deadline": 1, "links": rows})
    mine, paper = routing(5000, file=file), multihop(5000, layers=layers)
    assert mine.tree.children == paper.tree.children and mine.base is None
    # Without a link that changes there is one segment.
    chance = np.broadcast_to(mine.chance, paper.chance.shape)
    np.testing.assert_allclose(chance, paper.chance, rtol=1e-5)


def test_without_ramps_there_is_one_segment_and_the_deadline_may_be_set(tmp_path):
    rows = [link("s", "a", 3), link("s", "b", 5), link("a", "t", 3), link("b", "t", 5)]
    file = written(tmp_path, {"source": "s", "deadline": 9, "links": rows})
    spec = routing(70, file=file, deadline=1.0)
    wanted = [math.exp(-rate) * (1 + rate) for rate in (3, 5)]  # Erlang
    np.testing.assert_allclose(spec.chance, [wanted], rtol=1e-6)
    assert spec.segment_end.tolist() == [70]


def test_agents_find_the_route(tmp_path):
    """The longest way is the fastest: s-a-b-t is hardly ever late, the others at least 15 %."""
    rows = [link("s", "a", 30, two_way=True), link("s", "b", 2, two_way=True)]
    rows += [link("a", "b", 30, two_way=True), link("a", "t", 2), link("b", "t", 30)]
    problem = jaxsoco.make(
        "multistage/routing",
        file=written(tmp_path, {"source": "s", "deadline": 1, "links": rows}),
        horizon=20_000,
    )
    keys = jaxsoco.seed_keys(0, 16)
    algorithm, params = jaxsoco.learner("multistage/epsilon_exp3")
    run = jaxsoco.play(problem, algorithm, params, keys, at=(2000, 20_000))
    best = jaxsoco.comparator("multistage/best_leaf")(problem, keys, at=(20_000,))["expected"][0]
    early, all_of_it = np.asarray(run.costs.expected)
    assert np.all((all_of_it - early) / 18_000 < early / 2000)  # they learn
    bound = regret_bound(2, 2, 20_000)
    assert np.mean(all_of_it - best) < 0.5 * bound


@pytest.mark.slow
def test_the_problem_conforms(tmp_path):
    values = {"file": written(tmp_path, MESH), "horizon": 24}
    report = jaxsoco.testing.conformance("multistage/routing", values=values)
    assert not report.failures


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["epsilon_exp3", "broad_omd"])
def test_learners_conform_on_it(learner, tmp_path):
    """Its nodes have different numbers of ways on, and its leaves lie at different depths."""
    values = {"file": written(tmp_path, MESH), "horizon": 24}
    report = jaxsoco.testing.conformance(
        f"multistage/{learner}", problem="multistage/routing", values=values
    )
    assert not report.failures


# --- files that are none --------------------------------------------------------------------------

GOOD = {"source": "s", "deadline": 1, "links": [link("s", "a"), link("s", "b")]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("[1]", "top level: want an object with source"),
        ("{", "line 1: no JSON"),
        ('{"source": "s", "source": "t"}', "source: is there twice"),
        ({"deadlin": 2}, r'deadlin: means nothing here \(did you mean "deadline"'),
        ({"source": "z"}, 'source: no link has the node "z"'),
        ({"source": 3}, "source: found"),
        ({"deadline": 0}, "deadline: found .*want a number above 0"),
        ({"deadline": math.nan}, "deadline: found"),
        ({"deadline": "soon"}, "deadline: found"),
        ({"links": []}, "links: found an empty array"),
        ({"links": ["s-a"]}, r"links\[0\]: found"),
        ({"links": [{"from": "s", "to": "a"}]}, r"links\[0\]\.rate: is missing"),
        ({"links": [link("s", "a", 0)]}, r"links\[0\]\.rate: found .*want a number above 0"),
        ({"links": [link("s", "a", 1e9)]}, r"links\[0\]\.rate: .* up to 1000"),
        ({"links": [link("s", "a", True)]}, r"links\[0\]\.rate: found"),
        ({"links": [link("s", "a", [[0, 1], [0, 2]])]}, "the times do not increase"),
        ({"links": [link("s", "a", [[0, 1], [2, 2]])]}, r"rate\[1\]\[0\]: .* from 0 and up to 1"),
        ({"links": [link("s", "a", [1, 2])]}, r"want a number, or \[\[time, rate\]"),
        ({"links": [link("s", "a", two_way=1)]}, r"two_way: found .*want true or false"),
        ({"links": [link("s", "s")]}, "leads from s to itself"),
        ({"links": [link("s", "a"), link("s", "a")]}, "s -> a is there twice"),
        ({"links": [link("s", "a"), link("a", "s")]}, "links lead on from every node"),
        ({"destinations": "a"}, "destinations: found"),
        ({"destinations": ["q"]}, 'destinations: no link has the node "q"'),
        ({"destinations": ["s", "a"]}, "source: jobs end at s"),
        ({"destinations": ["a"]}, "the network has 1 route"),
        ({"networks": []}, "networks: found"),
        ({"networks": {"a": []}}, r"networks\.a: found an empty array"),
        ({"networks": {"a": [{"name": "x", "time": -1, "miss": 0}]}}, r"a\[0\]\.time: found"),
        ({"networks": {"a": [{"name": "x", "time": 1}]}}, r"networks\.a\[0\]\.miss: is missing"),
        (
            {"networks": {"a": [{"name": "x", "time": 0, "miss": 0}] * 2}},
            "networks.a: x is there twice",
        ),
        ({"networks": {"q": [{"name": "x", "time": 0, "miss": 0}]}}, 'no link has the node "q"'),
    ],
)
def test_bad_files_are_named(tmp_path, change, message):
    content = change if isinstance(change, str) else GOOD | change
    with pytest.raises(InputError, match=message) as caught:
        routing(100, file=written(tmp_path, content))
    assert str(caught.value).startswith("problem.file")


def test_every_fault_is_reported_at_once(tmp_path):
    content = {"deadline": -1, "links": [link("s", "a", -1), {"to": "b"}], "nets": {}}
    with pytest.raises(InputError) as caught:
        routing(100, file=written(tmp_path, content))
    places = {issue.path.removeprefix("problem.file: net.json: ") for issue in caught.value.issues}
    assert places == {
        *("nets", "source", "deadline", "links[0].rate", "links[1].from", "links[1].rate")
    }


def test_too_many_routes_are_refused(tmp_path):
    nodes = [f"n{i}" for i in range(9)]
    rows = [link(a, b) for a in ["s", *nodes] for b in [*nodes, "t"] if a != b]
    file = written(tmp_path, {"source": "s", "deadline": 1, "links": rows})
    with pytest.raises(
        InputError, match=r"problem\.hops: there are over 2000 routes of at most 64"
    ):
        routing(100, file=file)
    assert routing(100, file=file, hops=3).tree.leaves == 1 + 9 + 9 * 8


def test_delays_that_are_nothing_beside_the_deadline_are_refused(tmp_path):
    file = written(
        tmp_path, GOOD | {"deadline": 900, "links": [link("s", "a", 900), link("s", "b")]}
    )
    with pytest.raises(InputError, match=r"problem\.deadline: with a rate of 900 there are 810000"):
        routing(100, file=file)
    assert routing(100, file=file, deadline=2.0).tree.leaves == 2
