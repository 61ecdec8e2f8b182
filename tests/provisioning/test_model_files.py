"""Models as people have them: rounding, orders of axes, layouts of other programs, damage."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from jaxsoco import registry
from jaxsoco.cli import main
from jaxsoco.core.errors import InputError
from jaxsoco.provisioning import load_tabular, tabular_model

RNG = np.random.default_rng(17)


def arrays(states: int = 3, actions: int = 2) -> dict[str, np.ndarray]:
    return {
        "loss": RNG.uniform(size=(states, actions)),
        "consumption": np.broadcast_to(np.linspace(0, 1, actions), (states, actions)),
        "transition": RNG.dirichlet(np.ones(states), (states, actions)),
        "initial": np.eye(states)[0],
    }


def saved(folder: Path, **values) -> Path:
    np.savez(folder / "m.npz", **values)
    return folder / "m.npz"


def refused(call) -> str:
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


def prepare(folder: Path, **values):
    entry = registry.problem("provisioning/tabular")
    defaults = {field.name: field.default for field in entry.fields}
    return entry.prepared(
        defaults | {"horizon": 20, "slots": 4, "budget_low": 3.9} | values, folder
    )


# --- rounding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("states", [3, 10, 200])
def test_single_precision_is_normalised_and_said(tmp_path, states):
    given = {name: array.astype(np.float32) for name, array in arrays(states).items()}
    off = np.abs(given["transition"].astype(float).sum(axis=-1) - 1).max()
    assert 1e-9 < off < 1e-6
    model = load_tabular(saved(tmp_path, **given), slots=4)
    np.testing.assert_allclose(model.transition.sum(axis=-1), 1, rtol=0, atol=1e-15)
    np.testing.assert_allclose(model.transition[0], given["transition"], rtol=1e-6)
    (note,) = model.notes
    assert note.startswith("transition: rows sum to 1 within") and "normalised" in note
    assert prepare(tmp_path, model="m.npz", baseline=",".join(["0.5"] * 2)).notes[1].endswith(note)


def test_exact_rows_stay_as_they_are():
    given = arrays()
    model = tabular_model(**given, slots=4)
    assert model.notes == ()
    total = given["transition"].sum(axis=-1, keepdims=True)
    np.testing.assert_array_equal(model.transition[0], given["transition"] / total)


def test_more_than_rounding_is_refused():
    given = arrays()
    given["transition"][1, 0] *= 1 + 3e-6
    message = refused(lambda: tabular_model(**given, slots=4))
    assert "transition[0, 1, 0]: 1.000003" in message and "want 1, to 1e-06" in message
    half = {name: array.astype(np.float16) for name, array in arrays().items()}
    assert "is what the row sums to" in refused(lambda: tabular_model(**half, slots=4))


def test_a_baseline_in_single_precision_is_one(tmp_path):
    baseline = RNG.dirichlet(np.ones(2), 3).astype(np.float32)
    saved(tmp_path, **arrays(), baseline=baseline)
    ready = prepare(tmp_path, model="m.npz")
    np.testing.assert_allclose(ready.content.baseline.sum(axis=-1), 1, rtol=0, atol=1e-15)


# --- axes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ((1, 0, 2), "action, state, next state"),
        ((2, 0, 1), "next state, state, action"),
        ((2, 1, 0), "next state, action, state"),
        ((0, 2, 1), "state, next state, action"),
    ],
)
def test_the_order_of_axes_is_found_and_named(order, names):
    given = arrays()
    turned = given["transition"].transpose(order)
    message = refused(lambda: tabular_model(**given | {"transition": turned}, slots=4))
    assert len(message.splitlines()) == 1
    assert message.startswith(f"transition: has the axes [{names}] (want [state, action, next")
    remedy = message.partition("next state]: ")[2].removesuffix(")").rpartition("]: ")[2]
    righted = eval(remedy, {"np": np, "transition": turned})
    np.testing.assert_array_equal(righted, given["transition"])
    slotted = np.broadcast_to(turned, (4, *turned.shape))
    assert names in refused(lambda: tabular_model(**given | {"transition": slotted}))


def test_slots_behind_the_other_axes_are_named():
    given = arrays()
    slotted = np.stack([given["transition"]] * 4, axis=-1)
    message = refused(lambda: tabular_model(**given | {"transition": slotted}))
    assert len(message.splitlines()) == 1
    assert "has the axes [state, action, next state, slot]" in message
    assert "np.moveaxis(transition, -1, 0)" in message


def test_losses_by_action_are_named():
    given = arrays()
    turned = given | {name: given[name].T for name in ("loss", "consumption")}
    lines = refused(lambda: tabular_model(**turned, slots=4)).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["loss", "consumption"]
    assert "np.swapaxes(loss, -2, -1)" in lines[0]


def test_axes_that_may_be_several_are_one_error():
    given = arrays(states=3, actions=3)
    turned = given | {"transition": np.moveaxis(given["transition"], -1, 0)}
    message = refused(lambda: tabular_model(**turned, slots=4))
    assert len(message.splitlines()) == 1
    assert "transition: does not sum to 1 along its last axis" in message
    assert "want [state, action, next state]" in message


def test_shapes_that_do_not_fit_blame_the_transition():
    given = arrays()
    message = refused(
        lambda: tabular_model(**given | {"transition": np.full((5, 2, 3), 1 / 3)}, slots=4)
    )
    assert len(message.splitlines()) == 1 and message.startswith("transition: has 5 entries")
    message = refused(lambda: tabular_model(**given | {"initial": np.float64(0)}, slots=4))
    assert "1 at the first state, 0 elsewhere" in message


def test_pymdptoolboxs_names_are_known(tmp_path):
    given = arrays()
    P = np.moveaxis(given.pop("transition"), 1, 0)
    model = load_tabular(saved(tmp_path, P=P, **given, gamma=0.9), slots=4)
    assert model.notes == (
        "P is [action, state, next state], as in pymdptoolbox",
        "not used: gamma",
    )
    np.testing.assert_allclose(model.transition[0], np.moveaxis(P, 0, 1), rtol=1e-12)
    ours = load_tabular(saved(tmp_path, P=np.moveaxis(P, 0, 1), **given), slots=4)
    assert ours.digest == model.digest
    reward = given.pop("loss")
    message = refused(lambda: load_tabular(saved(tmp_path, P=P, R=reward, **given), slots=4))
    assert "lacks the array loss" in message and "R is a reward" in message


@pytest.mark.parametrize("slots", ["four", 2.5, 0, [1, 2], np.nan])
def test_slots_of_a_file_are_checked_beside_the_setting(tmp_path, slots):
    path = saved(tmp_path, **arrays(), slots=slots)
    assert "m.npz: slots: " in refused(lambda: load_tabular(path, slots=4))


# --- JSON -----------------------------------------------------------------------------------------


def outcomes(transition: np.ndarray, reward: np.ndarray) -> dict:
    """A table as Gymnasium's ``env.P``, every outcome in two halves."""
    states, actions, _ = transition.shape
    return {
        s: {
            a: [
                [transition[s, a, n] / 2, n, reward[s, a], False]
                for n in range(states)
                for _ in range(2)
            ]
            for a in range(actions)
        }
        for s in range(states)
    }


