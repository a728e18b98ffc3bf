"""Entries: what stands on a board. A kind of entry is a pydantic model; `Claim.amount` names one of its fields."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from enum import Enum
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple, TypeVar, Unpack, dataclass_transform
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError
from pydantic._internal._model_construction import ModelMetaclass
from pydantic_core import PydanticSerializationError, from_json, to_json

from blackboard.errors import EntryTooLarge, InvalidEntry, InvalidKey, InvalidKind, NewerSchema, ReservedName
from blackboard.ids import check_key, is_kind_name
from blackboard.shape import members
from blackboard.term import field_of


class Unique(Enum):
    """The type of UNIQUE."""

    UNIQUE = "unique"


UNIQUE: Final = Unique.UNIQUE
"""As `key=`: every entry posted is a new one, under a key that the store gives it."""

Key = str | Literal[Unique.UNIQUE] | None

E = TypeVar("E", bound="Entry")

Data = dict[str, Any]
"""An entry's fields as JSON has them."""

Upcaster = Callable[[Data], Data]
"""Brings the data of one version of a kind to the next."""

U = TypeVar("U", bound=Upcaster)


class Stamp(NamedTuple):
    """Where and when an entry was read or written: its address, its version, and an event at which it had that version.

    ``newer`` is the schema version in which a newer release wrote it, when this one knows only a part of that: such an entry
    can be read, and not be written back.
    """

    address: str
    version: int
    seq: int
    newer: int | None = None


@dataclass_transform(kw_only_default=True, field_specifiers=(Field, PrivateAttr))  # checkers do not inherit it
class EntryType(ModelMetaclass):
    """The class of kinds: its instances are classes whose fields can be named in clauses."""

    if not TYPE_CHECKING:
        # Hidden from checkers, which see `Claim.amount` as the float it is declared to be, and a misspelt field as
        # an error; with this method in sight they would accept any name. (pydantic does the same.)
        def __getattr__(cls, name: str) -> Any:  # noqa: N805  # the instances of a metaclass are classes
            # While pydantic builds a subclass it asks whether a field hides an attribute of its parent. It does not.
            asking = sys._getframe(1).f_globals.get("__name__", "")  # noqa: SLF001  # the only way to know who asks
            if name.startswith("_") or asking.startswith("pydantic."):
                return super().__getattr__(name)
            return field_of(cls.__kind__, cls, name)


class Entry(BaseModel, metaclass=EntryType):
    """A typed datum on a board, at the address `kind` or `kind/key`.

    Subclass it with fields as in any pydantic model, and say in the class statement:

    - `key`: the field whose value tells entries of this kind apart on a board; UNIQUE when each post is a new entry;
      nothing when a board has at most one. A subclass has the key of its parent unless it names its own.
    - `kind`: the name of the kind; without it, the name of the class in snake case.
    - `version`: the version of its schema, from 1.

    Raises InvalidKind, or ReservedName for a field that an entry needs for itself.
    """

    model_config = ConfigDict(
        extra="forbid",  # a misspelt field is found where it is written
        allow_inf_nan=False,  # JSON has neither
        validate_assignment=True,  # what is changed here is written later, far from the mistake
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )

    __kind__: ClassVar[str] = ""
    __key__: ClassVar[Key] = None
    __version__: ClassVar[int] = 1
    __upcasters__: ClassVar[Mapping[int, Upcaster]] = {}

    _stamp: Stamp | None = PrivateAttr(default=None)

    def __init_subclass__(
        cls, *, key: Key = None, kind: str | None = None, version: int = 1, **config: Unpack[ConfigDict]
    ) -> None:
        """Says to checkers what a class statement may carry; pydantic calls the method below when the fields exist."""
        super().__init_subclass__()
        for name in config:  # pydantic has taken its own settings out by now
            problem = f"its class statement says {name}=, which means nothing"
            remedy = "Say key=, kind=, version= or a setting of pydantic's ConfigDict"
            raise InvalidKind(f"kind {cls.__name__}", problem, remedy)

    @classmethod
    def __pydantic_init_subclass__(
        cls, *, key: Key = None, kind: str | None = None, version: int = 1, **_: Any
    ) -> None:
        cls.__kind__ = kind or snake_case(cls.__name__)
        cls.__key__ = cls.__key__ if key is None else key
        cls.__version__ = version
        cls.__upcasters__ = {}
        _check_kind(cls)

    @classmethod
    def upcast(cls, version: int) -> Callable[[U], U]:
        """Register the function that brings data of `version` to the next; a decorator that leaves it as it is.

        It gets the fields as JSON has them, and returns those of the next version: `@Order.upcast(2)` belongs to a kind of
        version 3 or later. Raises InvalidKind for a version out of range, a second function for one, or what is no function.
        """

        def register(function: U) -> U:
            for problem, remedy in _upcaster_problems(cls, version, function):
                raise InvalidKind(f"upcaster {version!r} of kind {cls.__name__}", problem, remedy)
            cls.__upcasters__ = {**cls.__upcasters__, version: function}
            return function

        return register

    @property
    def stamp(self) -> Stamp | None:
        """Where and when this instance was read from a board; None for one made here."""
        # Straight from where pydantic keeps private attributes: its own look-up takes thirty times as long.
        private: dict[str, Any] = self.__pydantic_private__ or {}
        return private.get("_stamp")

    def __eq__(self, other: object) -> bool:
        """Entries are equal when their data is; where they were read does not matter."""
        if not isinstance(other, Entry):
            return NotImplemented
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]  # as in pydantic: only a frozen kind has a hash, and pydantic adds it


