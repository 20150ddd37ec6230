"""Metadata of model files, which may come from strangers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from .one_line import one_line

__all__ = ['check_facts', 'read_facts', 'read_json']

_MAX_TEXT = 1 << 20
_MAX_SIDE = 32768  # of a photo, see mmsrn.apis.views
_MAX_COUNT = 1 << 24
_PRECISIONS = ('fp32', 'fp16', 'int8')


def _is_number(value: Any, low: float, high: float) -> bool:
    return (
        type(value) in (int, float)
        and math.isfinite(value)
        and low <= value <= high
    )


def _number(low: float, high: float) -> tuple[str, Callable]:
    words = f'a number from {low:g} to {high:g}'
    return words, lambda x: _is_number(x, low, high)


def _whole(low: int, high: int) -> tuple[str, Callable]:
    words = f'a whole number from {low} to {high}'
    return words, lambda x: type(x) is int and low <= x <= high


def _short(value: Any) -> bool:
    return type(value) is str and len(value) <= 1000


_TEXT = ('a short text', _short)
_FLAG = ('true or false', lambda x: type(x) is bool)
_OF_CHANNELS = (
    'a list of up to four numbers',
    lambda x: (
        type(x) is list
        and len(x) <= 4
        and all(_is_number(y, -1e6, 1e6) for y in x)
    ),
)
_CHECKS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    'name': _TEXT,
    'licence': _TEXT,
    'classes': (
        'a list of names',
        lambda x: (
            type(x) is list and 0 < len(x) <= 10_000 and all(map(_short, x))
        ),
    ),
    'test_scale': (
        f"a whole number from 1 to {_MAX_SIDE}, or 'original'",
        lambda x: x == 'original' or _whole(1, _MAX_SIDE)[1](x),
    ),
    'score_thr': _number(0, 1),
    'mean': _OF_CHANNELS,
    'std': _OF_CHANNELS,
    'to_rgb': _FLAG,
    'theta': _number(0, 1),
    'candidate_thr': _number(0, 1),
    'small_map_cells': _whole(0, _MAX_COUNT),
    'nms_pre': _whole(-1, _MAX_COUNT),
    'nms_iou': _number(0, 1),
    'nms_offset': _whole(0, 1),
    'max_per_img': _whole(-1, _MAX_COUNT),
    'vote_iou': (
        'null or a number above 0 and up to 1',
        lambda x: x is None or (_is_number(x, 0, 1) and x > 0),
    ),
    'precision': (
        f'one of {", ".join(_PRECISIONS)}',
        lambda x: x in _PRECISIONS,
    ),
    'nms_in_graph': _FLAG,
}


def check_facts(facts: Mapping[str, Any]) -> None:
    """Check the metadata of a model that mmsrn uses.

    Args:
        facts (Mapping[str, Any]): Facts by name, see
            :class:`mmsrn.deployment.ModelFacts`; others are not looked at.

    Raises:
        ValueError: If a value is invalid.
    """
    for name, value in facts.items():
        words, is_good = _CHECKS.get(name, ('', None))
        if is_good is not None and not is_good(value):
            shown = one_line(json.dumps(value), 40)
            raise ValueError(f'its {name} is {shown}, not {words}')


def read_facts(text: str) -> dict[str, Any]:
    """Read facts of a packed model.

    Args:
        text (str): They, as ``tools/model_converters/pack_weights.py`` has
            written them.

    Returns:
        dict[str, Any]: The facts that are told, by name; ``config`` is not
        checked, see :func:`mmsrn.utils.model_config.check_model_config`.

    Raises:
        ValueError: If the text is no such, or a fact is not what it should
            be.
    """
    try:
        facts = read_json(text)
    except ValueError as error:
        raise ValueError(f'its metadata {error}') from None
    if not isinstance(facts, dict):
        raise ValueError(
            f'its metadata is a {type(facts).__name__}, not a dict'
        )
    facts = {name: x for name, x in facts.items() if x is not None}
    check_facts(facts)
    return facts


def read_json(text: str) -> Any:
    """Read json of bounded length.

    Args:
        text (str): It.

    Returns:
        Any: What it says.

    Raises:
        ValueError: If it is none, or too long.
    """
    if len(text) > _MAX_TEXT:
        raise ValueError(f'has more than {_MAX_TEXT} characters')
    try:
        return json.loads(text)
    except (RecursionError, ValueError):
        raise ValueError(f'is not json: {one_line(text, 60)!r}') from None
