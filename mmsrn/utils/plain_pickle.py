"""Pickles read as data: nothing that they name is imported or called.

A pickle is a program, and Python's own reader runs it.  This one knows of no
names but those that it is given, and hands to their functions numbers, texts
and containers alone.
"""

from __future__ import annotations

import io
import pickletools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from .pickled_objects import Named, Shell, StandIn, checked_keys

__all__ = ['read_pickle']

#: Of a pickle; results of some 50,000 images have so many.
MAX_OPERATIONS = 20_000_000
#: Packages whose objects have nothing that results or weights need.
_LEFT_OUT = {
    'argparse', 'mmcls', 'mmcv', 'mmdet', 'mmengine', 'mmpretrain', 'mmsrn',
}  # fmt: skip
_PYTHON_2 = {'__builtin__': 'builtins', 'copy_reg': 'copyreg'}


def read_pickle(
    file: bytes | io.BytesIO,
    names: Mapping[str, Any],
    load: Callable[[Any], Any] | None = None,
) -> Any:
    """Read a pickle.

    Args:
        file (bytes | io.BytesIO): It; a file is left behind its end.
        names (Mapping[str, Any]): What names stand for: a :class:`Named`,
            which may be called, or a value.
        load (Callable, optional): Takes the key of what lies outside the
            pickle (a persistent id); None: there is nothing.

    Returns:
        Any: Numbers, texts, ``list``, ``tuple``, ``dict``, ``set``, and what
        the names make.  Objects of mmdet and mmengine that have no name are
        :class:`StandIn`.

    Raises:
        Exception: Of any kind, if it is damaged or asks for anything else.
    """
    machine = _Machine(names, load)
    number = 0
    for operation, argument, _ in pickletools.genops(file):
        number += 1
        if number > MAX_OPERATIONS:
            raise ValueError(f'it has more than {MAX_OPERATIONS} parts')
        name = operation.name
        if name in _PUSH:
            machine.stack.append(argument)
        elif name in _IGNORED:
            continue
        elif name in _CONSTANTS:
            machine.stack.append(_CONSTANTS[name]())
        else:
            run = getattr(machine, f'op_{name.lower()}', None)
            if run is None:
                raise ValueError(f'it has the unusual operation {name}')
            run(argument)
    return machine.stack.pop()


_PUSH = {
    'INT', 'BININT', 'BININT1', 'BININT2', 'LONG', 'LONG1', 'LONG4',
    'FLOAT', 'BINFLOAT', 'STRING', 'BINSTRING', 'SHORT_BINSTRING',
    'UNICODE', 'BINUNICODE', 'BINUNICODE8', 'SHORT_BINUNICODE',
    'BINBYTES', 'BINBYTES8', 'SHORT_BINBYTES', 'BYTEARRAY8',
}  # fmt: skip
_IGNORED = {'PROTO', 'FRAME', 'STOP'}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    'NONE': lambda: None,
    'NEWTRUE': lambda: True,
    'NEWFALSE': lambda: False,
    'EMPTY_LIST': list,
    'EMPTY_TUPLE': tuple,
    'EMPTY_DICT': dict,
    'EMPTY_SET': set,
}


