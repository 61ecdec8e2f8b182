"""Models, recorded arrivals and the checks that answer before anything is compiled."""

from pathlib import Path

import numpy as np
import pytest

from jaxsoco import registry
from jaxsoco.core.errors import InputError
from jaxsoco.core.schema import load
from jaxsoco.provisioning import FAMILY
from jaxsoco.provisioning.data.tabular import load_tabular
from jaxsoco.provisioning.data.traces import ArrivalTrace, load_trace_csv
from jaxsoco.provisioning.theory.model import tabular_model
from jaxsoco.provisioning.theory.queues import poisson, single_queue, two_queues

RNG = np.random.default_rng(0)


def prepare(name: str, folder: Path = Path(), **values):
    entry = registry.problem(f"provisioning/{name}")
    defaults = {f.name: f.default for f in entry.fields}
    return entry.prepared(defaults | {"horizon": 6000} | values, folder)


def refused(call, *words: str) -> InputError:
    with pytest.raises(InputError) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)
    return caught.value


def simulated(rng, model, state, action, count=20000):
    """Frequencies of next states by drawing from a row."""
    return rng.multinomial(count, model.transition[0, state, action]) / count


# --- queues ---------------------------------------------------------------------------------------


def test_the_papers_queue_is_its_recursion():
    arrivals = poisson(1.12)
    model = single_queue(capacity=10, slots=10, start=0, arrivals=arrivals, base_loss=0.1)
    rng = np.random.default_rng(1)
    for s, a in ((0, 0), (0, 2), (4, 1), (9, 0), (10, 2)):
        drawn = np.minimum(10, np.maximum(0, s - a + rng.poisson(1.12, 20000)))
        seen = np.bincount(drawn, minlength=11) / 20000
        np.testing.assert_allclose(model.transition[0, s, a], seen, atol=0.02)
    np.testing.assert_allclose(model.loss[0, :, 0], 0.1 + 0.9 * (np.arange(11) / 10) ** 2)
    np.testing.assert_allclose(model.consumption[0, 0], [0, 0.5, 1])
    np.testing.assert_allclose(arrivals @ np.arange(arrivals.size), 1.12, rtol=1e-12)
    baseline = np.broadcast_to([0.7, 0.2, 0.1], (1, 11, 3))
    np.testing.assert_allclose(model.expected(baseline, model.consumption), 2.0)
    assert model.least_consumption() == 0


def test_the_bursty_queue_is_its_recursion():
    content = prepare("bursty_queue").content
    rng = np.random.default_rng(2)
    for s, a in ((0, 0), (3, 2), (6, 1), (5, 2)):
        served = rng.binomial(a, 0.9, 20000)
        came = 2 * (rng.uniform(size=20000) < 0.4)
        drawn = np.minimum(6, np.maximum(0, s - served) + came)
        seen = np.bincount(drawn, minlength=7) / 20000
        np.testing.assert_allclose(content.model.transition[0, s, a], seen, atol=0.02)
    assert content.base_consumption == pytest.approx(1.2)
    assert (content.anchor, content.target, content.budget_high) == (2.5, 2.5, 8)


@pytest.mark.parametrize("topology", ["parallel", "tandem"])
def test_two_queues_are_their_recursion(topology):
    come = [np.array([0.7, 0.1, 0.2]), np.array([0.6, 0.4])]
    model = two_queues(
        topology=topology, capacity=3, slots=4, start=(1, 2), arrivals=come, success=(0.9, 0.5)
    )
    actions = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0)]
    rng, n = np.random.default_rng(3), 20000
    assert model.transition.shape == (1, 16, 6, 16) and model.initial[1 * 4 + 2] == 1
    for (x, y), a in (((2, 3), 4), ((1, 0), 5), ((0, 2), 2), ((3, 3), 0)):
        first = np.minimum(x, rng.binomial(actions[a][0], 0.9, n))
        second = rng.binomial(actions[a][1], 0.5, n)
        inflow = rng.choice(2, n, p=come[1]) if topology == "parallel" else first
        after = np.minimum(3, x - first + rng.choice(3, n, p=come[0]))
        other = np.minimum(3, np.maximum(0, y - second) + inflow)
        seen = np.bincount(after * 4 + other, minlength=16) / n
        np.testing.assert_allclose(model.transition[0, x * 4 + y, a], seen, atol=0.02)
    np.testing.assert_allclose(model.consumption[0, 0], [0, 0.5, 1, 0.5, 1, 1])
    assert model.loss[0, 15, 0] == 1 and model.loss[0, 0, 0] == 0
    prepare("two_queues", topology=topology)


