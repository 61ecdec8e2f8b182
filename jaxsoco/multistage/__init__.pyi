"""Public names with their types: what ``__init__.py`` loads when they are first used."""

from jaxsoco.multistage.data.tree_files import load_tree as load_tree
from jaxsoco.multistage.data.trials import Replay as Replay
from jaxsoco.multistage.data.trials import replay as replay
from jaxsoco.multistage.learners.anytime_epsilon_exp3 import (
    anytime_epsilon_exp3 as anytime_epsilon_exp3,
)
from jaxsoco.multistage.learners.broad_omd import broad_omd as broad_omd
from jaxsoco.multistage.learners.epsilon_exp3 import epsilon_exp3 as epsilon_exp3
from jaxsoco.multistage.learners.exp3 import exp3 as exp3
from jaxsoco.multistage.learners.normalized_eg import normalized_eg as normalized_eg
from jaxsoco.multistage.learners.oracle_policy import oracle_policy as oracle_policy
from jaxsoco.multistage.prepare import bernoulli_tree as bernoulli_tree
from jaxsoco.multistage.prepare import edge_computing as edge_computing
from jaxsoco.multistage.prepare import lower_bound_chain as lower_bound_chain
from jaxsoco.multistage.prepare import multihop as multihop
from jaxsoco.multistage.prepare import recorded_costs as recorded_costs
from jaxsoco.multistage.problem import multistage as multistage
from jaxsoco.multistage.settings import FAMILY as FAMILY
from jaxsoco.multistage.settings import AnytimeParams as AnytimeParams
from jaxsoco.multistage.settings import BernoulliTree as BernoulliTree
from jaxsoco.multistage.settings import BroadOMDParams as BroadOMDParams
from jaxsoco.multistage.settings import EdgeComputing as EdgeComputing
from jaxsoco.multistage.settings import EpsilonEXP3Params as EpsilonEXP3Params
from jaxsoco.multistage.settings import EXP3Params as EXP3Params
from jaxsoco.multistage.settings import LowerBoundChain as LowerBoundChain
from jaxsoco.multistage.settings import Multihop as Multihop
from jaxsoco.multistage.settings import NormalizedEGParams as NormalizedEGParams
from jaxsoco.multistage.settings import OraclePolicyParams as OraclePolicyParams
from jaxsoco.multistage.settings import RecordedCosts as RecordedCosts
from jaxsoco.multistage.settings import anytime_epsilon_exp3_params as anytime_epsilon_exp3_params
from jaxsoco.multistage.settings import broad_omd_params as broad_omd_params
from jaxsoco.multistage.settings import epsilon_exp3_params as epsilon_exp3_params
from jaxsoco.multistage.settings import exp3_params as exp3_params
from jaxsoco.multistage.settings import normalized_eg_params as normalized_eg_params
from jaxsoco.multistage.settings import oracle_policy_params as oracle_policy_params
from jaxsoco.multistage.spec import Action as Action
from jaxsoco.multistage.spec import Change as Change
from jaxsoco.multistage.spec import Costs as Costs
from jaxsoco.multistage.spec import Feedback as Feedback
from jaxsoco.multistage.spec import Observation as Observation
from jaxsoco.multistage.spec import Policy as Policy
from jaxsoco.multistage.spec import Spec as Spec
from jaxsoco.multistage.theory.bounds import regret_bound as regret_bound
from jaxsoco.multistage.theory.bounds import theory_rates as theory_rates
from jaxsoco.multistage.theory.delays import late_probability as late_probability
from jaxsoco.multistage.theory.descent import Visit as Visit
from jaxsoco.multistage.theory.descent import descend as descend
from jaxsoco.multistage.theory.descent import first_visits as first_visits
from jaxsoco.multistage.theory.levels import pick as pick
from jaxsoco.multistage.theory.levels import put as put
from jaxsoco.multistage.theory.levels import tables as tables
from jaxsoco.multistage.theory.policy import play_probabilities as play_probabilities
from jaxsoco.multistage.theory.policy import policies as policies
from jaxsoco.multistage.theory.policy import uniform_probabilities as uniform_probabilities
from jaxsoco.multistage.theory.tree import Tree as Tree
from jaxsoco.multistage.theory.values import expected_cost as expected_cost
