"""``jaxsoco plan``: one job of an experiment file, planned, and shown as table, JSON and figure.

The mathematics is in ``jaxsoco.allocation.planning``. ``command`` is the command line,
``experiment`` reads file and job and computes the plan, ``wording`` says it, ``figure`` draws it.
"""
