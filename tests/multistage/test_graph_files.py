"""Trees and graphs in the layouts that people have: each is read, or named for what it is."""

import gzip
import json
from pathlib import Path

import pytest

from jaxsoco import registry
from jaxsoco.core.errors import InputError
from jaxsoco.multistage import Tree, load_tree
from jaxsoco.multistage.data.tree_files import read_tree

EDGES = [("hub", "edge"), ("hub", "cloud"), ("edge", "e1"), ("edge", "e2"), ("cloud", "c1"),
         ("cloud", "c2")]  # fmt: skip
NAMES = ["hub", "edge", "cloud", "e1", "e2", "c1", "c2"]
TREE = Tree.from_edges(EDGES)
CHILDREN = {name: [b for a, b in EDGES if a == name] for name in NAMES}
LINKS = [{"source": a, "target": b} for a, b in EDGES]
NODES = [{"id": name} for name in NAMES]


def write(folder: Path, text: str, name: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(call) -> str:
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


def error_of(folder: Path, text: str, name: str = "g.txt") -> str:
    path = write(folder, text, name)
    return refused(lambda: load_tree(path))


def lines(*rows: str, end: str = "\n") -> str:
    return end.join(rows) + end


def tree_data(name: str, key: str) -> dict:
    children = [tree_data(child, key) for child in CHILDREN[name]]
    return {key: name, "value": 1} | ({"children": children} if children else {})


# --- JSON -----------------------------------------------------------------------------------------

GRAPH = {"directed": True, "multigraph": False, "graph": {}}
JSON = {
    "links": GRAPH | {"nodes": NODES, "links": LINKS},
    "edges": GRAPH | {"nodes": NODES, "edges": LINKS},
    "with data": GRAPH | {"nodes": NODES, "links": [{**x, "weight": 0.5, "key": 0} for x in LINKS]},
    "named": {"nodes": [{"name": n} for n in NAMES], "links": LINKS},
    "places": {
        "nodes": [{"name": n, "group": 1} for n in NAMES],
        "links": [{"source": NAMES.index(a), "target": NAMES.index(b)} for a, b in EDGES],
    },
    "from and to": {"nodes": NAMES, "edges": [{"from": a, "to": b} for a, b in EDGES]},
    "pairs of objects": {"nodes": NODES, "edges": [[a, b, {"weight": 1}] for a, b in EDGES]},
    "tree": tree_data("hub", "id"),
    "hierarchy": tree_data("hub", "name"),
    "adjacency": GRAPH
    | {"nodes": NODES, "adjacency": [[{"id": c} for c in CHILDREN[n]] for n in NAMES]},
    "cytoscape": GRAPH
    | {
        "data": [],
        "elements": {
            "nodes": [{"data": {"id": n, "value": n, "name": n}} for n in NAMES],
            "edges": [{"data": link} for link in LINKS],
        },
    },
    "cytoscape list": [
        *({"data": {"id": n}} for n in NAMES),
        *({"data": {"id": f"e{i}", **link}} for i, link in enumerate(LINKS)),
    ],
    "json graph": {"graph": {"nodes": {n: {} for n in NAMES}, "edges": LINKS}},
    "lists": CHILDREN,
    "dicts": {n: {c: {"weight": 1} for c in CHILDREN[n]} for n in NAMES},
    "list of pairs": [[*edge] for edge in EDGES],
    "list of links": LINKS,
    "parents": [{"id": "hub", "parent": None}] + [{"id": b, "parent": a} for a, b in EDGES],
}


@pytest.mark.parametrize("layout", JSON)
@pytest.mark.parametrize("indent", [None, 1])
def test_layouts_in_json_are_read(tmp_path, layout, indent):
    path = write(tmp_path, json.dumps(JSON[layout], indent=indent), "g.json")
    assert load_tree(path) == TREE


@pytest.mark.parametrize("name", ["g.txt", "g.JSON", "tree"])
def test_the_content_tells_and_not_the_name(tmp_path, name):
    assert load_tree(write(tmp_path, json.dumps(JSON["links"]), name)) == TREE


def test_json_lines_and_packed_files_are_read(tmp_path):
    text = lines(*map(json.dumps, LINKS))
    assert load_tree(write(tmp_path, text, "g.jsonl")) == TREE
    packed = tmp_path / "g.csv.gz"
    packed.write_bytes(gzip.compress(lines(*map(",".join, EDGES)).encode()))
    assert load_tree(packed) == TREE


def test_names_of_a_hierarchy_may_be_there_twice(tmp_path):
    content = {"name": "r", "children": [{"name": x, "children": [{"name": "z"}]} for x in "ab"]}
    tree = load_tree(write(tmp_path, json.dumps(content), "g.json"))
    assert tree.names == ("r", "a", "b", "z", "z") and tree.leaves == 2


def test_integers_and_tuples_are_names(tmp_path):
    content = {"nodes": [{"id": [0, i]} for i in range(3)],
               "links": [{"source": [0, 0], "target": [0, i]} for i in (1, 2)]}  # fmt: skip
    assert load_tree(write(tmp_path, json.dumps(content), "g.json")).names[0] == "(0, 0)"
    numbered = {"nodes": [{"id": i} for i in (7, 8, 9)],
                "links": [{"source": 7, "target": 8}, {"source": 7, "target": 9}]}  # fmt: skip
    assert load_tree(write(tmp_path, json.dumps(numbered), "g.json")).names == ("7", "8", "9")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"directed": True, "nodes": NODES}, "holds directed, nodes: no layout that is known"),
        ({"nodes": NODES, "links": [{"a": 1}, {"b": 2}]}, "links[1]: holds b"),
        ({"nodes": NODES, "links": [{"source": "hub"}] * 9}, "links[8]: holds source"),
        ({"nodes": [{"x": 1}], "links": LINKS}, "nodes[0]: has no id"),
        ({"nodes": NODES, "links": [{"source": {}, "target": "a"}]}, "links[0].source: found"),
        ({"nodes": NODES, "adjacency": [[]]}, "adjacency: has 1 rows for 7 nodes"),
        ({"id": "r", "children": [{"name": "x"}]}, "r: a child has no id"),
        ({"id": "r", "children": {"a": 1}}, "r: children: want a list"),
        ({"elements": {"nodes": 3}}, "elements: want lists of nodes and edges"),
        ([1, 2], "top level: want an object"),
        (7, "top level: want an object"),
    ],
)
def test_json_that_is_no_graph_is_named(tmp_path, content, said):
    assert said in error_of(tmp_path, json.dumps(content), "g.json")


