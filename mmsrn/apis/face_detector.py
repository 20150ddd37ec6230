"""Faces in photos, without a config."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import cv2
import numpy as np

from mmsrn.utils.one_line import one_line

from .backends import Backend
from .backends.choice import make_backend as _make_backend
from .enhancement import AUTO, enhance, pick_method
from .faces import Faces
from .photo_search import (
    PhotoSource,
    find_photos,
    holds_several,
    photos_of,
)
from .photos import PhotoError, open_photo
from .settings import check_settings, scales_of
from .views import look

__all__ = ['FaceDetector']

#: Where the file of the model does not say.
_SCALE, _SCORE_THR = 640, 0.3
#: Pixels of a tile that ``tile='auto'`` makes of images of more.
_AUTO_PIXELS = 2048 * 2048
#: What the detection of one photo may raise.
_ABOUT_ONE_PHOTO = (MemoryError, RuntimeError, cv2.error)

Scale = int | str
OnError = Callable[[str, PhotoError], None]


class FaceDetector:
    """Finds faces in photos.

    All arguments except those of the model are also attributes that you can
    change later.

    Args:
        model (str | PathLike, optional): Name of a model of the zoo
            (:func:`mmsrn.zoo.list_models`); path of a ``.safetensors`` or
            ``.onnx`` file made by mmsrn's tools; path of a checkpoint, with
            ``config``; or an address with a checksum, see
            :func:`mmsrn.zoo.find_model`. By default the model that ships.
        config (str | PathLike | Config, optional): Config of any MMDetection
            detector with one class, or with a class called ``face``.
        backend (str): ``'torch'``, which needs MMDetection; ``'onnx'``, which
            needs onnxruntime; or ``'auto'``, which follows the model's file.
            A model of the zoo runs with onnx on a CPU, and with torch on a
            GPU or in another precision.
        device (str): ``'cpu'``, ``'cuda'``, ``'cuda:1'``, or ``'auto'`` for a
            GPU if the backend can use one, else the CPU.
        precision (str): ``'float32'``; with torch also ``'bfloat16'`` or
            ``'float16'``, see ``TorchBackend``.
        score_thr (float, optional): Lowest score to report, in [0, 1]. By
            default set by the model's file.
        min_size (float): Smallest face to report: square root of its area, in
            pixels of the photo.
        max_size (float, optional): Largest face to report. By default no
            limit.
        scale (int | str | Sequence, optional): Length in pixels to which the
            longer side is resized; ``'original'``; or several of these, whose
            faces are merged, which is slower and finds more. By default set by
            the model's file.
        enhance (str): ``'none'``; a method of ``mmsrn.enhance.METHODS``; or
            ``'auto'``, which enhances dark photos only, see
            ``mmsrn.apis.enhancement.pick_method``.
        tile (int | str, optional): Side in pixels of the square tiles that a
            larger resized photo is split into, to save memory; ``'auto'`` is
            2048; None never tiles.
        batch_size (int): Photos of the same size that go through the network
            together.
        channel_order (str): Channel order of NumPy arrays, ``'bgr'`` or
            ``'rgb'``.
        strict (bool): Refuse JPEG files whose end is missing. Otherwise the
            rest is read and ``Faces.incomplete`` is set.
        max_faces (int, optional): Most faces to report per image or tile. By
            default set by the model, usually 750. You cannot change it later.

    Raises:
        ZooError: If the model cannot be found or used.
        ValueError: If another argument is invalid.

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
        strict: bool = False,
        max_faces: int | None = None,
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
        self.strict = strict
        if max_faces is not None and max_faces < 1:
            raise ValueError(f'max_faces={max_faces} is less than 1')
        check_settings(self)
        self.backend: Backend = _make_backend(
            model, config, backend, device, precision
        )
        if max_faces is not None:
            self.backend.set_max_faces(max_faces)
        facts = self.backend.facts
        if score_thr is None:
            self.score_thr = facts.get('score_thr', _SCORE_THR)
        if scale is None:
            self.scale = facts.get('test_scale', _SCALE)

    @property
    def max_faces(self) -> int | None:
        """int, optional: Most faces reported per image; None for no limit."""
        return getattr(self.backend, 'max_faces', None)

    def detect(self, source: Any) -> Faces | list[Faces]:
        """Find the faces in one photo or in several.

        Args:
            source: One photo: a path, the bytes of a file, a NumPy array (h,
                w, 3), a PIL image or a torch tensor (3, h, w) RGB. Or several:
                a folder with its subfolders, a pattern such as ``'*.jpg'``, or
                a list or tuple of these.

        Returns:
            Faces | list[Faces]: The faces of one photo, or a list for several;
            the list may have one item.

        Raises:
            PhotoError: If a photo cannot be read.
            ValueError: If a setting is not possible.
        """
        faces = list(self.stream(source))
        return faces if holds_several(source) else faces[0]

    def stream(
        self, source: Any, on_error: OnError | None = None
    ) -> Iterator[Faces]:
        """Find the faces of many photos, one after the other.

        At most ``batch_size`` photos are in memory.

        Args:
            source: See :meth:`detect`; or an iterator of these, whose items
                are named ``photo 0``, ``photo 1`` and so on.
            on_error (Callable, optional): Called with the name and the error
                of a photo that cannot be read or does not fit into memory; the
                photo is skipped. By default the error is raised.

        Yields:
            Faces: The faces of each photo, in the order of the photos.

        Raises:
            PhotoError: If a photo cannot be read and ``on_error`` is None.
            ValueError: If a setting is not possible.
        """
        check_settings(self)
        if isinstance(source, Iterator):
            photos = (
                photo
                for i, item in enumerate(source)
                for photo in photos_of(item, f'photo {i}')
            )
        else:
            photos = iter(find_photos(source))
        while batch := list(islice(photos, self.batch_size)):
            yield from self._batch(batch, on_error)

    def _batch(
        self, batch: list[PhotoSource], on_error: OnError | None
    ) -> list[Faces]:
        """Read and detect; one that fails does not take others with it."""
        read = []
        for photo in batch:
            try:
                read.append(self._read(photo))
            except PhotoError as error:
                if on_error is None:
                    raise
                on_error(photo.name, error)
        if on_error is None or not read:
            return self._detect(read)
        try:
            return self._detect(read)
        except _ABOUT_ONE_PHOTO as error:
            if len(read) > 1:
                return [x for y in batch for x in self._batch([y], on_error)]
            (photo,) = read
            reason = one_line(error) or type(error).__name__
            on_error(photo.name, PhotoError(f'{photo.name}: {reason}'))
            return []

    def _read(self, source: PhotoSource) -> Faces:
        """Read a photo, whose faces are not known yet."""
        start = time.perf_counter()
        photo, incomplete = open_photo(
            source.content, source.name, self.channel_order, self.strict
        )
        return Faces(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32),
            photo,
            source.name,
            dict(read=time.perf_counter() - start),
            incomplete=incomplete,
        )

    def _detect(self, photos: list[Faces]) -> list[Faces]:
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
        found, full = self._look(images)
        each = (time.perf_counter() - start) / max(len(photos), 1)
        return [
            self._faces(*x, each, i in full)
            for i, x in enumerate(zip(photos, found, methods, enhancing))
        ]

    def _faces(
        self,
        photo: Faces,
        rows: np.ndarray,
        method: str,
        enhancing: float,
        detecting: float,
        full: bool,
    ) -> Faces:
        rows = self._keep(rows, photo.photo.shape[:2])
        return replace(
            photo,
            boxes=rows[:, :4],
            scores=rows[:, 4],
            timing=dict(photo.timing, enhance=enhancing, detect=detecting),
            enhancement=None if method == 'none' else method,
            limit=self.max_faces if full else None,
        )

    def _look(
        self, images: list[np.ndarray]
    ) -> tuple[list[np.ndarray], set[int]]:
        """Detect, and tell which images may have more faces than found."""
        full = set()

        def note(index: int, rows: np.ndarray) -> None:
            most = self.max_faces
            if most and len(rows) >= most and rows[-1, 4] >= self.score_thr:
                full.add(index)

        pixels = None
        if self.tile is not None:
            pixels = _AUTO_PIXELS if self.tile == 'auto' else self.tile**2
        scales = scales_of(self)
        predict = self.backend.predict
        return look(predict, images, scales, pixels, note), full

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
