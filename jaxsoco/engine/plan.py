"""The plan of a sweep under the names that the engine uses; see :mod:`jaxsoco.core.plan`."""

from jaxsoco.core.plan import Chunk, Plan
from jaxsoco.core.plan import Group as GroupPlan

__all__ = ["Chunk", "GroupPlan", "Plan"]
