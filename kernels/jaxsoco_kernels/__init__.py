"""Numerical kernels for online decisions: pure JAX functions that know nothing of ``jaxsoco``.

Every kernel takes structural axes first and any number of trailing *lane* axes, works in float32
and float64, and returns its status and residual beside the value instead of raising
(:mod:`~jaxsoco_kernels.info`). Only shapes and dtypes raise, at trace time, with the argument's
name (:mod:`~jaxsoco_kernels.shapes`).

======================  ============================================================
``transport``           optimal transport on a small metric space
``minplus``             min-plus products, shortest paths
``hst``                 random tree embedding of a metric
``occupancy``           finite-horizon plans, within a budget, over uncertain models
``sensing``             a semidefinite matrix from noisy rank-one measurements
``jacobi``, ``psd``     warm eigenbases, functions of symmetric matrices
``mirror``              mirror steps on the simplex, compensated sums
``slopes``              one-dimensional problems with switching costs, exactly
``knots``               their slopes with few kinks (quadratic and absolute costs)
``thresholds``          their slopes on the integers and on a grid
``proximal``            the path of proximal points, small linear systems
``roots``               bisection and safeguarded Newton steps, lane by lane
``smoothing``           paths of least hitting and movement cost, with certificates
``splitting``           the same for any convex costs, in convex sets
``regions``             boxes, balls and the simplex: nearest points, support functions
``lattice``             dynamic programs over numbers of servers of several types
``dispatch``            a load shared among types of servers
======================  ============================================================
"""