class _Machine:
    """Stack and memory of the program that a pickle is."""

    def __init__(
        self, names: Mapping[str, Any], load: Callable[[Any], Any] | None
    ) -> None:
        self.names, self.load = names, load
        self.stack: list = []
        self.marked: list[list] = []
        self.memo: dict[int, Any] = {}

    def _pop_mark(self) -> list:
        items, self.stack = self.stack, self.marked.pop()
        return items

    def op_mark(self, _: None) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def op_pop(self, _: None) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._pop_mark()

    def op_pop_mark(self, _: None) -> None:
        self._pop_mark()

    def op_dup(self, _: None) -> None:
        self.stack.append(self.stack[-1])

    def op_get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    op_binget = op_long_binget = op_get

    def op_put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]
        if isinstance(self.stack[-1], Shell):
            self.stack[-1].places.append(index)

    op_binput = op_long_binput = op_put

    def op_memoize(self, _: None) -> None:
        self.op_put(len(self.memo))

    def op_tuple(self, _: None) -> None:
        items = self._pop_mark()
        self.stack.append(tuple(items))

    def op_tuple1(self, _: None) -> None:
        self.stack[-1:] = [tuple(self.stack[-1:])]

    def op_tuple2(self, _: None) -> None:
        self.stack[-2:] = [tuple(self.stack[-2:])]

    def op_tuple3(self, _: None) -> None:
        self.stack[-3:] = [tuple(self.stack[-3:])]

    def op_list(self, _: None) -> None:
        items = self._pop_mark()
        self.stack.append(items)

    def op_append(self, _: None) -> None:
        self._extend(list, [self.stack.pop()])

    def op_appends(self, _: None) -> None:
        self._extend(list, self._pop_mark())

    def op_additems(self, _: None) -> None:
        self._extend(set, checked_keys(self._pop_mark()))

    def _extend(self, kind: type, items: list) -> None:
        target = self.stack[-1]
        if type(target) is not kind:
            raise TypeError(f'a {type(target).__name__} gets items')
        target.extend(items) if kind is list else target.update(items)

    def op_frozenset(self, _: None) -> None:
        items = self._pop_mark()
        self.stack.append(frozenset(checked_keys(items)))

    def op_dict(self, _: None) -> None:
        items = self._pop_mark()
        self.stack.append({})
        self._set_items(items)

    def op_setitem(self, _: None) -> None:
        items = self.stack[-2:]
        del self.stack[-2:]
        self._set_items(items)

    def op_setitems(self, _: None) -> None:
        self._set_items(self._pop_mark())

    def _set_items(self, items: list) -> None:
        target = self.stack[-1]
        if type(target) not in (dict, OrderedDict):
            raise TypeError(f'a {type(target).__name__} gets keys')
        keys = checked_keys(items[::2])
        target.update(zip(keys, items[1::2], strict=True))

    def op_global(self, names: str) -> None:
        self._push_named(*names.split(' ', 1))

    def op_stack_global(self, _: None) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise TypeError('a name is not text')
        self._push_named(module, name)

    def _push_named(self, module: str, name: str) -> None:
        module = _PYTHON_2.get(module, module)
        full = f'{module}.{name}'.replace('numpy._core.', 'numpy.core.')
        if full in self.names:
            self.stack.append(self.names[full])
        elif module.split('.')[0] in _LEFT_OUT:
            self.stack.append(Named(full, lambda *args, **kwargs: StandIn()))
        else:
            raise ValueError(
                f'it asks for {full}, which tensors and plain containers do '
                'not need'
            )

    def op_reduce(self, _: None) -> None:
        args, named = self.stack.pop(), self.stack.pop()
        if type(named) is not Named or type(args) is not tuple:
            raise TypeError(f'a {type(named).__name__} is called')
        self.stack.append(named.make(*args))

    op_newobj = op_reduce

    def op_newobj_ex(self, _: None) -> None:
        if self.stack.pop():
            raise ValueError('an object is made with keywords')
        self.op_reduce(None)

    def op_binpersid(self, _: None) -> None:
        if self.load is None:
            raise ValueError('it asks for what lies outside')
        self.stack.append(self.load(self.stack.pop()))

    def op_build(self, _: None) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Shell):
            built = target.build(state)
            for place in target.places:
                self.memo[place] = built
            self.stack[-1] = built
        elif type(target) is OrderedDict and isinstance(state, dict):
            # Versions of modules, which torch keeps beside weights.
            target._metadata = state.get('_metadata', OrderedDict())
        elif type(target) is dict and isinstance(state, dict):
            for key, value in state.items():
                target.setdefault(key, value)
        else:
            raise TypeError(f'a {type(target).__name__} gets a state')
