"""The mathematics of tracking: interpolation, expected costs, increments."""
