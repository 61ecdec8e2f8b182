"""The front door: problems and learners by name, played, run and read. Public as ``jaxsoco``."""