def written(folder: Path, content) -> Path:
    path = folder / "m.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def lists(given: dict) -> dict:
    return {name: np.asarray(array).tolist() for name, array in given.items()}


def test_json_of_arrays_is_the_model_of_the_arrays(tmp_path):
    given = arrays()
    path = written(tmp_path, lists(given) | {"slots": 4, "baseline": [[0.9, 0.1]] * 3})
    assert load_tabular(path).digest == tabular_model(**given, slots=4).digest
    assert prepare(tmp_path, model="m.json", slots="auto").content.baseline.shape == (1, 3, 2)


@pytest.mark.parametrize("name", ["P", "transition"])
def test_the_table_of_gymnasium_is_read(tmp_path, name):
    given = arrays()
    reward = -3 + 2 * given["loss"]
    table = outcomes(given["transition"], reward)
    rest = {key: given[key] for key in ("consumption", "initial")}
    model = load_tabular(written(tmp_path, lists(rest) | {name: table}), slots=4)
    np.testing.assert_allclose(model.transition[0], given["transition"], rtol=1e-12)
    wanted = (reward.max() - reward) / (reward.max() - reward.min())
    np.testing.assert_allclose(model.loss[0], wanted, rtol=1e-9, atol=1e-12)
    assert "env.P" in model.notes[0] and "expected rewards" in model.notes[1]
    own = load_tabular(written(tmp_path, lists(rest | {"loss": given["loss"]}) | {name: table}), 4)
    np.testing.assert_array_equal(own.loss[0], given["loss"])