@pytest.mark.parametrize("levels", [900, 3000, 100_000])
@pytest.mark.parametrize("name", ["a", "n{}"])
def test_deep_json_is_one_line(tmp_path, levels, name):
    text = "".join(f'{{"{name.format(i)}":' for i in range(levels)) + "{}" + "}" * levels
    message = error_of(tmp_path, text, "g.json")
    assert len(message.splitlines()) == 1 and "64" in message


def test_thousands_of_bad_links_are_counted(tmp_path):
    message = error_of(
        tmp_path, json.dumps({"nodes": [], "links": [{"x": i} for i in range(5000)]})
    )
    assert len(message.splitlines()) == 11
    assert message.endswith("and 4,990 more edges like these")


# --- GraphML and DOT ------------------------------------------------------------------------------

GRAPHML = """<?xml version='1.0' encoding='utf-8'?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="d0" for="{node}" attr.name="label" attr.type="string" />
  <graph edgedefault="{kind}">
    {nodes}
    {edges}
  </graph>
</graphml>
"""


def graphml(kind: str = "directed", label=None, node: str = "node") -> str:
    data = (lambda n: f'<data key="d0">{label(n)}</data>') if label else (lambda n: "")
    nodes = [f'<node id="{n}">{data(n)}</node>' for n in NAMES]
    edges = [f'<edge source="{a}" target="{b}"><data key="d1">0.5</data></edge>' for a, b in EDGES]
    return GRAPHML.format(kind=kind, node=node, nodes="\n".join(nodes), edges="\n".join(edges))


def test_graphml_is_read(tmp_path):
    for text in (graphml(), graphml("undirected"), graphml(label=lambda n: "same")):
        assert load_tree(write(tmp_path, text, "g.graphml")) == TREE
    tree = load_tree(write(tmp_path, graphml(label=str.upper), "g.xml"))
    assert tree.names == tuple(name.upper() for name in TREE.names)