def snake_case(name: str) -> str:
    """The name of a kind for the name of a class: FileReport → file_report, HTTPError → http_error."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


# ---------------------------------------------------------------------------- definition


def _check_kind(cls: type[Entry]) -> None:
    if cls.__pydantic_generic_metadata__["origin"] or cls.__pydantic_generic_metadata__["parameters"]:
        return  # A generic kind is no kind yet; the class that names its type is.
    for problem, remedy in _kind_problems(cls):
        raise InvalidKind(f"kind {cls.__name__}", problem, remedy)
    for name in cls.__pydantic_fields__:
        if hasattr(Entry, name):
            problem = f"the field {name!r} hides Entry.{name}"
            raise ReservedName(f"kind {cls.__name__}", problem, f"Rename the field, for example to {name}_")


def _kind_problems(cls: type[Entry]) -> Iterator[tuple[str, str]]:
    if not is_kind_name(cls.__kind__):
        yield (
            f"{cls.__kind__!r} is not 1 to 64 lower case letters, digits and underscores",
            f'Name it: class {cls.__name__}(Entry, kind="…")',
        )
    if type(cls.__version__) is not int or cls.__version__ < 1:
        yield f"version {cls.__version__!r} is not a whole number from 1", "Count schema versions 1, 2, 3, …"
    if isinstance(cls.__key__, str):
        yield from _key_problems(cls, cls.__key__)


def _upcaster_problems(cls: type[Entry], version: object, function: object) -> Iterator[tuple[str, str]]:
    last = cls.__version__ - 1
    if type(version) is not int or not 1 <= version <= last:
        known = (
            f"one from 1 to {last}"
            if last
            else f"none: raise its version first, class {cls.__name__}(Entry, version=2)"
        )
        yield f"{version!r} is no earlier version of it, which has version {cls.__version__}", f"Name {known}"
    elif version in cls.__upcasters__:
        yield f"version {version} has an upcaster already", "Bring it forward in one function"
    elif not callable(function) or iscoroutinefunction(function):
        yield f"{function!r} is no plain function", "Decorate a function that takes a dict and returns one"


def _key_problems(cls: type[Entry], key: str) -> Iterator[tuple[str, str]]:
    field = cls.__pydantic_fields__.get(key)
    if field is None:
        known = ", ".join((*cls.__pydantic_fields__, "UNIQUE"))
        yield f"its key, {key!r}, is not one of its fields", f"Use one of: {known}"
    elif not all(_may_be_key(member) for member in members(field.annotation)):
        yield (
            f"its key, {key!r}, is {field.annotation}, whose values are not all plain text",
            "Key it by a field of type str, int, Enum, UUID or date, that is not optional",
        )


def _may_be_key(annotation: Any) -> bool:
    if not isinstance(annotation, type):
        # A Literal, a type variable, or a name still to be resolved: judged by its values, in key_of.
        return annotation is not Any
    return issubclass(annotation, str | int | Enum | UUID | date) and annotation is not bool


# ---------------------------------------------------------------------------- addresses


def key_of(entry: Entry) -> str | None:
    """The entry's key; None when its kind has none, or when the store gives it one.

    Raises InvalidKey when its value cannot be part of an address.
    """
    field = type(entry).__key__
    if not isinstance(field, str):
        return None
    value = getattr(entry, field)
    value = value.value if isinstance(value, Enum) else value
    if isinstance(value, bool) or not isinstance(value, str | int | UUID | date):
        raise InvalidKey(entry.__kind__, str(value), f"a {type(value).__name__} is not plain text")
    return check_key(entry.__kind__, str(value))


def address_of(entry: Entry, unique: str | None = None) -> str:
    """The entry's address, `kind` or `kind/key`.

    `unique` is the key for a new entry of a kind with key=UNIQUE; one that was read keeps the address it has.
    Raises InvalidKey for a key that cannot be part of an address, or a new unique entry without `unique`.
    """
    if type(entry).__key__ is UNIQUE:
        return entry.stamp.address if entry.stamp else address(entry.__kind__, _given(entry, unique))
    return address(entry.__kind__, key_of(entry))


def address(kind: str, key: str | None = None) -> str:
    """The address of a kind without key, or of a key of a kind."""
    return kind if key is None else f"{kind}/{key}"


def split_address(address: str) -> tuple[str, str | None]:
    """The kind and the key of an address; a key may itself contain slashes."""
    kind, slash, key = address.partition("/")
    return kind, key if slash else None


def _given(entry: Entry, unique: str | None) -> str:
    if unique is None:
        raise InvalidKey(entry.__kind__, "", "the store gives it one when it is posted, and this one was not")
    return check_key(entry.__kind__, unique)


# ---------------------------------------------------------------------------- JSON


def encode(entry: Entry, limit: int | None = None) -> str:
    """The entry's fields as JSON, by their names.

    Raises InvalidEntry when a value has no JSON form, EntryTooLarge beyond `limit` bytes.
    """
    try:
        payload: bytes = entry.__pydantic_serializer__.to_json(
            entry, by_alias=False, exclude_computed_fields=True, warnings="error"
        )
    except PydanticSerializationError as error:
        raise InvalidEntry(_name(entry), " ".join(str(error).split())) from error
    if limit is not None and len(payload) > limit:
        raise EntryTooLarge(_name(entry), len(payload), limit)
    return payload.decode()


def decode(kind: type[E], payload: str | bytes, stamp: Stamp | None = None, schema: int | None = None) -> E:
    """The entry that was encoded so, stamped with where it was read. Data that is stored has a version of its kind, `schema`.

    An older version is brought forward. Of a newer one, what this release knows is read, if that makes a valid entry; its
    stamp says so. Raises InvalidEntry when the data does not fit, NewerSchema when a newer release would have to read it.
    """
    version = kind.__version__ if schema is None else schema
    if version < kind.__version__:
        return _older(kind, payload, stamp, version)
    try:
        entry: E = kind.__pydantic_validator__.validate_json(payload, by_alias=False, by_name=True)
    except ValidationError as error:
        found = None if schema is None else _known_part(kind, payload, error)
        if found is None:
            raise _misfit(kind, stamp, version, error) from error
        return restamp(found, stamp._replace(newer=version) if stamp else None)
    if stamp is not None and version > kind.__version__:
        stamp = stamp._replace(newer=version)
    return restamp(entry, stamp)


def _older(kind: type[E], payload: str | bytes, stamp: Stamp | None, version: int) -> E:
    """The entry that data of an older version comes to."""
    where = stamp.address if stamp else kind.__kind__
    data = brought_forward(kind, from_json(payload), version, where) if kind.__upcasters__ else from_json(payload)
    try:
        entry: E = kind.__pydantic_validator__.validate_json(to_json(data), by_alias=False, by_name=True)
    except ValidationError as error:
        problem = f"brought forward from version {version} to {kind.__version__}, {problems(error)}"
        raise InvalidEntry(where, problem, *_mending(kind, where)) from error
    if stamp is not None and isinstance(kind.__key__, str) and address(kind.__kind__, key_of(entry)) != stamp.address:
        problem = f"brought forward from version {version}, its key is {key_of(entry)}, another one"
        raise InvalidEntry(where, problem, *_mending(kind, where))
    return restamp(entry, stamp)


def brought_forward(kind: type[Entry], data: Data, version: int, where: str) -> Data:
    """Data of an older version after all upcasters from there on, in their order; a version without one is left as it is.

    Raises InvalidEntry that names the step which failed.
    """
    for step in range(version, kind.__version__):
        upcaster = kind.__upcasters__.get(step)
        if upcaster is None:
            continue
        name = f"the upcaster from version {step} to {step + 1}"
        try:
            data = upcaster(data)
        except Exception as error:
            problem = f"{name} raised {type(error).__name__}: {error}"
            raise InvalidEntry(where, problem, *_mending(kind, where)) from error
        if not isinstance(data, dict):
            raise InvalidEntry(where, f"{name} returned {type(data).__name__} and not a dict", *_mending(kind, where))
    return data


def _mending(kind: type[Entry], where: str) -> tuple[str, ...]:
    """What to do about stored data that upcasters could not bring forward; nothing of its own for a kind without any."""
    if not kind.__upcasters__:
        return ()
    return (f"Correct the upcasters of {kind.__name__} and restart the workers, or retract {where}",)


def _known_part(kind: type[E], payload: str | bytes, error: ValidationError) -> E | None:
    """What a release knows of an entry that has fields it does not know; None when that makes no entry."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    if any(detail["type"] != "extra_forbidden" for detail in details):
        return None
    data = from_json(payload)
    for detail in details:
        *path, name = detail["loc"]
        inner: Any = data
        for place in path:
            # A place that is no key or index names a member of a union, which JSON does not have.
            known_here = (
                isinstance(inner, list) if isinstance(place, int) else isinstance(inner, dict) and place in inner
            )
            inner = inner[place] if known_here else inner
        if isinstance(inner, dict):
            inner.pop(str(name), None)
    try:
        known: E = kind.__pydantic_validator__.validate_json(to_json(data), by_alias=False, by_name=True)
    except ValidationError:
        return None
    return known


