"""What the controls of the page do."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmsrn.apis import Faces, PhotoError
from mmsrn.apis.enhancement import enhance
from mmsrn.apis.face_detector import FaceDetector
from mmsrn.apis.photos import read_photo

from .examination import (
    ReducedFaces,
    examine,
    fit,
    reduce_photo,
    select_faces,
)
from .requirements import import_gradio
from .results import describe, draw, table
from .selection import Selection, draw_selection, look_inside
from .session_files import SessionFiles

__all__ = ['ASK', 'Actions', 'Found', 'message', 'note']

ASK = 'Drop a photo here, or take one with the camera.'
_STC = (
    'STC: on the lower levels, the first step removes easy background. Upper '
    'row: face probability of the first step. Lower row: cells that pass '
    '(yellow) and false alarms that it removed (crosses).'
)
_STR = (
    'STR: on the upper levels, the first step moves an anchor (dashed) onto '
    'the face (blue). The second step starts from there (green).'
)
_NO_STR = 'STR: no anchor of the upper levels was moved onto a face.'


@dataclass(frozen=True)
class Found:
    """What a visitor's session holds of a photo.

    Attributes:
        faces (ReducedFaces): All faces that any setting may show.
        path (str): File of the photo.
        files (SessionFiles): What the browser is shown.
    """

    faces: ReducedFaces
    path: str
    files: SessionFiles


def message(text: str, kind: str = '') -> str:
    """Make the line above the results.

    Args:
        text (str): What it says.
        kind (str): ``'error'`` or nothing.

    Returns:
        str: HTML.
    """
    return f'<div class="message {kind}">{html.escape(text)}</div>'


def note(text: str) -> str:
    """Make a line beside pictures.

    Args:
        text (str): What it says.

    Returns:
        str: HTML.
    """
    return f'<div class="note">{html.escape(text)}</div>'


class Actions:
    """Functions of the page, which gradio calls by their names.

    Args:
        detector (FaceDetector): Finds the faces.
        scales (dict[str, Any]): Names in the menu to scales.
        folder (str): Where the files of all sessions lie.
    """

    def __init__(
        self, detector: FaceDetector, scales: dict[str, Any], folder: str
    ) -> None:
        self._gr = import_gradio()
        self._detector = detector
        self._scales = scales
        self._folder = folder

    def find(
        self,
        path: str | None,
        scale: str,
        method: str,
        score_thr: float,
        min_size: float,
        former: Found | None = None,
    ) -> list:
        """Run the network on a photo, and forget the former one."""
        forget(former)
        if path is None:
            return [None, *self._nothing(ASK)]
        try:
            whole = examine(self._detector, path, self._scales[scale], method)
        except PhotoError as error:
            return [None, *self._nothing(str(error), 'error')]
        files = SessionFiles(self._folder)
        images, text = _compare(whole, files)
        found = Found(reduce_photo(whole), path, files)
        return [
            found,
            *self.show(found, score_thr, min_size),
            self._gr.ImageSlider(images, visible=images is not None),
            note(text),
        ]

    def show(
        self, found: Found | None, score_thr: float, min_size: float
    ) -> list:
        """Filter what the network found."""
        if found is None:
            return [self._gr.skip()] * 4
        faces = select_faces(found.faces, score_thr, min_size)
        file = found.files.path(f'{Path(faces.name).stem}_faces.json')
        faces.save(file)
        return [
            message(describe(faces)),
            found.files.picture('picture.jpg', draw(faces)),
            table(faces),
            self._gr.DownloadButton(value=str(file), interactive=True),
        ]

    def inside(self, found: Found | None, scale: str) -> Selection | str:
        """Look at both steps."""
        if found is None:
            return ASK
        photo = read_photo(found.path, found.faces.name, strict=False)
        seen = enhance(photo, found.faces.enhancement or 'none')
        return look_inside(self._detector, seen, self._scales[scale])

    def draw_inside(
        self,
        look: Selection | str | None,
        found: Found | None,
        score_thr: float,
        min_size: float,
    ) -> list:
        """Draw both steps for the faces that are shown."""
        hidden = self._gr.Image(visible=False)
        if found is None or not isinstance(look, Selection):
            return [note(look or ASK), hidden, '', hidden]
        pictures = draw_selection(
            look, select_faces(found.faces, score_thr, min_size)
        )
        stc, str_ = (
            None if x is None else found.files.picture(name, x)
            for name, x in zip(('stc.png', 'str.png'), pictures)
        )
        return [
            note('STC is off in this model.' if stc is None else _STC),
            self._gr.Image(stc, visible=stc is not None),
            note(_NO_STR if str_ is None else _STR),
            self._gr.Image(str_, visible=str_ is not None),
        ]

    def _nothing(self, text: str, kind: str = '') -> list:
        return [
            message(text, kind),
            None,
            [],
            self._gr.DownloadButton(value=None, interactive=False),
            self._gr.ImageSlider(None, visible=False),
            note(ASK),
        ]


def forget(found: Found | None) -> None:
    """Remove the files of a session that ended, or has another photo.

    Args:
        found (Found, optional): What it held.
    """
    if found is not None:
        found.files.remove()


def _compare(
    faces: Faces, files: SessionFiles
) -> tuple[tuple[str, str] | None, str]:
    """Photo before and after the enhancement, and what was done."""
    if faces.enhancement is None:
        return None, 'The photo was not enhanced.'
    after = enhance(faces.photo, faces.enhancement)
    images: list[np.ndarray] = [fit(x)[0] for x in (faces.photo, after)]
    text = f'Left: the photo. Right: after {faces.enhancement}.'
    before, after = (
        files.picture(name, x[..., ::-1])
        for name, x in zip(('before.jpg', 'after.jpg'), images)
    )
    return (before, after), text