def test_graphml_that_is_wrong_is_one_line(tmp_path):
    bad = graphml()
    for text, said in (
        (bad.replace("</graph>", ""), "g.graphml: is no GraphML: mismatched tag"),
        (bad.replace("<graphml", "<!DOCTYPE x [<!ENTITY a 'b'>]>\n<graphml"), "entities of XML"),
        (bad.replace("</graph>", "<hyperedge/></graph>"), "hyperedge"),
        (bad.replace('source="hub"', ""), "edge[1]: has no source or no target"),
        ("<graphml>" + "".join(f'<node id="n{i}"/>' for i in range(600)) + "</graphml>", "edges"),
    ):
        message = error_of(tmp_path, text, "g.graphml")
        assert said in message and len(message.splitlines()) <= 11


DOT = {
    "networkx": 'strict digraph  {\n"hub";\nedge;\nhub -> edge;\nhub -> cloud;\nedge -> e1;\n'
    "edge -> e2;\ncloud -> c1;\ncloud -> c2;\n}\n",
    "by hand": 'digraph "my net" {\n  // agents\n  rankdir=LR; node [shape=box, label="a -> b"];\n'
    "  edge [color=red]\n  hub -> {edge cloud} [weight=2];\n  edge:p:n -> e1; edge -> e2\n"
    "  subgraph cluster_0 { label=<<b>x</b>>; cloud -> c1 /* c2 */ -> {} ; }\n"
    '  # more\n  cloud -> "c2";\n}',
    "undirected": "graph { hub -- edge; hub -- cloud; edge -- e1; edge -- e2; cloud -- c1;"
    " cloud -- c2 }",
    "chains": "digraph { hub -> edge -> e1; edge -> e2; hub -> cloud -> c1; cloud -> c2 }",
}


@pytest.mark.parametrize("layout", DOT)
@pytest.mark.parametrize("above", ["", "// by hand\n", "/* by\nhand */ "])
def test_dot_is_read_by_its_edges(tmp_path, layout, above):
    tree = load_tree(write(tmp_path, above + DOT[layout], "g.dot"))
    assert sorted(tree.names) == sorted(NAMES)
    named = {tuple(tree.name(i) for i in path) for path in tree.leaf_paths()}
    assert named == {tuple(TREE.name(i) for i in path) for path in TREE.leaf_paths()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("digraph { a -> b", "line 1: no DOT: found the end of the file"),
        ("digraph {\n a -> \n}", "line 3: no DOT: found } (want a node"),
        ("digraph {\n a-b -> c }", "line 2: no DOT: found -"),
        ("digraph {\n a -> b [x=1 }", "no DOT"),
        ("digraph " + "{" * 99, "subgraphs within each other"),
        ("tree { a -> b }", "no DOT: found tree (want graph or digraph)"),
        ("digraph { a -> b; b -> a }", "a cycle: a -> b -> a"),
        ("digraph { a -> b; c }", "c is an orphan"),
        (
            "digraph { a -> b }\ndigraph { c -> d }",
            "line 2: no DOT: found digraph (want one graph)",
        ),
    ],
)
def test_dot_that_is_wrong_has_its_line(tmp_path, text, said):
    message = error_of(tmp_path, text, "g.gv")
    assert said in message and len(message.splitlines()) == 1


def test_names_in_dot_may_be_quoted(tmp_path):
    text = r'digraph { "edge server" -> "leaf \"1\""; "edge server" -> "a" + "b"; }'
    tree = load_tree(write(tmp_path, text, "g.dot"))
    assert tree.names == ("edge server", 'leaf "1"', "ab")


# --- lists ----------------------------------------------------------------------------------------

