"""The parts of a study: its learners, what fixes its numbers, what its report says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class LearnerInfo:
    """A learner under study.

    Attributes:
      label: its own name in this study, ``st_clip(epsilon=0.1)``.
      name: of the algorithm in its family, ``st_clip``.
      base: the name that it shares with learners that differ from it in values alone.
      values: of every field.
    """

    label: str
    name: str
    base: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Setup:
    """Everything that fixes the numbers of a run: its JSON is what the identity is a digest of.

    Attributes:
      family: name of the family.
      problem: name of the problem in it.
      points: values of every problem field at every point.
      data: facts about what the points read (digests of files), each once.
      data_of_points: index into ``data`` for every point.
      learners: the algorithms, in order.
      comparators: names, in order.
      seeds: runs of every point.
      root_seed: root of all random streams.
      precision: ``"float32"`` or ``"float64"``.
      tile: runs compiled together.
      checkpoints: at how many rounds costs are kept, at most.
      versions: of jaxsoco and jax.
      plugins: module or distribution -> version or digest, where other packages take part.
    """

    family: str
    problem: str
    points: tuple[dict[str, Any], ...]
    learners: tuple[LearnerInfo, ...]
    comparators: tuple[str, ...]
    seeds: int
    data: tuple[dict[str, Any], ...] = ()
    data_of_points: tuple[int, ...] = ()
    root_seed: int = 0
    precision: str = "float64"
    tile: int = 1
    checkpoints: int = 1
    versions: Mapping[str, str] = field(default_factory=dict)
    plugins: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The ``settings`` of a manifest. Changing them ends the resumption of older runs."""
        return {
            "family": self.family,
            "problem": self.problem,
            "points": list(self.points),
            "data": list(self.data),
            "data_of_points": list(self.data_of_points),
            "learners": [
                {"label": learner.label, "name": learner.name, "values": learner.values}
                for learner in self.learners
            ],
            "comparators": list(self.comparators),
            "seeds": self.seeds,
            "root_seed": self.root_seed,
            "precision": self.precision,
            "tile": self.tile,
            "checkpoints": self.checkpoints,
            "versions": self.versions,
            **({"plugins": self.plugins} if self.plugins else {}),
        }

    @classmethod
    def from_json(cls, settings: Mapping[str, Any], variants: Mapping[str, Any]) -> Setup:
        """The setup of a manifest's ``settings``.

        Args:
          settings: as :meth:`to_json` made them; keys of later versions may be absent.
          variants: label -> ``base`` of a learner, where the manifest says so. What fixes numbers
            comes from the settings alone.
        """
        data = freeze(dict(settings))
        learners = []
        for entry in data["learners"]:
            info = {"base": entry["label"], **freeze(variants.get(entry["label"], {})), **entry}
            learners.append(LearnerInfo(info["label"], info["name"], info["base"], info["values"]))
        values: dict[str, Any] = {k: data[k] for k in cls.__dataclass_fields__ if k in data}
        return cls(**{**values, "learners": tuple(learners)})


@dataclass(frozen=True)
class Presentation:
    """What the report of a run says and shows beside its numbers; a resumed run renews it.

    Attributes:
      title: of the report and its figures.
      description: more of it.
      smoke: the run has the small size.
      checks: every ``[[check]]`` as the experiment states it.
      plots: every ``[[plot]]``, likewise.
      notes: lines, the attribution of data among them.
      warnings: lines.
      command: the command line that began the run.
      spec: text of the experiment file.
      tuning: what was searched for and where that is kept, if the learners come from a search; as
        ``analysis.searches`` reads it.
    """

    title: str
    description: str = ""
    smoke: bool = False
    checks: tuple[dict[str, Any], ...] = ()
    plots: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    command: str = ""
    spec: str = ""
    tuning: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All but the title, which a manifest has in another place."""
        content = {name: value for name, value in vars(self).items() if name != "title"}
        return content if self.tuning else {k: v for k, v in content.items() if k != "tuning"}

    @classmethod
    def from_json(cls, title: str, presentation: Mapping[str, Any]) -> Presentation:
        """The presentation of a manifest, under its title; what is absent has its default."""
        keys = cls.__dataclass_fields__.keys() & presentation.keys()
        values: dict[str, Any] = {key: presentation[key] for key in keys}
        lists = {key: tuple(v) for key, v in values.items() if isinstance(v, list | tuple)}
        return cls(**{"title": title, **values, **lists})


def freeze(value: Any) -> Any:
    """The value with every list a tuple, in dicts too: JSON knows no tuples."""
    if isinstance(value, Mapping):
        return {name: freeze(item) for name, item in value.items()}
    return tuple(map(freeze, value)) if isinstance(value, list | tuple) else value