def test_a_table_alone_says_what_it_lacks(tmp_path):
    given = arrays()
    path = written(tmp_path, outcomes(given["transition"], given["loss"]))
    message = refused(lambda: load_tabular(path, slots=4))
    assert "lacks the arrays consumption, initial" in message
    assert "initial_state_distrib" in message and len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop(1), "is no table of states and actions"),
        (lambda t: t[1].pop(0), "P.1: has not the 2 actions of state 0"),
        (lambda t: t[2][1].append([0.5, 3, 0.0, False]), "P.2.1[6]: is no outcome"),
        (lambda t: t[2][1].append([0.5, 1.5, 0.0]), "P.2.1[6]: is no outcome"),
        (lambda t: t[0].update({0: 7}), "P.0.0[0]: is no outcome"),
        (lambda t: t[0][0].append([0.5, 0, 0.0, True]), "transition[0, 0, 0]: 1.5"),
    ],
)
def test_tables_that_are_wrong_are_named(tmp_path, change, said):
    given = arrays()
    table = outcomes(given.pop("transition"), given["loss"])
    change(table)
    path = written(tmp_path, lists(given) | {"P": table})
    assert said in refused(lambda: load_tabular(path, slots=4))


# --- other files and damage -----------------------------------------------------------------------


def test_other_files_are_named_for_what_they_are(tmp_path):
    np.save(tmp_path / "m.npy", np.eye(2))
    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"loss": 1}))
    (tmp_path / "m.mat").write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(200))
    (tmp_path / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    kinds = {"npy": "one array (.npy)", "pkl": "a Python pickle", "mat": "a MATLAB", "h5": "HDF5"}
    for ending, kind in kinds.items():
        message = refused(lambda ending=ending: load_tabular(tmp_path / f"m.{ending}", slots=4))
        assert f"it holds {kind}" in message and "want an .npz file: np.savez(" in message
    (tmp_path / "m.json").write_text('{"loss": [[0.5]]}', encoding="utf-8")
    message = refused(lambda: load_tabular(tmp_path / "m.json", slots=4))
    assert "lacks the arrays consumption, transition, initial" in message
    (tmp_path / "m.json").write_text('{"loss": [' * 3000, encoding="utf-8")
    assert "m.json: " in refused(lambda: load_tabular(tmp_path / "m.json", slots=4))


def test_damaged_archives_are_one_line_and_code_2(tmp_path, monkeypatch, capsys):
    whole = saved(tmp_path, **arrays()).read_bytes()
    flipped = bytearray(whole)
    for place in (200, 700, len(whole) // 2):
        flipped[place] ^= 0x40
    files = {
        "cut": whole[: len(whole) // 2],
        "flip": bytes(flipped),
        "empty": b"",
        "junk": b"x" * 99,
    }
    study = 'figure = "m"\nfamily = "provisioning"\n[problem]\nname = "tabular"\nmodel = "m.npz"\n'
    study += 'slots = 4\nbaseline = "0.5,0.5"\n[[algorithm]]\nname = "oracle"\n'
    (tmp_path / "study.toml").write_text(
        study + "[run]\nhorizons = [20]\nseeds = 16\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    for content in files.values():
        (tmp_path / "m.npz").write_bytes(content)
        assert main(["check", "study.toml"]) == 2
        said = capsys.readouterr().err
        assert said.startswith("jaxsoco: problem.model: ") and said.count("\n") == 1
