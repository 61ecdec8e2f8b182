"""The learners, one module each; what several of them need is in ``_shared``."""