def _misfit(kind: type[Entry], stamp: Stamp | None, version: int, error: ValidationError) -> InvalidEntry | NewerSchema:
    where = stamp.address if stamp else kind.__kind__
    if version > kind.__version__:
        return NewerSchema(where, kind.__version__, version, problems(error))
    return InvalidEntry(where, problems(error))


def check_whole(entry: Entry) -> None:
    """Raises NewerSchema for an entry of which this release has read only a part: writing it back would lose the rest."""
    if entry.stamp is not None and entry.stamp.newer is not None:
        problem = "writing it back would lose what this release does not know of it"
        raise NewerSchema(entry.stamp.address, entry.__version__, entry.stamp.newer, problem)


def restamp(entry: E, stamp: Stamp | None) -> E:
    """The same instance, which now says it was read, or written, there."""
    if entry.__pydantic_private__ is not None:
        entry.__pydantic_private__["_stamp"] = stamp
    return entry


def _name(entry: Entry) -> str:
    """How to name an entry in a message: by its address where it has one."""
    return entry.stamp.address if entry.stamp else address(entry.__kind__, key_of(entry))


def problems(error: ValidationError) -> str:
    """What pydantic found wrong, the first three in words."""
    found = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, p['loc'])) or 'it'}: {p['msg']}" for p in found[:3])
