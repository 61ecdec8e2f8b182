"""Public names with their types: what ``__init__.py`` loads when they are first used."""

from jaxsoco.provisioning.comparators import best_budget as best_budget
from jaxsoco.provisioning.comparators import static_optimum as static_optimum
from jaxsoco.provisioning.data.tabular import load_tabular as load_tabular
from jaxsoco.provisioning.data.traces import ArrivalTrace as ArrivalTrace
from jaxsoco.provisioning.data.traces import load_trace_csv as load_trace_csv
from jaxsoco.provisioning.learners.blind_rate import blind_rate as blind_rate
from jaxsoco.provisioning.learners.blol import blol as blol
from jaxsoco.provisioning.learners.fixed_budget import fixed_budget as fixed_budget
from jaxsoco.provisioning.learners.no_dual import no_dual as no_dual
from jaxsoco.provisioning.learners.oco_q import oco_q as oco_q
from jaxsoco.provisioning.learners.optcmdp import optcmdp as optcmdp
from jaxsoco.provisioning.learners.optpess_lp import optpess_lp as optpess_lp
from jaxsoco.provisioning.learners.optpess_primal_dual import (
    optpess_primal_dual as optpess_primal_dual,
)
from jaxsoco.provisioning.learners.oracle import oracle as oracle
from jaxsoco.provisioning.learners.ppo import ppo as ppo
from jaxsoco.provisioning.learners.ppo_lagrangian import ppo_lagrangian as ppo_lagrangian
from jaxsoco.provisioning.learners.primal_dual_q import primal_dual_q as primal_dual_q
from jaxsoco.provisioning.prepare import bursty_queue as bursty_queue
from jaxsoco.provisioning.prepare import paper_queue as paper_queue
from jaxsoco.provisioning.prepare import tabular as tabular
from jaxsoco.provisioning.prepare import two_queues as two_queues
from jaxsoco.provisioning.problem import policy_value as policy_value
from jaxsoco.provisioning.problem import provisioning as provisioning
from jaxsoco.provisioning.settings import FAMILY as FAMILY
from jaxsoco.provisioning.settings_learners import BlindRateParams as BlindRateParams
from jaxsoco.provisioning.settings_learners import BLOLParams as BLOLParams
from jaxsoco.provisioning.settings_learners import FixedBudgetParams as FixedBudgetParams
from jaxsoco.provisioning.settings_learners import OcoQParams as OcoQParams
from jaxsoco.provisioning.settings_learners import OracleParams as OracleParams
from jaxsoco.provisioning.settings_problems import BurstyQueue as BurstyQueue
from jaxsoco.provisioning.settings_problems import PaperQueue as PaperQueue
from jaxsoco.provisioning.settings_problems import RandomMDP as RandomMDP
from jaxsoco.provisioning.settings_problems import Tabular as Tabular
from jaxsoco.provisioning.settings_problems import TwoQueues as TwoQueues
from jaxsoco.provisioning.settings_rivals import OptCMDPParams as OptCMDPParams
from jaxsoco.provisioning.settings_rivals import OptPessLPParams as OptPessLPParams
from jaxsoco.provisioning.settings_rivals import (
    OptPessPrimalDualParams as OptPessPrimalDualParams,
)
from jaxsoco.provisioning.settings_rivals import PPOLagrangianParams as PPOLagrangianParams
from jaxsoco.provisioning.settings_rivals import PPOParams as PPOParams
from jaxsoco.provisioning.settings_rivals import PrimalDualQParams as PrimalDualQParams
from jaxsoco.provisioning.spec import Action as Action
from jaxsoco.provisioning.spec import Costs as Costs
from jaxsoco.provisioning.spec import Feedback as Feedback
from jaxsoco.provisioning.spec import Observation as Observation
from jaxsoco.provisioning.spec import Spec as Spec
from jaxsoco.provisioning.theory.balde import plan_episode as plan_episode
from jaxsoco.provisioning.theory.confidence import confidence_box as confidence_box
from jaxsoco.provisioning.theory.confidence import log_term as log_term
from jaxsoco.provisioning.theory.confidence import uncertainty_bonus as uncertainty_bonus
from jaxsoco.provisioning.theory.model import TabularModel as TabularModel
from jaxsoco.provisioning.theory.model import tabular_model as tabular_model
from jaxsoco.provisioning.theory.queues import single_queue as single_queue
