"""UCB1 at every node (Auer, Cesa-Bianchi and Fischer, Machine Learning 47, 2002).

P. Auer, N. Cesa-Bianchi and P. Fischer, "Finite-time analysis of the multiarmed bandit problem". Of
a node's ``n`` jobs ``N_m`` went to its child ``m`` and cost ``mean_m`` on average. It tries every
child once and then sends a job to the child with the least ::

    mean_m - sqrt(2 log n / N_m)

A node with ``K`` leaves for children whose costs are independent and do not change in law has an
expected regret of at most ``8 sum_m log T / Delta_m + (1 + pi^2 / 3) sum_m Delta_m`` after ``T``
jobs, over the children that are worse than the best by ``Delta_m > 0`` (theorem 1). Costs that
change, such as those of a child that learns itself, are outside the theorem.
"""

from __future__ import annotations

import jax

from jaxsoco.multistage.learners._indices import Plays, choose, first_plays
from jaxsoco.multistage.learners._nodes import NodesState, after_job, at_every_node, start_nodes
from jaxsoco.multistage.learners._rows import chosen_loss
from jaxsoco.multistage.learners._shared import way_of
from jaxsoco.multistage.settings_rivals import UCB1Params
from jaxsoco.multistage.spec import Action, Feedback, Spec
from jaxsoco.multistage.theory.descent import Visit
from jaxsoco.multistage.theory.tree import Level


def _init(key: jax.Array, params: UCB1Params, spec: Spec) -> NodesState:
    return start_nodes(key, spec, params.exploration, first_plays)


def _update(
    params: UCB1Params, state: NodesState, action: Action, feedback: Feedback
) -> NodesState:
    del params, action
    width, one = state.tree.width, state.ones[0]

    def step(level: Level, visit: Visit, node: Plays) -> Plays:
        count = node.count + chosen_loss(visit, one, width)
        total = node.total + chosen_loss(visit, feedback.cost, width)
        return choose(level, visit.place, count, total, state.numbers)

    return after_job(state, way_of(state.visits, feedback), step)


ucb1 = at_every_node(_init, _update)
"""Every node runs UCB1 by itself; parameters :class:`UCB1Params`."""
