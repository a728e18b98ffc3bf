"""post, revise, retract."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.events import must_exist
from blackboard.cli.options import Options
from blackboard.cli.output import Column, print_rows, say, to_json
from blackboard.cli.session import AUTHOR, board_of, connected, run
from blackboard.cli.verb import verb

if TYPE_CHECKING:
    from blackboard.activation import StoredEntry
    from blackboard.application import Blackboard  # loaded when a verb runs
    from blackboard.board import Receipt
    from blackboard.card import KindCard
    from blackboard.store.partition import Write

WRITTEN = (Column("board"), Column("event", right=True), Column("address"), Column("version", right=True))


class JsonData(click.ParamType[Any]):
    """JSON on the command line, in a file (`@file`), or on stdin (`-`)."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The JSON value."""
        import json

        try:
            return json.loads(_text(value))
        except OSError as error:
            self.fail(f"{value[1:]} cannot be read: {error.strerror}.", param, ctx)
        except (ValueError, RecursionError) as error:
            self.fail(f"that is no JSON ({error}). Quote it for the shell, or use @file or - for stdin.", param, ctx)


def _text(value: str) -> str:
    if value == "-":
        return sys.stdin.read()
    return Path(value[1:]).read_text(encoding="utf-8") if value.startswith("@") else value


# ---------------------------------------------------------------------------- post


@verb(
    example='blackboard --app app:bb post claim-42 claim \'{"amount": 250, "text": "…"}\'\n'
    "blackboard post claim-42 finding @findings.json"
)
@click.argument("board", help="The id of a board; the first post makes it.")
@click.argument("kind", help="The name of a kind.")
@click.argument("data", metavar="JSON|@FILE|-", type=JsonData(), help="An object with the fields, or a list of such.")
def post(options: Options, board: str, kind: str, data: Any) -> None:
    """Post new entries of a kind.

    With --app the data is checked by the application's class. Without, the kind must be one that a registered source reads
    or writes, and its key field must be there; nothing else is checked. All of a list is posted, or nothing. An entry that
    is there already with other data is a conflict, exit code 5.
    """
    objects = data if isinstance(data, list) else [data]
    if not objects or not all(isinstance(each, dict) for each in objects):
        raise click.UsageError("an entry is a JSON object, such as '{\"amount\": 250}'; a list must be one of objects.")
    print_rows(options, run(_post(options, board, kind, objects), options), WRITTEN)
    say_unchecked(options)


def say_unchecked(options: Options) -> None:
    """Say on stderr that what was written was not checked, if it was not: a mistake in it shows only when an agent reads it."""
    if not options.app:
        say(
            options,
            "The data was not checked by the application's classes; --app module:object, or BLACKBOARD_APP, does.",
        )


