"""The mathematics of the family: steps, price rule, metrics, offline optima."""