ROWS = [*map(",".join, EDGES)]
LISTS = {
    "plain": lines(*ROWS),
    "dict": lines(*(f"{a} {b} {{}}" for a, b in EDGES)),
    "data": lines(*(f"{a} {b} {{'weight': 0.5, 'name': 'x y'}}" for a, b in EDGES)),
    "data, commas": lines(*(f"{a},{b},{{'weight': 0.5, 'name': 'x y'}}" for a, b in EDGES)),
    "weights": lines(*(f"{a} {b} 0.5" for a, b in EDGES)),
    "weights, commas": lines(*(f"{a},{b},0.5,1e3" for a, b in EDGES)),
    "adjacency": lines("#/usr/bin/write", "# GMT Mon Jan  1 00:00:00 2024", "#",
                       *(" ".join([n, *CHILDREN[n]]) for n in NAMES)),
    "source and target": lines("source,target", *ROWS),
    "from and to": lines("# tree of agents", "from,to", *ROWS),
    "under a comment": lines("# tree of agents", "parent,child", *ROWS),
    "with more": lines("id,Source,Target,weight", *(f"{i},{r},0.5" for i, r in enumerate(ROWS))),
    "by blanks": lines("source target", *(f"{a} {b}" for a, b in EDGES)),
    "stratified": lines("id,parent", "hub,", *(f"{b},{a}" for a, b in EDGES)),
    "no parent": lines("id,parent", "hub,NaN", *(f"{b},{a}" for a, b in EDGES)),
    "parent -1": lines("parent,child", "-1,hub", *ROWS),
    "semicolons": lines("parent;child", *(f"{a};{b}" for a, b in EDGES)),
    "bars": lines(*(f"{a} | {b}" for a, b in EDGES)),
    "tabs": lines(*(f"{a}\t{b}" for a, b in EDGES), end="\r\n"),
    "index": lines(",parent,child", *(f"{i},{r}" for i, r in enumerate(ROWS))),
    "index alone": lines(*(f"{i},{r}" for i, r in enumerate(ROWS))),
    "excel": lines("sep=;", "parent;child", *(f"{a};{b}" for a, b in EDGES), end="\r\n"),
    "quotes": lines("parent,child", *(f'"{a}",{b}' if len(b) > 2 else f'{a},"{b}"'
                                      for a, b in EDGES)),
    "commas at the end": lines(*(f"{row}," for row in ROWS)),
}  # fmt: skip


@pytest.mark.parametrize("layout", LISTS)
def test_lists_are_read(tmp_path, layout):
    assert load_tree(write(tmp_path, LISTS[layout], "g.csv")) == TREE


def test_blanks_in_names_are_theirs(tmp_path):
    text = lines("parent,child", "robot,edge server", "robot,cloud", "edge server,leaf 1")
    tree = load_tree(write(tmp_path, text, "g.csv"))
    assert tree.names == ("robot", "edge server", "leaf 1", "cloud")


def test_a_root_may_be_called_none(tmp_path):
    text = lines("parent,child", "None,a", "None,b")
    assert load_tree(write(tmp_path, text, "g.csv")).names == ("None", "a", "b")


def test_tuples_are_names_in_lists_too(tmp_path):
    for text in ("(0, 0) (0, 1) {}\n(0, 0) (1, 0) {}\n", "(0, 0),(0, 1)\n(0, 0),(1, 0)\n"):
        tree = load_tree(write(tmp_path, text, "g.edgelist"))
        assert tree.names == ("(0, 0)", "(0, 1)", "(1, 0)")


def test_nodes_may_be_called_like_columns(tmp_path):
    text = lines("source,target", "source,a", "target,b", "target,c")
    assert load_tree(write(tmp_path, text, "g.csv")).names[:2] == ("source", "target")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(a,b);", "g.nwk: holds Newick, which is not read"),
        ("((e1,e2)edge,(c1:0.5,c2)cloud)hub;\n", "g.nwk: holds Newick"),
        ("(a,b)c", "g.nwk: holds Newick"),
        ("#NEXUS\nbegin trees;\nend;\n", "holds Nexus"),
        ("<gexf><graph/></gexf>", "holds GEXF"),
        ("<html><body>404</body></html>", "holds HTML"),
        ("graph [\n  directed 1\n]\n", "holds GML"),
        ("{'hub': {'edge': {}}}", "line 1: no JSON"),
        (lines("robot edge server", "robot cloud"), "names with blanks in quotes"),
        (lines("hub,edge", "hub"), "line 2: 1 names"),
        (lines("parent,child", "hub,edge", "hub,"), "line 3: 1 names"),
        (lines("mother,daughter", "hub,a", "hub,b"), 'if "mother,daughter" names the columns'),
        (lines("parent,child"), "there are none"),
        ("", "there are none"),
        (lines("1 hub", "2 edge", "3 cloud", "#", "1 2", "1 3"), "holds TGF, with labels of nodes"),
        (lines("hub -> edge"), "without an arrow, or DOT"),
        (lines("a,b", "b,c", "c,a"), "a cycle: a -> b -> c -> a"),
        (lines("a,a"), "a cycle: a -> a"),
    ],
)
def test_what_is_no_list_of_edges_is_named(tmp_path, text, said):
    message = error_of(tmp_path, text, "g.nwk" if text.startswith("(") else "g.txt")
    assert said in message and len(message.splitlines()) == 1