def test_points_that_differ_in_numbers_share_a_group():
    groups = {
        prepare("bursty_queue", **values).group
        for values in ({}, {"switching": 0.0}, {"success": 0.5}, {"budget_low": 3.0})
    }
    assert len(groups) == 1
    assert prepare("bursty_queue", capacity=5).group not in groups
    assert prepare("bursty_queue", slots=9).group not in groups


# --- arrays and files -----------------------------------------------------------------------------


def arrays(states=3, actions=2, slots=4):
    shape = (slots, states, actions)
    return {
        "loss": RNG.uniform(size=shape),
        "consumption": np.broadcast_to([0.0, 1.0], (states, actions)),
        "transition": RNG.dirichlet(np.ones(states), (states, actions)),
        "initial": np.ones(states) / states,
    }


def test_a_model_from_a_file_is_the_model_of_its_arrays(tmp_path):
    given = arrays()
    np.savez(tmp_path / "m.npz", **given)
    model = load_tabular(tmp_path / "m.npz")
    assert (model.slots, model.source) == (4, "m.npz")
    assert model.loss.shape == (4, 3, 2) and model.transition.shape == (1, 3, 2, 3)
    assert model.digest == tabular_model(**given).digest
    other = tabular_model(**{**given, "loss": given["loss"] * 0.5})
    assert other.digest != model.digest
    values = {"model": "m.npz", "baseline": "0.75,0.25", "budget_low": 2.0}
    ready = prepare("tabular", tmp_path, **values)
    assert ready.identity == {"model": model.digest}
    assert ready.content.base_consumption == pytest.approx(1.0)
    np.savez(tmp_path / "own.npz", **given, baseline=np.broadcast_to([0.5, 0.5], (3, 2)))
    values = {"model": "own.npz", "baseline": "file", "budget_low": 2.5}
    own = prepare("tabular", tmp_path, **values)
    assert own.content.base_consumption == pytest.approx(2.0)
    assert own.identity.keys() == {"model", "baseline"}


