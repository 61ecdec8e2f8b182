"""The paper's subsets of its 14 regions (experiment IV), by name."""

from __future__ import annotations

from collections.abc import Sequence

from jaxsoco.allocation.data.network import find_regions
from jaxsoco.core.errors import InputError, Issue

SUBSETS: dict[str, tuple[str, ...]] = {
    "mixed": (
        "ap-northeast-2",  # South Korea
        "us-east-1",  # Virginia
        "ap-southeast-2",  # Sydney
        "ca-central-1",  # Quebec
        "eu-west-3",  # France
    ),
    "mixed-2": (
        "us-west-1",  # California
        "ap-northeast-2",  # South Korea
        "eu-central-1",  # Germany
        "ap-south-2",  # Hyderabad
        "il-central-1",  # Israel
        "eu-north-1",  # Sweden
        "af-south-1",  # South Africa
    ),
    "north-america": ("us-east-1", "us-west-1", "us-west-2", "ca-central-1"),
    "eu": ("eu-central-1", "eu-west-2", "eu-west-3", "eu-north-1"),
}
"""AWS names of the regions of each subset but ``"no-hydro"``, which leaves two out."""

HYDRO = ("eu-north-1", "ca-central-1")
"""Regions that water power keeps low all year: Sweden and Quebec."""


def subset_regions(subset: str, available: Sequence[str]) -> tuple[str, ...]:
    """The regions of a subset, as a trace calls them (AWS names or Electricity Maps zones).

    Args:
      subset: ``"no-hydro"`` (all of the trace but Sweden and Quebec), or a key of ``SUBSETS``.
      available: names of the trace's regions.

    Returns:
      Their names: those of ``"no-hydro"`` in the trace's order, others in that of the subset.

    Raises:
      InputError: the trace lacks some of them.
    """
    if subset == "no-hydro":
        hydro = {name for region in find_regions(HYDRO) for name in (region.name, region.zone)}
        return tuple(name for name in available if name not in hydro)
    names, missing = [], []
    for region in find_regions(SUBSETS[subset]):
        present = [name for name in (region.name, region.zone) if name in available]
        names += present[:1]
        missing += [] if present else [f"{region.name} ({region.zone})"]
    if missing:
        message = f'"{subset}" needs {", ".join(missing)}, which the data lack'
        raise InputError(
            Issue("regions", message, "name regions of the data: " + ", ".join(available))
        )
    return tuple(names)
