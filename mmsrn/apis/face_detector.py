"""Faces in photos, without a config."""

from __future__ import annotations

import importlib.util
import io
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from itertools import islice
from numbers import Integral
from threading import Lock
from typing import Any

import numpy as np

from mmsrn.zoo import DEFAULT_MODEL, ZooError, find_model, path_of

from .backends import Backend
from .enhancement import AUTO, check_method, enhance, pick_method
from .faces import Faces
from .photos import (
    PhotoError,
    PhotoSource,
    find_photos,
    holds_several,
    photos_of,
    read_photo,
)
from .views import MAX_SIDE, detect_in_tiles, merge, resize

__all__ = ['FaceDetector']

#: Where the file of the model does not say.
_SCALE, _SCORE_THR = 640, 0.3
#: Pixels of a tile that ``tile='auto'`` makes of images of more.
_AUTO_PIXELS = 2048 * 2048
_TORCH = ('torch', 'mmengine', 'mmcv', 'mmdet')
#: Whoever redirects stdout does so for all threads.
_QUIET = Lock()

Scale = int | str
OnError = Callable[[str, PhotoError], None]


class FaceDetector:
    """Finds faces.

    All that is not about the model may also be set later, as attributes.

    Args:
        model (str | PathLike, optional): Name of a model of the zoo
            (:func:`mmsrn.zoo.list_models`); path of a ``.safetensors`` or
            ``.onnx`` file made by mmsrn's tools, or, with ``config``, of a
            checkpoint; or an address with a checksum, see
            :func:`mmsrn.zoo.find_model`.  None: the model that ships.
        config (str | PathLike | Config, optional): Config of any detector of
            MMDetection that has one class, or one called ``face``.
        backend (str): ``'torch'``, which needs MMDetection; ``'onnx'``, which
            needs onnxruntime; or ``'auto'``: what the model's file is for,
            else torch if MMDetection is installed, else onnx.
        device (str): ``'auto'``: a GPU if the backend can use one, else the
            CPU; or ``'cpu'``, ``'cuda'``, ``'cuda:1'``.
        precision (str): ``'float32'``; with torch also ``'bfloat16'`` or
            ``'float16'``, see ``TorchBackend``.
        score_thr (float, optional): Least score of a face, in [0, 1]. None:
            as the model's file says.
        min_size (float): Least size of a face, the square root of its area
            in pixels of the photo.
        max_size (float, optional): Greatest size. None: no limit.
        scale (int | str | Sequence, optional): Longer side, in pixels, to
            which a photo is resized; ``'original'``; or several of these,
            whose faces are merged: slower, and finds more.  None: as the
            model's file says.
        enhance (str): ``'none'``; a method of ``mmsrn.enhance.METHODS``;
            or ``'auto'``: for photos that are dark, see
            ``mmsrn.apis.enhancement.pick_method``.
        tile (int | str, optional): Side, in pixels, of the square tiles in
            which a resized photo of more pixels is looked at, to save memory;
            ``'auto'``: 2048; None: never.
        batch_size (int): Photos of one size that the network gets at once.
        channel_order (str): Of NumPy arrays, ``'bgr'`` or ``'rgb'``.

    Raises:
        ZooError: If the model cannot be had or used.
        ValueError: If another argument is not possible.

    Example:
        >>> from mmsrn import FaceDetector
        >>> faces = FaceDetector().detect('photo.jpg')
        >>> faces.save('faces.jpg')
    """

    def __init__(
        self,
        model: str | os.PathLike | None = None,
        config: Any = None,
        *,
        backend: str = 'auto',
        device: str = 'auto',
        precision: str = 'float32',
        score_thr: float | None = None,
        min_size: float = 0,
        max_size: float | None = None,
        scale: Scale | Sequence[Scale] | None = None,
        enhance: str = 'none',
        tile: int | str | None = 'auto',
        batch_size: int = 1,
        channel_order: str = 'bgr',
    ) -> None:
        # Before the model: that takes seconds.
        self.score_thr = _SCORE_THR if score_thr is None else score_thr
        self.min_size = min_size
        self.max_size = max_size
        self.scale = _SCALE if scale is None else scale
        self.enhance = enhance
        self.tile = tile
        self.batch_size = batch_size
        self.channel_order = channel_order
        self._check()
        self.backend: Backend = _make_backend(
            model, config, backend, device, precision
        )
        facts = self.backend.facts
        if score_thr is None:
            self.score_thr = facts.get('score_thr', _SCORE_THR)
        if scale is None:
            self.scale = facts.get('test_scale', _SCALE)

    def detect(self, source: Any) -> Faces | list[Faces]:
        """Find the faces of a photo, or of several.

        Args:
            source: A photo: a path, the bytes of a file, a NumPy array
                (h, w, 3), a PIL image or a torch tensor (3, h, w) RGB.  Or
                several: a folder, which is searched with all below it, a
                pattern such as ``'*.jpg'``, or a list or tuple of these.

        Returns:
            Faces | list[Faces]: Of one photo its faces; of several a list,
            even if it is of one photo.

        Raises:
            PhotoError: If a photo cannot be read.
            ValueError: If a setting is not possible.
        """
        faces = list(self.stream(source))
        return faces if holds_several(source) else faces[0]

    def stream(
        self, source: Any, on_error: OnError | None = None
    ) -> Iterator[Faces]:
        """Find the faces of one photo after the other.

        No more photos are held than ``batch_size``.

        Args:
            source: See :meth:`detect`; or an iterator of such, whose items
                are called ``photo 0``, ``photo 1`` and so on.
            on_error (Callable, optional): Is called with the name of a photo
                that cannot be read and the error; such photos are left out.
                None: the error is raised.

        Yields:
            Faces: Those of a photo, in the order of the photos.

        Raises:
            PhotoError: If a photo cannot be read, unless ``on_error`` is.
            ValueError: If a setting is not possible.
        """
        self._check()
        if isinstance(source, Iterator):
            photos = (
                photo
                for i, item in enumerate(source)
                for photo in photos_of(item, f'photo {i}')
            )
        else:
            photos = iter(find_photos(source))
        while batch := list(islice(photos, self.batch_size)):
            read = []
            for photo in batch:
                try:
                    read.append(self._read(photo))
                except PhotoError as error:
                    if on_error is None:
                        raise
                    on_error(photo.name, error)
            yield from self._detect(read)

    def _read(self, source: PhotoSource) -> Faces:
        """Read a photo, whose faces are not known yet."""
        start = time.perf_counter()
        photo = read_photo(source.content, source.name, self.channel_order)
        timing = dict(read=time.perf_counter() - start)
        return Faces(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32),
            photo,
            source.name,
            timing,
        )

    def _detect(self, photos: list[Faces]) -> Iterator[Faces]:
        start = time.perf_counter()
        images, methods, enhancing = [], [], []
        for photo in photos:
            method = self.enhance
            if method == AUTO:
                method = pick_method(photo.photo)
            images.append(enhance(photo.photo, method))
            methods.append(method)
            enhancing.append(time.perf_counter() - start)
            start = time.perf_counter()
        rows = self._look(images)
        each = (time.perf_counter() - start) / max(len(photos), 1)
        for photo, method, seconds, found in zip(
            photos, methods, enhancing, rows
        ):
            found = self._keep(found, photo.photo.shape[:2])
            yield Faces(
                found[:, :4],
                found[:, 4],
                photo.photo,
                photo.name,
                dict(photo.timing, enhance=seconds, detect=each),
                None if method == 'none' else method,
            )

    def _look(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """Detect at each scale, and merge."""
        views = []
        for scale in self._scales():
            resized = [resize(x, scale) for x in images]
            views.append(
                [
                    _map_back(rows, small, image)
                    for rows, small, image in zip(
                        self._predict(resized), resized, images
                    )
                ]
            )
        if len(views) == 1:
            return views[0]
        return [merge(found) for found in zip(*views)]

    def _predict(self, images: list[np.ndarray]) -> list[np.ndarray]:
        if self.tile is None:
            return self.backend.predict(images)
        most = _AUTO_PIXELS if self.tile == 'auto' else self.tile**2
        if all(x.shape[0] * x.shape[1] <= most for x in images):
            return self.backend.predict(images)
        return [detect_in_tiles(self.backend.predict, x, most) for x in images]

    def _keep(self, rows: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Drop what is not wanted, and cut off what is outside the photo."""
        height, width = shape
        rows = rows[rows[:, 4] >= self.score_thr]
        rows[:, 0:4:2] = rows[:, 0:4:2].clip(0, width)
        rows[:, 1:4:2] = rows[:, 1:4:2].clip(0, height)
        sides = rows[:, 2:4] - rows[:, :2]
        size = np.sqrt(sides.prod(axis=1).clip(0))
        most = np.inf if self.max_size is None else self.max_size
        return rows[(size > 0) & (size >= self.min_size) & (size <= most)]

    def _scales(self) -> list[Scale]:
        if isinstance(self.scale, (list, tuple)):
            return list(self.scale)
        return [self.scale]

    def _check(self) -> None:
        """Raise ValueError if a setting is not possible."""
        if not 0 <= self.score_thr <= 1:
            raise ValueError(f'score_thr={self.score_thr} is not in [0, 1]')
        if not self.min_size >= 0:  # nor if it is not a number
            raise ValueError(f'min_size={self.min_size} is less than 0')
        if self.max_size is not None and not (self.max_size >= self.min_size):
            raise ValueError(
                f'max_size={self.max_size} is less than '
                f'min_size={self.min_size}'
            )
        scales = self._scales()
        for scale in scales:
            if scale != 'original' and not (
                isinstance(scale, Integral) and 1 <= scale <= MAX_SIDE
            ):
                raise ValueError(
                    f"scale={scale!r} is neither 'original' nor a number of "
                    f'pixels from 1 to {MAX_SIDE}'
                )
        if not scales:
            raise ValueError('scale is an empty list')
        if self.tile not in (None, 'auto') and not (
            isinstance(self.tile, int) and self.tile >= 64
        ):
            raise ValueError(
                f"tile={self.tile!r} is neither None, 'auto' nor a number of "
                'pixels from 64 on'
            )
        if self.batch_size < 1:
            raise ValueError(f'batch_size={self.batch_size} is less than 1')
        if self.channel_order not in ('bgr', 'rgb'):
            raise ValueError(
                f"channel_order={self.channel_order!r} is neither 'bgr' nor "
                "'rgb'"
            )
        check_method(self.enhance)


def _map_back(
    rows: np.ndarray, resized: np.ndarray, image: np.ndarray
) -> np.ndarray:
    """Map corners in a resized image to pixels of the image."""
    (height, width), (h, w) = image.shape[:2], resized.shape[:2]
    factors = np.array([width / w, height / h] * 2, np.float32)
    return np.concatenate([rows[:, :4] * factors, rows[:, 4:]], axis=1)


def _make_backend(
    model: str | os.PathLike | None,
    config: Any,
    backend: str,
    device: str,
    precision: str,
) -> Backend:
    if backend not in ('auto', 'torch', 'onnx'):
        raise ZooError(f"backend={backend!r} is not 'auto', 'torch' or 'onnx'")
    if config is not None:
        if model is None:
            raise ZooError('config without model: name the checkpoint too')
        if backend == 'onnx':
            raise ZooError('backend=onnx takes no config; export the model')
        backend = 'torch'
    model = DEFAULT_MODEL if model is None else model
    suffix = os.path.splitext(path_of(os.fspath(model)))[1]
    if backend == 'auto':
        if suffix:
            backend = 'onnx' if suffix == '.onnx' else 'torch'
        else:
            backend = 'torch' if _has(*_TORCH) else 'onnx'
    if backend == 'torch':
        _require(*_TORCH, remedy="pip install 'mmsrn[onedl]'")
        path = find_model(model, 'torch')
        # mmdet talks while it is imported, of what it has no use for.
        with (
            _QUIET,
            redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings('ignore', 'faster_coco_eval')
            from .backends.torch_backend import TorchBackend

            return TorchBackend(path, config, device, precision)
    if precision != 'float32':
        raise ZooError(
            'backend=onnx has the precision of its file; name one that '
            'tools/deployment/export_onnx.py made with --precision'
        )
    _require('onnxruntime', remedy='pip install onnxruntime')
    from .backends.onnx_backend import OnnxBackend

    return OnnxBackend(find_model(model, 'onnx'), device)


def _has(*packages: str) -> bool:
    return all(importlib.util.find_spec(x) is not None for x in packages)


def _require(*packages: str, remedy: str) -> None:
    for name in packages:
        if not _has(name):
            raise ZooError(f'{name} is not installed: {remedy}')
