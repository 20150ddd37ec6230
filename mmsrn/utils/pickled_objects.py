"""What pickles read as data are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ['Named', 'Shell', 'StandIn', 'checked_keys']

_MAX_KEY = 64  # parts of a key
_SCALARS = {bool, bytes, float, int, str, type(None)}
#: Larger integers can be chosen so that all have one hash.
_MAX_INTEGER_KEY = 1 << 60


class Named(NamedTuple):
    """What a name stands for.

    Attributes:
        name (str): With the module.
        make (Callable): Is called in place of what bears the name.
    """

    name: str
    make: Callable[..., Any]


class Shell:
    """An object whose state is still to come."""

    __slots__ = ('places',)

    def __init__(self) -> None:
        self.places: list[int] = []

    def build(self, state: Any) -> Any:
        """Make of the state what takes the place of the object."""
        raise NotImplementedError


class StandIn(Shell):
    """Takes the place of an object of mmdet or mmengine.

    Attributes:
        state (dict): Its attributes, of which none can be called.
    """

    # A state among the attributes could pretend to be an array.
    __slots__ = ('state',)

    def __init__(self) -> None:
        super().__init__()
        self.state: dict = {}

    def build(self, state: Any) -> StandIn:
        """Keep the state."""
        parts = state if type(state) is tuple else (state,)
        for part in parts:
            if isinstance(part, dict):
                self.state.update(part)
        return self


def _is_key(value: Any) -> bool:
    """Whether a value can be a key, without surprises."""
    if type(value) is tuple:
        return len(value) <= _MAX_KEY and all(
            type(x) is not tuple and _is_key(x) for x in value
        )
    if type(value) is int:
        return abs(value) < _MAX_INTEGER_KEY
    return type(value) in _SCALARS


def checked_keys(values: list) -> list:
    """Values that are to be keys of a dict or parts of a set.

    Args:
        values (list): They.

    Returns:
        list: The same.

    Raises:
        TypeError: If one is neither a number nor a text, nor a few of them.
    """
    for value in values:
        if not _is_key(value):
            raise TypeError(f'a {type(value).__name__} is a key')
    return values
