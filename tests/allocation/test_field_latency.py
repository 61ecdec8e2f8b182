"""Latencies as people have them: pairs, names as bytes, frames without names."""

import numpy as np
import pytest

from jaxsoco.allocation.data.network import load_latency
from jaxsoco.core.errors import InputError

REGIONS = ["DE", "FR", "GB"]
MATRIX = np.array([[0, 10, 15.5], [10, 0, 8], [15.5, 8, 0]])
PAIRS = [(a, b, MATRIX[i, j]) for i, a in enumerate(REGIONS) for j, b in enumerate(REGIONS)]


def put(folder, text: str, name: str = "rtt.csv"):
    (folder / name).write_text(text)
    return folder / name


def listed(header: str, pairs=PAIRS, form: str = "{},{},{}") -> str:
    return (
        "\n".join([*([header] if header else []), *(form.format(*pair) for pair in pairs)]) + "\n"
    )


def refused(file, regions=REGIONS) -> str:
    with pytest.raises(InputError) as caught:
        load_latency(file, regions)
    return str(caught.value)


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("sending_region,receiving_region,milliseconds", "{},{},{}"),
        ("from,to,ms", "{},{},{}"),
        ("source,target,latency", "{},{},{}"),
        ("Datetime,From,To,Latency (MS)", "2024-07-03 20:00:41,{},{},{}"),
        ("From;To;RTT (ms)", "{};{};{}"),
        ("ms,from,to", "{2},{0},{1}"),
        ("", "{},{},{}"),
    ],
)
def test_lists_of_pairs_are_read(tmp_path, header, form):  # L02
    file = put(tmp_path, listed(header, form=form))
    np.testing.assert_array_equal(load_latency(file, REGIONS), MATRIX)
    np.testing.assert_array_equal(load_latency(file, ["GB", "DE"]), [[0, 15.5], [15.5, 0]])


def test_a_pair_may_stand_once(tmp_path):
    pairs = [pair for pair in PAIRS if pair[0] < pair[1]]
    np.testing.assert_array_equal(
        load_latency(put(tmp_path, listed("a,b,c", pairs)), REGIONS), MATRIX
    )


def test_measured_pairs(tmp_path):
    # Whole milliseconds, a time to oneself, and each pair twice.
    text = "from,to,ms\nTW,HK,13\nHK,TW,14\nTW,TW,1\nHK,HK,1\n"
    np.testing.assert_array_equal(load_latency(put(tmp_path, text), ["TW", "HK"]),
                                  [[0, 13.5], [13.5, 0]])  # fmt: skip
    again = text + "TW,HK,15\nHK,TW,14\n"
    with pytest.warns(UserWarning, match="the mean of up to 2 times of a pair"):
        matrix = load_latency(put(tmp_path, again), ["TW", "HK"])
    np.testing.assert_array_equal(matrix, [[0, 14], [14, 0]])
    seconds = "from,to,seconds\nTW,HK,0.013\n"
    np.testing.assert_allclose(
        load_latency(put(tmp_path, seconds), ["TW", "HK"]), [[0, 13], [13, 0]]
    )


def test_what_is_wrong_with_pairs(tmp_path):
    message = refused(put(tmp_path, listed("from,to,ms", PAIRS[:2])))
    assert "has no pair with GB" in message
    pairs = [pair for pair in PAIRS if {*pair[:2]} != {"FR", "GB"}]
    assert "1 of 3 pairs are missing: FR to GB" in refused(
        put(tmp_path, listed("from,to,ms", pairs))
    )
    text = listed("from,to,ms") + "DE,FR,fast\nDE,GB\n"
    lines = refused(put(tmp_path, text)).splitlines()
    assert 'rtt.csv:11, column ms: "fast" is not a number' in lines[0]
    assert "rtt.csv:12: has 2 columns" in lines[1]
    apart = "from,to,ms\nDE,FR,10\nFR,DE,20\n"
    assert "is not symmetric, 50% apart" in refused(put(tmp_path, apart), ["DE", "FR"])


def test_names_of_a_pair_may_be_those_of_a_matrix(tmp_path):
    text = "ms,from,to\nfrom,0,5\nto,5,0\n"
    np.testing.assert_array_equal(
        load_latency(put(tmp_path, text), ["to", "from"]), [[0, 5], [5, 0]]
    )


