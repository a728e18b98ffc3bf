"""Schemas: what the data of a kind looks like, and whether data of an earlier one can still be read.

Works on pydantic's JSON schemas alone. The question is always the same: is everything that the old schema allows allowed by the
new one? What cannot be decided counts as no.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from blackboard.entry import Entry, Unique

Json = dict[str, Any]

_SAYS_NOTHING: Final = frozenset({"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"})
"""What a schema says that no data fails."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why data of an old schema may be none of the new one: the field, and what happened to it."""

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field} {self.problem}"


def schema_of(kind: type[Entry]) -> Json:
    """The schema of a kind as the store keeps it: the field that is its key, and the JSON schema of its data."""
    try:
        data = kind.model_json_schema(by_alias=False)
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
        data = {}  # a type of the program's own, that says nothing of its JSON
    return {"key": "*" if isinstance(kind.__key__, Unique) else kind.__key__, "data": data}


def digest(schema: Json) -> str:
    """A short name for a schema, equal for equal ones. What no data depends on is left out."""
    plain = {"key": schema["key"], "data": _plain(schema["data"])}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]


def obstacles(kind: str, old: Json, new: Json) -> list[Obstacle]:
    """Why data of the old schema of a kind may not fit the new one; nothing when all of it does."""
    if old["key"] != new["key"]:
        return [Obstacle(kind, f"was keyed by {_key(old['key'])} and is keyed by {_key(new['key'])}")]
    return list(_Comparison(old["data"], new["data"]).of(old["data"], new["data"], kind))


def differences(kind: str, old: Json, new: Json) -> list[Obstacle]:
    """What has changed in the fields of a kind, harmful or not."""
    found = [Obstacle(kind, f"was keyed by {_key(old['key'])}, now by {_key(new['key'])}")] * (old["key"] != new["key"])
    before, after = _properties(old["data"]), _properties(new["data"])
    for name in dict.fromkeys([*before, *after]):
        was, now = _told(old["data"], name, before), _told(new["data"], name, after)
        if was is None:
            found.append(Obstacle(f"{kind}.{name}", f"is new: {now}"))
        elif now is None:
            found.append(Obstacle(f"{kind}.{name}", f"is gone; it was {was}"))
        elif was != now:
            found.append(Obstacle(f"{kind}.{name}", f"was {was} and is {now}"))
        elif _resolved(old["data"], before[name]) != _resolved(new["data"], after[name]):
            found.append(Obstacle(f"{kind}.{name}", f"is {now}, and has changed inside"))
    return found


def fields_of(schema: Json) -> dict[str, str]:
    """The fields of a schema and what each may be, in words."""
    properties = _properties(schema["data"])
    return {name: _told(schema["data"], name, properties) or "" for name in properties}


def _key(key: str | None) -> str:
    return {None: "nothing", "*": "the store"}.get(key, str(key))


def _properties(schema: Json) -> dict[str, Any]:
    found: dict[str, Any] = _target(schema, schema).get("properties", {})
    return found


def _told(root: Json, name: str, properties: Mapping[str, Any]) -> str | None:
    if name not in properties:
        return None
    required = name in _target(root, root).get("required", ())
    return f"{in_words(root, properties[name])}{'' if required else ', optional'}"


def in_words(root: Json, schema: Any) -> str:
    """A schema in a word or two: `integer`, `array of string`, `string or null`."""
    if not isinstance(schema, dict):
        return "anything" if schema else "nothing"
    schema = _target(root, schema)
    name = schema.get("title") if "properties" in schema else None
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches:
        return " or ".join(in_words(root, branch) for branch in branches)
    if "const" in schema or "enum" in schema:
        return "one of " + ", ".join(json.dumps(value) for value in _values(schema) or ())
    if schema.get("type") == "array" and "items" in schema:
        return f"array of {in_words(root, schema['items'])}"
    extra = f" ({schema['format']})" if "format" in schema else ""
    return f"{name or schema.get('type', 'anything')}{extra}"