@pytest.mark.parametrize("name", ["g.txt", "g.dot", "g"])
def test_comments_above_do_not_hide_what_a_file_holds(tmp_path, name):
    text = "# made by hand\n\n# today\n"
    assert load_tree(write(tmp_path, text + DOT["chains"], name)).leaves == 4
    assert "holds Newick" in error_of(tmp_path, text + "(a,b);", "g.txt")


def test_binary_files_are_named(tmp_path):
    path = tmp_path / "g.csv"
    for content, said in (
        (b"PK\x03\x04" + bytes(99), "zip"),
        ("a,b\nb,c\n".encode("utf-16"), "UTF-16"),
        (b"PAR1\x15\x04" + bytes(99), "Parquet"),
    ):
        path.write_bytes(content)
        message = refused(lambda: load_tree(path))
        assert said in message and len(message.splitlines()) == 1


# --- graphs that are no trees ---------------------------------------------------------------------


def test_a_graph_is_unfolded_and_said(tmp_path):
    edges = [("s", "a"), ("s", "b"), ("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    tree, notes = read_tree(write(tmp_path, lines(*map(",".join, edges)), "g.csv"))
    assert tree.leaves == 4
    assert notes == ("a graph of 5 nodes: its 4 paths are those of the tree",)


def test_too_many_paths_are_counted(tmp_path):
    layers = [(f"{i}{a}", f"{i + 1}{b}") for i in range(40) for a in "xy" for b in "xy"]
    text = lines("r,0x", "r,0y", *map(",".join, layers))
    message = error_of(tmp_path, text)
    assert f"the {2**41} paths of the graph make a tree of over 100000 nodes" in message


def test_no_direction_is_said_where_it_matters(tmp_path):
    content = JSON["links"] | {"directed": False}
    tree, notes = read_tree(write(tmp_path, json.dumps(content), "g.json"))
    assert tree == TREE and notes[0] == "read as node-link JSON" and "no direction" in notes[1]
    content["links"] = [{"source": b, "target": a} for a, b in EDGES]
    message = error_of(tmp_path, json.dumps(content))
    assert "4 roots" in message and "its edges have no direction" in message


def test_notes_reach_the_report_and_plain_files_have_none(tmp_path):
    entry = registry.problem("multistage/bernoulli_tree")
    values = {field.name: field.default for field in entry.fields} | {"horizon": 200}
    write(tmp_path, json.dumps(JSON["links"]), "g.json")
    ready = entry.prepared(values | {"tree": "g.json"}, tmp_path)
    assert ready.notes == ("tree: g.json", "g.json: read as node-link JSON")
    plain = ("g.csv", LISTS["plain"]), ("p.json", json.dumps({"edges": EDGES}))
    for name, text in plain:
        write(tmp_path, text, name)
        ready = entry.prepared(values | {"tree": name}, tmp_path)
        assert ready.notes == (f"tree: {name}",)
        assert ready.identity["tree"] == name


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("graph TD\n root --> a\n root --> b\n", "Mermaid"),
        ("@startmindmap\n* root\n** a\n@endmindmap\n", "PlantUML"),
        ("name: root\nchildren:\n  - name: a\n  - name: b\n", "YAML"),
        ("root:\n  - a\n  - b\n", "YAML"),
        ("root\n  a\n  b\n", "an indented outline"),
    ],
)
def test_diagrams_and_outlines_are_named_once(tmp_path, text, kind):
    error = error_of(tmp_path, text, "g.txt")
    wanted = "want a list of edges, JSON, GraphML or DOT"
    assert error == f"g.txt: holds {kind}, which is not read ({wanted})"
