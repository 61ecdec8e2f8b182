"""Several jobs that arrive over time and share regional capacity: beyond the paper.

In every hour and region only so many jobs may run at once. A job keeps the states, costs and
deadline of the single-job problem; OFF takes no capacity. Costs add up over the jobs::

    minimise  sum_i cost_i(p^i)   subject to   sum_i p^i_h[ON_u] <= K_h(u)   for all hours, regions

The relaxation prices capacity: with ``lambda >= 0`` by hour and region every job is alone again::

    D(lambda) = sum_i OPT_i(f + lambda) - sum_{h,u} lambda_h(u) K_h(u)

``OPT_i`` is the linear optimum of one job at the priced costs. ``D`` is concave, every value of it
is a lower bound, and its maximum is the linear program's optimum.

==============  ====================================================================================
module          what is in it
==============  ====================================================================================
``network``     jobs, prices and capacity, checked: too little capacity is refused; no JAX
``room``        what is left of the capacity, and reservations that let every job finish; no JAX
``bound``       the relaxation: prices of capacity, and the lower bound
``crew``        admitted jobs as they really run: wishes, as far as there is room; no JAX
``online``      learners at posted prices, and an admission that never exceeds capacity
==============  ====================================================================================
"""