def test_wrong_arrays_are_refused_with_their_indices(tmp_path):
    given = arrays()
    rows = given["transition"].copy()
    rows[1, 0] *= 0.9
    rows[2, 1, 0] = -0.25
    error = refused(
        lambda: tabular_model(**{**given, "transition": rows}),
        "transition[0, 1, 0]: 0.9 is what the row sums to",
        "slot 0, state 1, action 0",
        "transition[0, 2, 1, 0]: -0.25 is not a probability",
    )
    assert len(error.issues) >= 2
    refused(
        lambda: tabular_model(**{**given, "loss": given["loss"] + 1.0}), "loss[0, 0, 0]", "[0, 1]"
    )
    refused(lambda: tabular_model(**{**given, "loss": np.full((4, 3, 2), np.nan)}), "more such")
    refused(lambda: tabular_model(**{**given, "initial": [0.5, 0.6, 0.1]}), "initial: 1.2")
    refused(lambda: tabular_model(**{**given, "initial": [1.0]}), "1 entries along state")
    refused(lambda: tabular_model(**{**given, "loss": np.zeros((5, 3, 2))}, slots=4), "along slot")
    refused(lambda: tabular_model(**{**given, "loss": "none"}), "not an array of numbers")
    refused(lambda: tabular_model(**{**given, "loss": np.zeros(3)}), "has the shape [3]")
    refused(lambda: tabular_model(**{**given, "loss": given["loss"][0]}), "slots: is not known")
    np.savez(tmp_path / "m.npz", **{**given, "transition": rows})
    refused(lambda: load_tabular(tmp_path / "m.npz"), "m.npz: transition[0, 1, 0]")
    refused(lambda: load_tabular(tmp_path / "none.npz"), "does not exist")
    content = (tmp_path / "m.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])
    refused(lambda: prepare("tabular", tmp_path, model="cut.npz"), "problem.model", "cut.npz")
    (tmp_path / "text.npz").write_text("no")
    refused(lambda: load_tabular(tmp_path / "text.npz"), "no .npz file")
    del given["initial"]
    np.savez(tmp_path / "short.npz", **given, start=np.ones(3))
    refused(lambda: load_tabular(tmp_path / "short.npz"), "lacks the array initial")


def test_budgets_and_baselines_are_checked_against_each_other(tmp_path):
    given = arrays() | {"consumption": np.full((3, 2), 0.5)}
    np.savez(tmp_path / "m.npz", **given)
    refused(
        lambda: prepare("tabular", tmp_path, model="m.npz", baseline="1,0", budget_low=1.5),
        "problem.budget_low: 1.5 is below the least attainable consumption",
        "2",
    )
    refused(
        lambda: prepare("bursty_queue", baseline="0.2,0.2,0.6"),
        "problem.baseline: consumes 5.6",
        "violates budget_low = 2",
    )
    refused(lambda: prepare("bursty_queue", baseline="0.5,0.5"), "2 chances, the problem 3")
    refused(lambda: prepare("bursty_queue", baseline="0.5,0.5,0.5"), "no distribution")
    refused(lambda: prepare("bursty_queue", baseline="often"), 'cannot read "often"')
    refused(lambda: prepare("bursty_queue", budget_high=1.0), "problem.budget_high")
    refused(lambda: prepare("bursty_queue", start=7), "problem.start")


# --- recorded arrivals ----------------------------------------------------------------------------


def write(folder: Path, text: str) -> Path:
    path = folder / "trace.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_times_are_binned_from_the_first_one_on(tmp_path):
    path = write(tmp_path, "time,size\n0.25,1\n3.9,1\n0.5,1\n1.5,1\n2.75,9\n2.26,1\n")
    trace = load_trace_csv(path, bin=1.0)
    # From 0.25 on: three whole bins, the cut one is left out.
    np.testing.assert_array_equal(trace.counts, [2, 1, 2])
    assert trace.bin == 1.0 and "times" in trace.source
    stamps = "timestamp\n2024-03-31T00:59:59Z\n2024-03-31T01:00:00Z\n2024-03-31T03:00:01+01:00\n"
    trace = load_trace_csv(write(tmp_path, stamps), bin=1800)
    np.testing.assert_array_equal(trace.counts, [2, 0])


def test_counts_are_read_joined_and_scaled(tmp_path):
    path = write(tmp_path, "# a comment\nbin,arrivals\n0,3\n1,0\n2,2\n3,1\n4,5\n")
    trace = load_trace_csv(path)
    np.testing.assert_array_equal(trace.counts, [3, 0, 2, 1, 5])
    np.testing.assert_array_equal(trace.rebin(2).counts, [3, 3])
    chances = trace.distribution(1.12)
    assert chances.sum() == pytest.approx(1)
    assert chances @ np.arange(chances.size) == pytest.approx(1.12)
    plain = trace.distribution()
    np.testing.assert_allclose(plain[:6], np.array([1, 1, 1, 1, 0, 1]) / 5)
    np.testing.assert_array_equal(load_trace_csv(write(tmp_path, "4\n2\n")).counts, [4, 2])
    by_name = load_trace_csv(path.with_name("trace.csv"))
    np.testing.assert_array_equal(by_name.counts, [4, 2])
    named = load_trace_csv(write(tmp_path, "a,b\n1,7\n2,8\n"), column="b")
    np.testing.assert_array_equal(named.counts, [7, 8])


def test_traces_that_cannot_be_used_are_refused(tmp_path):
    def read(text, **options):
        return lambda: load_trace_csv(write(tmp_path, text), **options)

    refused(read(""), "is empty")
    refused(read("count\n"), "is empty: it holds no arrivals")
    refused(read("count\n1\n-2\n3\nx\n"), "trace.csv:3, column count", "'-2'", "trace.csv:5", "'x'")
    refused(read("time\n1\n2\n"), "bin: is needed")
    refused(read("count\n1\n2\n", bin=1.0), "holds counts, not times")
    refused(read("a,b\n1,2\n"), "has the columns a, b")
    refused(read("1,2\n3,4\n"), "2 columns and no header")
    refused(read("count\n1\n", column="cuont"), 'no column "cuont"', 'did you mean "count"?')
    refused(read("1\n2\n", column="count"), "has no header")
    refused(read("time\n1\n2\n", bin=5.0), "less than one bin")
    refused(read("time\n1\n2\n", bin=-1.0), "is no width")
    refused(read("time\n0\n1e9\n", bin=1e-3), "want a longer bin")
    refused(read("count\n" + "x\n" * 30), "20 more lines")
    refused(lambda: load_trace_csv(tmp_path / "none.csv"), "does not exist")
    refused(lambda: ArrivalTrace(np.zeros(4), 1.0).distribution(1.0), "has no arrivals")
    refused(lambda: ArrivalTrace(np.ones(4), 1.0).rebin(5), "cannot be joined")


def test_traces_may_have_other_separators_and_lines_count_quoted_ends(tmp_path):
    text = '# made by hand, "so"\ntime;note\n0;"two\nlines"\n1.5;\n2;x\n'
    np.testing.assert_array_equal(load_trace_csv(write(tmp_path, text), bin=1.0).counts, [1, 1])
    text = text.replace("1.5", "soon")
    refused(lambda: load_trace_csv(write(tmp_path, text), bin=1.0), "trace.csv:5, column time")


def test_a_recorded_queue_is_prepared_from_its_file(tmp_path):
    write(tmp_path, "count\n" + "\n".join(map(str, RNG.poisson(3, 500))) + "\n")
    ready = prepare("paper_queue", tmp_path, arrivals="trace.csv", rebin=2)
    assert list(ready.identity) == ["arrivals"] and "scaled to 1.12" in ready.notes[0]
    mean = (ready.content.model.transition[0, 5, 0] * np.arange(11)).sum() - 5
    assert mean == pytest.approx(1.12, abs=0.01)  # hardly anything is lost from there
    refused(
        lambda: prepare("paper_queue", tmp_path, arrivals="no.csv"), "problem.arrivals", "not exist"
    )


def test_the_family_names_what_exists():
    assert [entry.name for entry in FAMILY.problems][:2] == ["paper_queue", "bursty_queue"]
    for entry in (*FAMILY.algorithms, *FAMILY.comparators):
        load(entry.load)
    for entry in FAMILY.algorithms:
        entry.parameters({field.name: field.default for field in entry.fields})


# --- settings beyond the paper's ------------------------------------------------------------------


def test_batches_may_follow_a_sine_over_the_episode():
    plain = prepare("bursty_queue").content.model
    model = prepare("bursty_queue", burst_wave=0.5).content.model
    assert plain.transition.shape[0] == 1 and model.transition.shape[0] == 8
    # From an empty queue without service, the chance of two arrivals is that of a batch.
    chances = model.transition[:, 0, 0, 2]
    sine = np.sin(2 * np.pi * (np.arange(8) + 0.5) / 8)
    np.testing.assert_allclose(chances, 0.4 * (1 + 0.5 * sine), rtol=1e-12)
    np.testing.assert_allclose(chances.mean(), plain.transition[0, 0, 0, 2], rtol=1e-12)
    refused(
        lambda: prepare("bursty_queue", burst_wave=0.9, burst_chance=0.6), "problem.burst_wave", "1"
    )


def test_shapes_need_an_anchor_and_room_in_float32():
    refused(lambda: prepare("bursty_queue", shape="exponential", anchoring=0.0), "anchoring", "0")
    refused(
        lambda: prepare("bursty_queue", shape="exponential", width=0.1),
        "problem.width",
        "widths above a target",
    )
    # 8 - 2.5 + 0.5 + 8.2 * 0.1 = 6.82 above the lowest target.
    prepare("bursty_queue", shape="exponential", width=6.82 / 39.9)
    prepare("bursty_queue", shape="piecewise-linear", width=0.1)
    one, other = (prepare("bursty_queue", shape=s).group for s in ("quadratic", "exponential"))
    assert one != other


def test_random_processes_are_refused_where_no_baseline_is_safe():
    content = prepare("random_mdp").content.content
    assert content.leaves["budget_low"] == 5 / 8 and content.anchor == 5 / 4
    np.testing.assert_allclose(content.baseline[0, 0], [0.9, 0.05, 0.05])
    refused(lambda: prepare("random_mdp", branching=6), "problem.branching", "6 next states, of 5")
    refused(
        lambda: prepare("random_mdp", baseline="0.5,0.25,0.25"), "problem.baseline", "consumes 2.5"
    )
    groups = {prepare("random_mdp", branching=b).group for b in (1, 5)}
    assert len(groups) == 1 and prepare("random_mdp", states=4).group not in groups