@pytest.mark.parametrize("kind", ["U2", "S2"])
def test_names_in_an_archive_are_used(tmp_path, kind):  # L05
    order = [2, 1, 0]
    names = np.array(REGIONS, kind)[order]
    np.savez(tmp_path / "a.npz", rtt_ms=MATRIX[np.ix_(order, order)], names=names)
    np.testing.assert_array_equal(load_latency(tmp_path / "a.npz", REGIONS), MATRIX)


def test_one_of_several_vectors_of_names(tmp_path):
    order = [2, 1, 0]
    turned = MATRIX[np.ix_(order, order)]
    names, city = np.array(REGIONS)[order], np.array(["a", "b", "c"])
    for vectors in ({"names": names, "city": city}, {"place": names, "city": city}):
        np.savez(tmp_path / "a.npz", rtt_ms=turned, **vectors)
        np.testing.assert_array_equal(load_latency(tmp_path / "a.npz", REGIONS), MATRIX)
    np.savez(tmp_path / "a.npz", rtt_ms=turned, one=city, two=city)
    assert 'has 2 vectors of names: one, two (call the one of the regions "names")' in refused(
        tmp_path / "a.npz"
    )
    np.savez(tmp_path / "a.npz", rtt_ms=turned, names=city)
    assert 'has no region "DE"' in refused(tmp_path / "a.npz")


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("named", [True, False])
def test_frames_with_and_without_names(tmp_path, index, named):
    names = REGIONS if named else ["0", "1", "2"]
    rows = [",".join([*([""] if index else []), *names])]
    for name, row in zip(names, MATRIX, strict=True):
        rows.append(",".join([*([name] if index else []), *map(str, row)]))
    file = put(tmp_path, "\n".join(rows))
    np.testing.assert_array_equal(load_latency(file, REGIONS), MATRIX)
    if named:
        np.testing.assert_array_equal(load_latency(file, ["GB", "DE"]), [[0, 15.5], [15.5, 0]])


def test_dialects_of_a_matrix(tmp_path):
    text = "# measured\nsep=;\n;DE;FR;GB\n" + "\n".join(
        ";".join([name, *map(str, row)]) for name, row in zip(REGIONS, MATRIX, strict=True)
    )
    np.testing.assert_array_equal(load_latency(put(tmp_path, text), REGIONS), MATRIX)
    assert "holds JSON, not a table" in refused(put(tmp_path, "[[0, 1], [1, 0]]"))


# --- found by trying further files --------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        ",DE,FR,GB\nDE,0,10,15.5\nFR,,0,8\nGB,,,0\n",  # one half
        ",DE,FR,GB\nDE,-,10,15.5\nFR,10,-,8\nGB,15.5,8,-\n",
        ";DE;FR;GB\nDE;0;10;15,5\nFR;10;0;8\nGB;15,5;8;0\n",
        ",de,fr,gb\nde,0,10,15.5\nfr,10,0,8\ngb,15.5,8,0\n",
    ],
    ids=["half", "dashes", "decimal commas", "case"],
)
def test_habits_of_those_who_write_matrices(tmp_path, text):
    np.testing.assert_array_equal(load_latency(put(tmp_path, text), REGIONS), MATRIX)


def test_names_that_differ_in_case_alone_are_two(tmp_path):
    text = ",de,DE\nde,0,7\nDE,7,0\n"
    np.testing.assert_array_equal(load_latency(put(tmp_path, text), ["DE", "de"]), [[0, 7], [7, 0]])


def test_times_of_one_way_are_not_round_trips(tmp_path):
    for name in ("one_way_ms", "OWD (ms)"):
        message = refused(put(tmp_path, listed(f"from,to,{name}")))
        assert f"the column {name} holds times of one way (want round trips" in message


def test_seconds_are_doubted(tmp_path):
    text = ",DE,FR\nDE,0,0.010\nFR,0.010,0\n"
    with pytest.warns(UserWarning, match="times are read as ms, not as s"):
        load_latency(put(tmp_path, text), ["DE", "FR"])


def test_many_missing_regions_are_one_message(tmp_path):
    text = ",DE,FR\nDE,0,10\nFR,10,0\n"
    message = refused(put(tmp_path, text), ["A", "B", "C", "D", "DE"])
    assert message.count("\n") == 0
    assert "has none of 4 of 5 regions: A, B, C, D (it has DE, FR)" in message
