"""What agents of control post, which a model may have thought of: one that cannot be is refused by an error of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ValidationError

from blackboard.entry import problems
from blackboard.errors import InvalidInstruction


class Instruction:
    """Comes before the model among the bases of what an agent of control posts, or a part of that.

    Who makes one that cannot be gets InvalidInstruction, with the remedy of its class. What is read from a board, or validated
    by pydantic as a part of something else, is refused by whoever does that.
    """

    __slots__ = ()

    __remedy__: ClassVar[str]

    if not TYPE_CHECKING:
        # Checkers shall see the fields, which they read off the class unless it has a method of this name.
        def __init__(self, /, **data: Any) -> None:
            try:
                super().__init__(**data)
            except ValidationError as error:
                raise InvalidInstruction(type(self).__name__, problems(error), self.__remedy__) from error

        __init__.__pydantic_base_init__ = True  # so says pydantic's own: those who validate need not call it
