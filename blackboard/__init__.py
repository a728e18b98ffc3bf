"""Agents that solve a problem together on a shared, durable board."""

from blackboard.application import Blackboard
from blackboard.board import Board, Receipt
from blackboard.condition import Absent, Count, Quiescent, any_of, field, param
from blackboard.context import Context
from blackboard.entry import UNIQUE, Entry
from blackboard.errors import *  # noqa: F403
from blackboard.event import Event
from blackboard.knowledge_source import KnowledgeSource
from blackboard.limits import Limits
from blackboard.retry import Backoff
