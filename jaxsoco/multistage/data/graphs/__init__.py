"""Graphs in the layouts that other programs write: JSON, GraphML, DOT, lists of edges."""
