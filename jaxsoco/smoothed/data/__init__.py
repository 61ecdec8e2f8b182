"""Loads and other data from files."""
