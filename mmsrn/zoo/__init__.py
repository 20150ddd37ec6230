"""Weights that come with mmsrn, and those found elsewhere.

``zoo.json`` lists models by name; their files lie beside it.
"""

from .model_zoo import (
    DEFAULT_MODEL,
    ZooError,
    find_model,
    list_models,
    path_of,
    sha256_of,
)

__all__ = [
    'DEFAULT_MODEL',
    'ZooError',
    'find_model',
    'list_models',
    'path_of',
    'sha256_of',
]
