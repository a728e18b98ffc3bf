"""Control: who may run next on an orchestrated board.

    from blackboard.control import Goal, Sequential

    await board.orchestrate(Sequential(check_text, check_history, decide).until(Goal(Decision)))

`strategy.py` has the contract, the files beside it one family of strategies each; `ending.py` says when one has done enough.
"""

from blackboard.control.chance import Random
from blackboard.control.ending import Budget, Deadline, Ending, Goal, Quiescence, Tally
from blackboard.control.graph import Graph
from blackboard.control.manual import Manual
from blackboard.control.notation import from_data, to_data
from blackboard.control.parallel import Parallel
from blackboard.control.planning import Plan, PlanExecute, PlanStep
from blackboard.control.priority import Priority
from blackboard.control.router import Route, Router
from blackboard.control.sequence import Sequential
from blackboard.control.setback import Setback
from blackboard.control.step import Step
from blackboard.control.strategy import Grants, State, Strategy, Then, Until
from blackboard.control.supervisor import Delegation, Supervisor
from blackboard.control.swarm import Swarm
from blackboard.control.turns import RoundRobin
from blackboard.control.view import View
from blackboard.edge import node, when

__all__ = [
    "Budget",
    "Deadline",
    "Delegation",
    "Ending",
    "Goal",
    "Grants",
    "Graph",
    "Manual",
    "Parallel",
    "Plan",
    "PlanExecute",
    "PlanStep",
    "Priority",
    "Quiescence",
    "Random",
    "RoundRobin",
    "Route",
    "Router",
    "Sequential",
    "Setback",
    "State",
    "Step",
    "Strategy",
    "Supervisor",
    "Swarm",
    "Tally",
    "Then",
    "Until",
    "View",
    "from_data",
    "node",
    "to_data",
    "when",
]
