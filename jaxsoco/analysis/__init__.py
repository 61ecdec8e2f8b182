"""From stored runs to tables, fitted exponents, checks of a paper's claims, and figures.

Nothing here imports JAX; matplotlib is imported only to draw.
"""

from __future__ import annotations

from jaxsoco.analysis.checks import CHECKS, validate_check
from jaxsoco.analysis.plots import PLOTS, validate_plot
from jaxsoco.analysis.report import ReportResult, write_report

__all__ = ["CHECKS", "PLOTS", "ReportResult", "validate_check", "validate_plot", "write_report"]
