"""Carbon intensity and latency: measured data from files, and stand-ins that need none."""

from jaxsoco.allocation.data.carbon import CarbonTrace
from jaxsoco.allocation.data.loading import load_carbon_csv

__all__ = ["CarbonTrace", "load_carbon_csv"]
