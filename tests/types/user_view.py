"""What a user's editor sees; only type checkers read this file (mypy --strict, pyright)."""

from typing import assert_type

from blackboard import (
    UNIQUE,
    Absent,
    Answer,
    Blackboard,
    Breaker,
    Concurrency,
    Context,
    Count,
    Entry,
    KnowledgeSource,
    Rate,
    any_of,
    field,
    param,
)

bb = Blackboard("claims")


class Claim(Entry):
    amount: float
    text: str
    urgent: bool = False


class Finding(Entry, key="source"):
    source: str
    risk: float


class Vote(Entry, key=UNIQUE):
    poll: str


class Decision(Entry, kind="verdict", version=2):
    approved: bool


@bb.knowledge_source(when=Claim.amount > 100, retries=3, timeout=30)
async def check_history(claim: Claim) -> Finding:
    return Finding(source="history", risk=claim.amount)


@bb.knowledge_source
def check_text(claim: Claim) -> list[Finding]:
    return [Finding(source="text", risk=len(claim.text))]


@bb.knowledge_source(when=[Count(Finding) >= 3, Absent(Decision)])
def decide(claim: Claim, findings: list[Finding]) -> Decision:
    return Decision(approved=claim.amount > len(findings))


@bb.knowledge_source(
    when=[
        Claim.urgent,
        field(Claim.text).startswith("a"),
        any_of(Claim.amount > 1, [Claim.text == "x", Absent(Finding, Finding.risk > 0.5)]),
        param("a", Vote).poll == param("b", Vote).poll,
        Count(Vote, Vote.poll == Claim.text) == Claim.amount,
    ]
)
def everything(claim: Claim, a: Vote, b: Vote) -> None: ...


@bb.knowledge_source(rating=Claim.amount * 2 - 1, bid=lambda claim: claim.amount)
def rated(claim: Claim) -> None: ...


@bb.knowledge_source(rating=field(Claim.amount) / 2)
def rated_by_a_field(claim: Claim) -> None: ...


@bb.knowledge_source(concurrency=4, rate="10/s", breaker=3, fair=True)
def limited(claim: Claim) -> None: ...


@bb.knowledge_source(concurrency=Concurrency(1, per=Claim.text), rate=Rate(10, per=1), breaker=Breaker(cooldown=5))
def limited_by_a_field(claim: Claim) -> None: ...


@check_history.compensation
async def forget(finding: Finding) -> None: ...


@bb.knowledge_source(fatal=True)
def gives_up(claim: Claim, ctx: Context) -> Decision:
    ctx.abort("no more than the annotation says is returned")


async def a_source_is_called_as_the_function_it_is(claim: Claim) -> None:
    assert_type(await check_history(claim), Finding)
    assert_type(check_text(claim=claim), list[Finding])
    assert_type(decide(claim, [await check_history(claim)]), Decision)
    assert_type(await forget(Finding(source="a", risk=0)), None)


async def a_step_returns_what_its_function_does(claim: Claim, ctx: Context) -> None:
    assert_type(await ctx.step("check", check_history.function, claim), Finding)
    assert_type(await ctx.step("length", len, claim.text), int)
    assert_type(ctx.sync.step("length", len, claim.text), int)
    assert_type(await ctx.approval("Pay?"), Answer)


def what_is_wrong_is_found(claim: Claim) -> None:
    check_text("claim")  # type: ignore[arg-type]
    bb.knowledge_source(retires=3)  # type: ignore[call-overload]
    Claim(amount="much", text="")  # type: ignore[arg-type]
    _ = Claim.amont  # type: ignore[attr-defined]


def a_field_is_what_it_is_declared_to_be(claim: Claim) -> None:
    assert_type(claim.amount, float)
    assert_type(Claim.amount > 100, bool)
    assert_type(check_text, KnowledgeSource[[Claim], list[Finding]])  # type: ignore[assert-type]  # names count too


async def a_board_speaks_in_kinds() -> None:
    async with bb, bb.workers(concurrency=4):
        board = bb.board("claim-42")
        await board.post(Claim(amount=1, text=""))
        assert_type(await board.wait_for(Decision, timeout=1), Decision)
