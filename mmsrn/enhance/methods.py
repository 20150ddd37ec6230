"""The enhancement methods by name, for command lines and configs."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import numpy as np

from ._planes import form_parameters
from .fusion import multi_fusion
from .lime import lime
from .msrcr import MSRCR_DEFAULTS, msrcr
from .retinex import automated_msrcr, msrcp, multi_scale_retinex
from .tone import (
    GAMMA_DEFAULTS,
    adaptive_gamma,
    clahe,
    gamma_correction,
    histogram_equalization,
    linear_gain,
)

#: Name to function; each takes and returns an image, uint8.
METHODS: Mapping[str, Callable[..., np.ndarray]] = MappingProxyType(
    {
        'msrcr': msrcr,
        'automated_msrcr': automated_msrcr,
        'msrcp': msrcp,
        'msr': multi_scale_retinex,
        'gamma': gamma_correction,
        'adaptive_gamma': adaptive_gamma,
        'linear_gain': linear_gain,
        'hist_eq': histogram_equalization,
        'clahe': clahe,
        'lime': lime,
        'mf': multi_fusion,
    }
)

# What None means, by method and form.
_BY_FORM = {'msrcr': MSRCR_DEFAULTS, 'adaptive_gamma': GAMMA_DEFAULTS}


def parameters(method: str) -> dict:
    """Return the parameters of a method with their defaults.

    Args:
        method (str): A key of ``METHODS``.

    Returns:
        dict: Defaults by name.

    Raises:
        ValueError: If there is no such method.
    """
    _check_name('method', method, METHODS)
    signature = inspect.signature(METHODS[method])
    return {
        name: x.default
        for name, x in signature.parameters.items()
        if name != 'image'
    }


def complete(method: str, params: Mapping) -> dict:
    """Return all parameters of a method, filled in for its form.

    Args:
        method (str): A key of ``METHODS``.
        params (Mapping): Parameters to change.

    Returns:
        dict: Values by name; None where the form has no such parameter.

    Raises:
        ValueError: If the method, the form or a parameter is unknown.

    Example:
        >>> complete('adaptive_gamma', dict(form='mean'))
        {'form': 'mean', 'alpha': None, 'target': 0.4}
    """
    values = parameters(method) | dict(params)
    if method not in _BY_FORM:
        return values
    defaults = _BY_FORM[method]
    names = next(iter(defaults.values()))  # all forms have the same
    given = {name: values[name] for name in names}
    return values | form_parameters(values['form'], defaults, **given)


def make_enhancer(method: str, **params) -> Callable[[np.ndarray], np.ndarray]:
    """Return a method with its parameters set.

    Args:
        method (str): A key of ``METHODS``.
        **params: Parameters of its function.

    Returns:
        Callable: Takes and returns an image; it can be pickled.

    Raises:
        TypeError: If a parameter has a wrong type.
        ValueError: If the method or a parameter is unknown, or a value is out
            of range.

    Example:
        >>> import numpy as np
        >>> brighten = make_enhancer('linear_gain', gain=2)
        >>> int(brighten(np.full((4, 4), 50, np.uint8)).max())
        100
    """
    known = parameters(method)
    for name in params:
        _check_name(f'parameter of {method}', name, known)
    enhancer = partial(METHODS[method], **params)
    enhancer(np.arange(16, dtype=np.uint8).reshape(4, 4))  # checks the values
    return enhancer


def enhance_named(
    image: np.ndarray,
    name: str,
    enhancer: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Enhance an image of a folder, see ``process_folder``.

    Args:
        image (np.ndarray): The image, uint8.
        name (str): Its name, which is not used.
        enhancer (Callable): The result of :func:`make_enhancer`.

    Returns:
        np.ndarray: The enhanced image.
    """
    return enhancer(image)


def parse_params(texts: Sequence[str]) -> dict:
    """Read parameters from the command line.

    Args:
        texts (Sequence[str]): ``'NAME=VALUE'`` each; values as in Python,
            words without quotes.

    Returns:
        dict: Values by name.

    Raises:
        ValueError: If one has another form, or is given twice.

    Example:
        >>> parse_params(['form=gimp', 'sigmas=[15,80]', 'alpha=125'])
        {'form': 'gimp', 'sigmas': [15, 80], 'alpha': 125}
    """
    params: dict = {}
    for text in texts:
        name, equals, value = text.partition('=')
        if not (name and equals and value):
            raise ValueError(f'{text!r} must have the form NAME=VALUE')
        if name in params:
            raise ValueError(f'{name} is given twice')
        try:
            params[name] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            params[name] = value
    return params


def _check_name(what: str, name: str, known: Mapping) -> None:
    if name in known:
        return
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f'did you mean {close[0]}? ' if close else ''
    raise ValueError(
        f'unknown {what} {name!r}; {hint}choose from: {", ".join(known)}'
    )
