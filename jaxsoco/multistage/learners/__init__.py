"""The learners: one file each, named after it."""
