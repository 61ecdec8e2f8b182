"""Hitting costs: random spectra, models of applications, files."""
