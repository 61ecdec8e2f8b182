"""Hitting costs, movements, work functions, optima: the mathematics of the family."""
