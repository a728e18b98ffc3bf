"""The kinds that the conformance tests put on their boards."""

from blackboard import UNIQUE, Entry


class Claim(Entry):
    """One per board."""

    amount: float
    text: str = ""


class Finding(Entry, key="source"):
    """One per source of the finding."""

    source: str
    risk: float


class Decision(Entry):
    """One per board."""

    approved: bool


class Counter(Entry):
    """What everybody wants to revise."""

    value: int = 0


class Job(Entry, key="name"):
    """One per piece of work."""

    name: str


class Done(Entry, key="name"):
    """What a finished job leaves."""

    name: str
    by: str = ""


class Note(Entry, key=UNIQUE):
    """A new one with each post."""

    text: str


class Order(Entry, key="number"):
    """What a payment belongs to."""

    number: int
    customer: str = "ada"


class Payment(Entry, key="id"):
    """What an order waits for."""

    id: str
    order: int


class Plan(Entry):
    """Says how many findings there will be."""

    total: int