async def _post(options: Options, board: str, kind: str, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    async with connected(options, create=True) as bb:
        if options.app:
            from blackboard.entry import decode

            made = [decode(bb.kind(kind), to_json(each)) for each in objects]
            return _rows(board, await board_of(bb, board).post(*made))
        return await _post_by_card(bb, board, await card_of(bb, kind), objects)


async def _post_by_card(
    bb: Blackboard, board: str, card: KindCard, objects: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    from blackboard.ids import operation_id

    operation = operation_id()
    writes = [new_write(card, each, f"{operation}.{i}") for i, each in enumerate(objects)]
    if len({write.address for write in writes}) < len(writes):
        raise click.UsageError(f"two objects of the list have the same {card.key or 'address'}; post each once.")
    return await _write(bb, board, operation, writes)


def new_write(card: KindCard, data: dict[str, Any], unique: str) -> Write:
    """A post of an entry, by what is known of its kind. Raises click.UsageError or InvalidKey."""
    from blackboard.store.partition import NEW, Write

    return Write(_address(card, data, unique), NEW, card.version, _payload(data))


async def _write(bb: Blackboard, board: str, operation: str, writes: list[Write]) -> list[dict[str, Any]]:
    from blackboard.ids import check_board_id

    applied = await bb.store().partition(board).post(check_board_id(board), operation, AUTHOR, writes)
    return [
        {"board": board, "event": applied.seq, "address": write.address, "version": version}
        for write, version in zip(writes, applied.versions, strict=True)
    ]


def _rows(board: str, receipt: Receipt) -> list[dict[str, Any]]:
    return [
        {"board": board, "event": receipt.seq, "address": stamp.address, "version": stamp.version}
        for stamp in receipt.stamps
    ]


def _payload(value: dict[str, Any]) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _address(card: KindCard, data: dict[str, Any], unique: str) -> str:
    """The address of an entry, by what is known of its kind. Raises click.UsageError or InvalidKey."""
    from blackboard.ids import check_key

    if card.key is None:
        return card.kind
    if card.key == "*":
        return f"{card.kind}/{unique}"
    value = data.get(card.key)
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise click.UsageError(f"{card.kind} is keyed by {card.key}: give that field, as text or a whole number.")
    return f"{card.kind}/{check_key(card.kind, str(value))}"


async def card_of(bb: Blackboard, kind: str) -> KindCard:
    """What the registered sources say of a kind. Raises UnknownKind."""
    from blackboard.errors import UnknownKind

    cards = await _kind_cards(bb)
    if kind not in cards:
        raise UnknownKind(kind, tuple(sorted(cards)))
    return cards[kind]


async def _kind_cards(bb: Blackboard) -> dict[str, KindCard]:
    from blackboard.card import KindCard

    found: dict[str, KindCard] = {}
    for card in (await bb.store().partitions[0].cards()).values():
        for each in (*card.get("reads", ()), *card.get("writes", ())):
            found[each["kind"]] = KindCard(each["kind"], each.get("key"), each.get("version", 1))
    return found


# ---------------------------------------------------------------------------- revise


class Version(click.ParamType[Any]):
    """A version number, or `any`."""

    name = "version"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or the word."""
        if value == "any" or isinstance(value, int):
            return value
        if not value.isdigit() or int(value) < 1:
            self.fail(f"{value!r} is neither a version number nor the word any.", param, ctx)
        return int(value)


@verb(
    example="blackboard revise claim-42 claim '{\"amount\": 300}' --merge\n"
    "blackboard revise claim-42 finding/history @finding.json --version 2"
)
@click.argument("board", help="The id of a board.")
@click.argument("address", help="A kind, or kind/key.")
@click.argument("data", metavar="JSON|@FILE|-", type=JsonData(), help="An object with the fields.")
@click.option("--merge", is_flag=True, help="Change only the fields given; null takes one away.")
@click.option(
    "--version", type=Version(), metavar="N|any", help="The version that is meant. [default: the one there now]"
)
def revise(options: Options, board: str, address: str, data: Any, merge: bool, version: Any) -> None:
    """Replace or change an entry.

    It must be at the version that is meant, or it is a conflict, exit code 5; `any` overwrites whatever is there. With --app
    the result is checked by the application's class.
    """
    if not isinstance(data, dict):
        raise click.UsageError("an entry is a JSON object, such as '{\"amount\": 250}'.")
    print_rows(options, run(_revise(options, board, address, data, merge, version), options), WRITTEN)
    say_unchecked(options)


async def _revise(
    options: Options, board: str, address: str, data: dict[str, Any], merge: bool, version: Any
) -> list[dict[str, Any]]:
    import json

    from blackboard.errors import EntryNotFound, VersionConflict

    async with connected(options) as bb:
        on = board_of(bb, board)
        await must_exist(on)
        found = await on.get(address)
        if found is None:
            raise EntryNotFound(board, address)
        if isinstance(version, int) and version != found.version:
            raise VersionConflict(address, version, found.version)
        there = _brought_forward(bb, found) if options.app and merge else found.payload
        wanted = merged(json.loads(there), data) if merge else data
        expected = version or found.version
        if options.app:
            return await _revise_by_class(bb, board, address, wanted, expected)
        return await _revise_by_card(bb, board, address, wanted, expected, found.schema)


def _brought_forward(bb: Blackboard, found: StoredEntry) -> str:
    """The data of an entry as the application's class has it. Raises NewerSchema when the class does not know all of it."""
    from blackboard.entry import Stamp, check_whole, decode, encode

    stamp = Stamp(found.address, found.version, found.seq)
    entry = decode(bb.kind(found.kind), found.payload, stamp, found.schema)
    check_whole(entry)
    return encode(entry)


async def _revise_by_class(
    bb: Blackboard, board: str, address: str, data: dict[str, Any], expected: Any
) -> list[dict[str, Any]]:
    from blackboard.entry import Stamp, decode

    kind = bb.kind(address.partition("/")[0])
    stamp = Stamp(address, expected if isinstance(expected, int) else 0, 0)
    entry = decode(kind, to_json(data), stamp)
    _same_address(address, kind.__kind__, kind.__key__, data)
    return _rows(board, await board_of(bb, board).revise(entry, version=expected))


async def _revise_by_card(
    bb: Blackboard, board: str, address: str, data: dict[str, Any], expected: Any, schema: int
) -> list[dict[str, Any]]:
    from blackboard.ids import operation_id
    from blackboard.store.partition import ANYTHING, Write

    card = (await _kind_cards(bb)).get(address.partition("/")[0])
    if card is not None:
        _same_address(address, card.kind, card.key if card.key != "*" else None, data)
    write = Write(address, ANYTHING if expected == "any" else expected, schema, _payload(data))
    return await _write(bb, board, operation_id(), [write])


def _same_address(address: str, kind: str, key: object, data: dict[str, Any]) -> None:
    if isinstance(key, str) and f"{kind}/{data.get(key)}" != address:
        raise click.UsageError(f"{kind} is keyed by {key}: at {address} it must stay {address.partition('/')[2]!r}.")


def merged(target: Any, patch: Any) -> Any:
    """The target changed by a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


# ---------------------------------------------------------------------------- retract


@verb(example="blackboard retract claim-42 finding/history finding/text")
@click.argument("board", help="The id of a board.")
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True, help="Kinds, or kind/key.")
def retract(options: Options, board: str, addresses: tuple[str, ...]) -> None:
    """Take entries off a board.

    All of them, or none: an address with nothing there ends it with exit code 4.
    """
    print_rows(options, run(_retract(options, board, addresses), options), WRITTEN)


async def _retract(options: Options, board: str, addresses: tuple[str, ...]) -> list[dict[str, Any]]:
    from blackboard.errors import EntryNotFound

    async with connected(options) as bb:
        on = board_of(bb, board)
        await must_exist(on)
        for address in addresses:
            if await on.get(address) is None:
                raise EntryNotFound(board, address)
        return _rows(board, await on.retract(*dict.fromkeys(addresses)))
