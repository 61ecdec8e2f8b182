"""Loaders: recorded arrivals, models from files."""