def _target(root: Json, schema: Json) -> Json:
    """What a schema stands for: references and lone `allOf` taken away."""
    while True:
        if "$ref" in schema:
            *_, group, name = schema["$ref"].split("/")
            schema = root[group][name]
        elif len(schema.get("allOf", ())) == 1:
            schema = schema["allOf"][0]
        else:
            return schema


def _values(schema: Json) -> list[Any] | None:
    """The values that a schema lists, if it does."""
    if "const" in schema:
        return [schema["const"]]
    found: list[Any] | None = schema.get("enum")
    return found


def _plain(schema: Any) -> Any:
    """A schema without what no data depends on; in `properties` every name is one of the user's, and stays."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for name, value in schema.items():
        if name in {"properties", "$defs"} and isinstance(value, dict):
            kept[name] = {each: _plain(inner) for each, inner in value.items()}
        elif name in {"const", "enum"}:
            kept[name] = value
        elif name not in _SAYS_NOTHING:
            kept[name] = _plain(value)
    return kept


def _resolved(root: Json, schema: Any, depth: int = 8) -> Any:
    """A schema with its references put in, so deep."""
    if isinstance(schema, list):
        return [_resolved(root, each, depth) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _resolved(root, _target(root, schema), depth - 1) if depth else schema["$ref"]
    return {name: _resolved(root, value, depth) for name, value in _plain(schema).items()}


# ---------------------------------------------------------------------------- is everything old also new?

_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT: Final = ("pattern", "format", "multipleOf", "contentEncoding", "contentMediaType", "propertyNames")


class _Comparison:
    """One walk over two schemas; what is being compared further up counts as fitting, so that recursive models end."""

    def __init__(self, old: Json, new: Json) -> None:
        self.old, self.new = old, new
        self._seen: set[tuple[str, str]] = set()

    def of(self, old: Any, new: Any, at: str) -> Iterator[Obstacle]:
        """Why something of `old` may be nothing of `new`."""
        if new is True or new == {} or old is False:
            return
        if not isinstance(old, dict) or not isinstance(new, dict):
            yield Obstacle(at, "could be anything and is restricted" if new is not False else "is no longer allowed")
            return
        pair = (str(old.get("$ref")), str(new.get("$ref")))
        if "$ref" in old and "$ref" in new:
            if pair in self._seen:
                return
            self._seen.add(pair)
        yield from self._resolved(_target(self.old, old), _target(self.new, new), at)

    def _resolved(self, old: Json, new: Json, at: str) -> Iterator[Obstacle]:
        if old_branches := self._branches(old):
            for branch in old_branches:
                yield from self.of(branch, new, at)
        elif new_branches := self._branches(new):
            yield from self._one_of(old, new_branches, at)
        elif (values := _values(old)) is not None:
            yield from self._listed(values, new, at)
        elif _values(new) is not None:
            yield Obstacle(at, f"was {in_words(self.old, old)} and is {in_words(self.new, new)}")
        else:
            for rule in (_types, _bounds, _objects, _other_fields, _arrays):
                yield from rule(self, old, new, at)

    @staticmethod
    def _branches(schema: Json) -> Sequence[Any]:
        found: Sequence[Any] = schema.get("anyOf") or schema.get("oneOf") or ()
        types = schema.get("type")
        return found or ([{**schema, "type": each} for each in types] if isinstance(types, list) else ())

    def _one_of(self, old: Json, branches: Sequence[Any], at: str) -> Iterator[Obstacle]:
        """One member of the new union must take all of the old."""
        nearest: list[Obstacle] | None = None
        for branch in branches:
            # A branch that does not fit may not leave its pairs behind as fitting.
            before = set(self._seen)
            found = list(self.of(old, branch, at))
            if not found:
                return
            self._seen = before
            if nearest is None and _target(self.new, branch).get("type") == old.get("type"):
                nearest = found
        words = " or ".join(in_words(self.new, branch) for branch in branches)
        yield from nearest or [Obstacle(at, f"was {in_words(self.old, old)} and is {words}")]

    def _listed(self, values: list[Any], new: Json, at: str) -> Iterator[Obstacle]:
        allowed = _values(new)
        for value in values:
            told = json.dumps(value)
            if allowed is not None and not any(value == each and type(value) is type(each) for each in allowed):
                yield Obstacle(at, f"may no longer be {told}")
            elif allowed is None and (not _is(value, new.get("type")) or _restricts(new)):
                yield Obstacle(at, f"could be {told} and is {in_words(self.new, new)}")


def _types(walk: _Comparison, old: Json, new: Json, at: str) -> Iterator[Obstacle]:
    was, now = old.get("type"), new.get("type")
    if now is not None and was != now and not (was == "integer" and now == "number"):
        yield Obstacle(at, f"was {in_words(walk.old, old)} and is {in_words(walk.new, new)}")


def _bounds(_: _Comparison, old: Json, new: Json, at: str) -> Iterator[Obstacle]:
    for name in _LOWER:
        if name in new and not (name in old and old[name] >= new[name]):
            yield Obstacle(at, f"has a new bound, {name} {new[name]}")
    for name in _UPPER:
        if name in new and not (name in old and old[name] <= new[name]):
            yield Obstacle(at, f"has a new bound, {name} {new[name]}")
    for name in _EXACT:
        if name in new and old.get(name) != new[name]:
            yield Obstacle(at, f"must now have the {name} {json.dumps(new[name])}")
    if new.get("uniqueItems") and not old.get("uniqueItems"):
        yield Obstacle(at, "may no longer hold one thing twice")


def _objects(walk: _Comparison, old: Json, new: Json, at: str) -> Iterator[Obstacle]:
    before, others = old.get("properties", {}), new.get("additionalProperties", True)
    for name in new.get("required", ()):
        if name not in before:
            yield Obstacle(f"{at}.{name}", "is new and required")
        elif name not in old.get("required", ()):
            yield Obstacle(f"{at}.{name}", "was optional and is required")
    for name, schema in before.items():
        if name in new.get("properties", {}):
            yield from walk.of(schema, new["properties"][name], f"{at}.{name}")
        elif others is False:
            yield Obstacle(f"{at}.{name}", "is gone")
        else:
            yield from walk.of(schema, others, f"{at}.{name}")


def _other_fields(walk: _Comparison, old: Json, new: Json, at: str) -> Iterator[Obstacle]:
    """What fields of other names might hold, where there may be such. (A model that ignores them does not write them.)"""
    others, others_before = new.get("additionalProperties", True), old.get("additionalProperties", False)
    if old.get("type") != "object" or others_before is False:
        return
    for name, schema in new.get("properties", {}).items():
        if name not in old.get("properties", {}):
            yield from walk.of(others_before, schema, f"{at}.{name}")
    if others is False:
        yield Obstacle(at, "may no longer have fields of any name")
    else:
        yield from walk.of(others_before, others, f"{at}.*")


def _arrays(walk: _Comparison, old: Json, new: Json, at: str) -> Iterator[Obstacle]:
    if old.get("type") != "array":
        return
    firsts, firsts_before = new.get("prefixItems", []), old.get("prefixItems", [])
    rest, rest_before = new.get("items", True), old.get("items", True)
    for place in range(max(len(firsts), len(firsts_before))):
        was = firsts_before[place] if place < len(firsts_before) else rest_before
        now = firsts[place] if place < len(firsts) else rest
        if place < old.get("maxItems", place + 1):
            yield from walk.of(was, now, f"{at}[{place}]")
    if old.get("maxItems", len(firsts) + len(firsts_before) + 1) > max(len(firsts), len(firsts_before)):
        yield from walk.of(rest_before, rest, f"{at}[]")


def _is(value: Any, name: str | None) -> bool:
    """Whether a value is of a JSON type."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {
        None: True,
        "string": isinstance(value, str),
        "integer": isinstance(value, int) and number,
        "number": number,
        "boolean": isinstance(value, bool),
        "null": value is None,
    }.get(name, False)


def _restricts(schema: Json) -> bool:
    return any(name in schema for name in (*_LOWER, *_UPPER, *_EXACT))
