"""The application that the tests of the command line run: claims are checked, then decided."""

import time

from blackboard import Absent, Backoff, Blackboard, Count, Entry
from blackboard.control import Sequential

bb = Blackboard("claims")


class Claim(Entry):
    amount: float
    text: str


class Finding(Entry, key="source"):
    source: str
    risk: float


class Decision(Entry):
    approved: bool


class Nap(Entry, key="number"):
    number: int
    seconds: float


class Rest(Entry, key="number"):
    number: int


@bb.knowledge_source(when=Claim.amount > 100, retries=0, backoff=Backoff(initial=0))
def check_history(claim: Claim) -> Finding:
    """Look the claimant up."""
    if claim.text == "boom":
        raise ValueError("no such claimant")
    return Finding(source="history", risk=claim.amount / 1000)


@check_history.compensation
def forget(finding: Finding) -> None:
    """Unless it is too much to be forgotten."""
    if finding.risk > 5:
        raise ValueError("nobody forgets that")


@bb.knowledge_source(when=[Count(Finding) >= 1, Absent(Decision)])
def decide(claim: Claim, findings: list[Finding]) -> Decision:
    """Decide, once something is known."""
    return Decision(approved=all(finding.risk < 0.5 for finding in findings))


@bb.knowledge_source
def nap(nap: Nap) -> Rest:
    """Block a thread for a while, as an agent that cannot be interrupted does."""
    time.sleep(nap.seconds)
    return Rest(number=nap.number)


class Bill(Entry, key="number"):
    number: int


class Receipt(Entry, key="number"):
    number: int
    said: str = ""


@bb.knowledge_source(effects="external", timeout=0.05)
def pay(bill: Bill) -> Receipt:
    """Never hear from the provider in time."""
    time.sleep(0.3)
    return Receipt(number=bill.number)


careful = Sequential(check_history, decide)
"""What a board of claims may be handed to."""
