"""The contract every family of problems and algorithms keeps: types, random streams, checks."""
