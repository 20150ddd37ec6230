"""From the name of a model to a file whose content is known."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import urllib.request
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mmsrn.utils.atomic_file import atomic_file

__all__ = [
    'DEFAULT_MODEL',
    'ZooError',
    'cache_dir',
    'find_model',
    'list_models',
    'path_of',
    'sha256_of',
]

HERE = Path(__file__).parent
DEFAULT_MODEL = 'srn_mobilenetv2_people'
_URL = re.compile(r'(https?|file)://', re.IGNORECASE)
_CHECKSUM = re.compile(r'sha256=([0-9a-f]{64})')
_CHUNK = 1 << 20
_TIMEOUT = 30  # seconds without an answer


class ZooError(ValueError):
    """A model that cannot be had; one line with the remedy."""


@cache
def list_models() -> dict[str, dict[str, Any]]:
    """List the models that ship.

    Returns:
        dict: By name: ``files``, by backend (``torch``, ``onnx``) a dict of
        ``file``, ``sha256`` and ``bytes``; ``config``, that of the training;
        ``licence``; ``card``, the file of the model card; ``metrics``.
    """
    return json.loads((HERE / 'zoo.json').read_text(encoding='utf-8'))


def cache_dir() -> Path:
    """Tell where downloads are kept.

    Returns:
        Path: ``MMSRN_CACHE`` of the environment, else ``mmsrn`` in the
        user's folder for such things.
    """
    if own := os.environ.get('MMSRN_CACHE'):
        return Path(own)
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base, 'mmsrn')


def sha256_of(path: str | Path) -> str:
    """Compute the checksum of a file.

    Args:
        path (str | Path): The file.

    Returns:
        str: 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    with Path(path).open('rb') as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def path_of(model: str) -> str:
    """Tell the path of a model, be it an address.

    Args:
        model (str): See :func:`find_model`.

    Returns:
        str: The path, or the name of the zoo.
    """
    return urlsplit(model).path if _URL.match(model) else model


def find_model(model: str | os.PathLike, backend: str) -> Path:
    """Find the file of a model.

    Args:
        model (str | PathLike): A name of the zoo; a path; or an address of
            ``https``, ``http`` or ``file`` that ends in ``#sha256=`` and the
            checksum, which is downloaded once and kept, see
            ``cache_dir``.
        backend (str): Which file of the zoo: ``'torch'`` or ``'onnx'``.

    Returns:
        Path: The file; if it is of the zoo or from an address, its checksum
        is right.

    Raises:
        ZooError: If there is none, or the checksum differs.
    """
    text = os.fspath(model)
    if _URL.match(text):
        return _download(text)
    if text in list_models():
        return _shipped(text, backend)
    path = Path(text)
    if path.is_file():
        return path
    if path.suffix or os.sep in text:
        raise ZooError(
            f'model {text}: is a folder; name a file'
            if path.is_dir()
            else f'model {text}: no such file'
        )
    close = difflib.get_close_matches(text, list_models(), 1, 0.4)
    hint = f'; did you mean {close[0]}?' if close else ''
    raise ZooError(
        f'model {text}: is not a file or a model of the zoo; choose from '
        f'{", ".join(list_models())}{hint}'
    )


def _shipped(name: str, backend: str) -> Path:
    files = list_models()[name]['files']
    if backend not in files:
        raise ZooError(
            f'model {name}: has no file for backend={backend}, only for '
            f'{", ".join(files)}'
        )
    entry = files[backend]
    path = HERE / entry['file']
    if not path.is_file():
        raise ZooError(f'{path}: is missing; reinstall mmsrn')
    if sha256_of(path) != entry['sha256']:
        raise ZooError(f'{path}: is damaged; reinstall mmsrn')
    return path


def _download(address: str) -> Path:
    url, _, fragment = address.partition('#')
    wanted = _CHECKSUM.fullmatch(fragment)
    if not wanted:
        raise ZooError(
            f'model {address}: has no checksum; add #sha256= with the 64 '
            'digits that sha256sum prints'
        )
    # The checksum in the path: another file of the same name is another one.
    name = Path(path_of(url)).name or 'model'
    path = cache_dir() / wanted[1][:16] / name
    if path.is_file() and sha256_of(path) == wanted[1]:
        return path
    try:
        with (
            atomic_file(path) as partial,
            partial.open('wb') as file,
            urllib.request.urlopen(url, timeout=_TIMEOUT) as answer,
        ):
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
            file.flush()
            found = sha256_of(partial)
            if found != wanted[1]:
                raise ZooError(
                    f'model {url}: its checksum is {found}, not {wanted[1]}; '
                    'the file was deleted'
                )
    except (OSError, HTTPException) as error:
        reason = getattr(error, 'reason', None) or error
        raise ZooError(
            f'model {url}: cannot be downloaded to {path}: {reason}'
        ) from error
    return path
