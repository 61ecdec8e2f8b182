"""Trees of agents with end-to-end bandit feedback: eps-EXP3 and its baselines.

I-Hong Hou, "Distributed no-regret learning for multi-stage systems with end-to-end bandit
feedback", arXiv 2404.04509 (MobiHoc 2024); Wei and Luo, "More adaptive algorithms for adversarial
bandits", COLT 2018. ``jaxsoco list multistage`` tells what there is.

For a learner of one's own, :func:`descend` sends a job down the tree by :func:`policies`;
:func:`pick`, :func:`put`, :func:`tables` and :func:`first_visits` are for its state.
"""

from __future__ import annotations

from jaxsoco.core.lazy import lazy_names
from jaxsoco.multistage.settings import FAMILY as FAMILY

# Module -> public names. No module of this package bears one of them: importing it would put the
# module in the name's place. Nothing here imports JAX before it is used.
_MODULES = {
    "settings_problems": "BernoulliTree EdgeComputing Multihop Routing LowerBoundChain "
    "RecordedCosts",
    "settings_worlds": "SwitchingTree DelayedTree HeavyTailedTree ReactiveTree",
    "settings_learners": "EpsilonEXP3Params AnytimeParams EXP3Params NormalizedEGParams "
    "BroadOMDParams OraclePolicyParams",
    "settings_rivals": "EXP3IXParams EXP3PParams TsallisINFParams EXP3SParams UCB1Params "
    "DiscountedUCBParams SlidingWindowUCBParams LeafEXP3Params NodeEXP4Params",
    "settings": "epsilon_exp3_params anytime_epsilon_exp3_params exp3_params "
    "normalized_eg_params broad_omd_params oracle_policy_params exp3_ix_params exp3_p_params "
    "tsallis_inf_params exp3_s_params ucb1_params discounted_ucb_params "
    "sliding_window_ucb_params leaf_exp3_params node_exp4_params",
    "learners.epsilon_exp3": "epsilon_exp3",
    "learners.anytime_epsilon_exp3": "anytime_epsilon_exp3",
    "learners.exp3": "exp3",
    "learners.normalized_eg": "normalized_eg",
    "learners.broad_omd": "broad_omd",
    "learners.oracle_policy": "oracle_policy",
    "learners.exp3_ix": "exp3_ix",
    "learners.exp3_p": "exp3_p",
    "learners.tsallis_inf": "tsallis_inf",
    "learners.exp3_s": "exp3_s",
    "learners.ucb1": "ucb1",
    "learners.discounted_ucb": "discounted_ucb",
    "learners.sliding_window_ucb": "sliding_window_ucb",
    "learners.leaf_exp3": "leaf_exp3",
    "learners.node_exp4": "node_exp4",
    "spec": "Spec Observation Policy Change Action Feedback Costs",
    "problem": "multistage",
    "prepare": "bernoulli_tree edge_computing multihop routing lower_bound_chain recorded_costs",
    "prepare_worlds": "switching_tree delayed_tree heavy_tailed_tree reactive_tree",
    "theory.tree": "Tree",
    "theory.levels": "pick put tables",
    "theory.policy": "policies uniform_probabilities play_probabilities",
    "theory.descent": "Visit descend first_visits",
    "theory.values": "expected_cost",
    "theory.bounds": "theory_rates regret_bound",
    "theory.delays": "late_probability",
    "data.tree_files": "load_tree",
    "data.trials": "Replay replay",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _MODULES, ["FAMILY"])
