"""The page: controls at the left, what was found at the right."""

from __future__ import annotations

import html
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmsrn.apis import Faces, PhotoError
from mmsrn.apis.enhancement import AUTO, enhance
from mmsrn.apis.face_detector import FaceDetector
from mmsrn.enhance import METHODS

from .examination import LOWEST_SCORE, SCALES, examine, select_faces
from .requirements import import_gradio
from .results import TABLE_HEADER, describe, draw, fit, table
from .selection import Selection, draw_selection, look_inside

if TYPE_CHECKING:
    import gradio

__all__ = ['build_page']

_TITLE = (
    '<div class="title"><h1>SRN face detector</h1><p>Selective Refinement '
    'Network. Photos stay on the computer that serves this page.</p></div>'
)
_ASK = 'Drop a photo, or take one with the camera.'
_STC = (
    'STC: on the lower levels, the first step takes easy background away '
    'from the second. Upper row: its face probability; lower row, yellow: '
    'what it lets pass, and as crosses the false alarms that it stopped.'
)
_STR = (
    'STR: on the upper levels, the first step moves an anchor (dashed) onto '
    'the face (blue), and the second step starts from there (green).'
)
_NO_STR = 'STR: no anchor of the upper levels was moved onto a face.'


def build_page(detector: FaceDetector) -> gradio.Blocks:
    """Build the page around a detector.

    Args:
        detector (FaceDetector): Finds the faces. Its threshold, smallest face,
            scale and enhancement are what the controls start from; it is not
            changed.

    Returns:
        gradio.Blocks: The page, not yet served.

    Raises:
        ModuleNotFoundError: If gradio is absent.
        ImportError: If it is too old.

    Example:
        >>> page = build_page(FaceDetector())
        >>> page.launch()
    """
    gr = import_gradio()
    scales, buttons = _scales(detector), ['download', 'fullscreen']
    downloads = tempfile.TemporaryDirectory(prefix='mmsrn-demo-')

    def find(path, scale, method, score_thr, min_size):
        """Run the network."""
        if path is None:
            return [None, *nothing(_ASK)]
        try:
            found = examine(detector, path, scales[scale], method)
        except PhotoError as error:
            return [None, *nothing(str(error), 'error')]
        images, text = _compare(found)
        return [
            found,
            *show(found, score_thr, min_size),
            gr.ImageSlider(images, visible=images is not None),
            _note(text),
        ]

    def show(found, score_thr, min_size):
        """Filter what the network found."""
        if found is None:
            return [gr.skip()] * 4
        faces = select_faces(found, score_thr, min_size)
        folder = tempfile.mkdtemp(dir=downloads.name)
        file = Path(folder, f'{Path(faces.name).stem}_faces.json')
        faces.save(file)
        return [
            _message(describe(faces)),
            draw(faces),
            table(faces),
            gr.DownloadButton(value=str(file), interactive=True),
        ]

    def nothing(text, kind=''):
        return [
            _message(text, kind),
            None,
            [],
            gr.DownloadButton(value=None, interactive=False),
            gr.ImageSlider(None, visible=False),
            _note(_ASK),
        ]

    def inside(found, scale):
        """Look at both steps."""
        if found is None:
            return _ASK
        return look_inside(detector, _enhanced(found), scales[scale])

    def draw_inside(look, found, score_thr, min_size):
        """Draw both steps for the faces that are shown."""
        hidden = gr.Image(visible=False)
        if found is None or not isinstance(look, Selection):
            return [_note(look or _ASK), hidden, '', hidden]
        stc, str_ = draw_selection(
            look, select_faces(found, score_thr, min_size)
        )
        return [
            _note(_STC if stc is not None else 'STC is off in this model.'),
            gr.Image(stc, visible=stc is not None),
            _note(_STR if str_ is not None else _NO_STR),
            gr.Image(str_, visible=str_ is not None),
        ]

    with gr.Blocks(
        title='SRN face detector',
        analytics_enabled=False,
        delete_cache=(3600, 3600),  # photos of an hour ago
        fill_width=True,
    ) as page:
        found, look = (gr.State(time_to_live=3600) for _ in range(2))
        gr.HTML(_TITLE)
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                photo = gr.Image(
                    elem_id='photo',
                    show_label=False,
                    sources=['upload', 'webcam', 'clipboard'],
                    type='filepath',
                    image_mode=None,
                    height=240,
                    buttons=[],
                )
                # gradio's own opens the file with PIL, which knows fewer
                # kinds, and does not say which file it could not read.
                photo.preprocess = lambda x: x and x.path
                score_thr = gr.Slider(
                    LOWEST_SCORE,
                    1,
                    max(detector.score_thr, LOWEST_SCORE),
                    step=0.01,
                    elem_id='score',
                    label='Score threshold',
                )
                min_size = gr.Slider(
                    0,
                    max(200, detector.min_size),
                    detector.min_size,
                    step=1,
                    label='Smallest face (px)',
                )
                scale = gr.Dropdown(
                    list(scales),
                    value=_name(scales, detector.scale),
                    label='Scale',
                    info='Long side of what the network sees',
                )
                method = gr.Dropdown(
                    ['none', AUTO, *METHODS],
                    value=detector.enhance,
                    label='Enhancement',
                    info='For dark photos; auto decides by brightness',
                )
            with gr.Column(scale=3, min_width=480):
                message = gr.HTML(_message(_ASK))
                with gr.Tab('Faces'):
                    picture = gr.Image(
                        elem_id='picture',
                        show_label=False,
                        interactive=False,
                        format='jpeg',
                        height=480,
                        buttons=buttons,
                    )
                    faces_table = gr.Dataframe(
                        elem_id='faces',
                        headers=list(TABLE_HEADER),
                        datatype='number',
                        interactive=False,
                        show_label=False,
                        max_height=260,
                        buttons=[],
                    )
                    download = gr.DownloadButton(
                        'Download json',
                        elem_id='download',
                        interactive=False,
                        size='sm',
                    )
                with gr.Tab('Enhancement'):
                    comparison_note = gr.HTML(_note(_ASK))
                    comparison = gr.ImageSlider(
                        visible=False,
                        show_label=False,
                        interactive=False,
                        format='jpeg',
                        max_height=560,
                        buttons=buttons,
                    )
                with gr.Tab('STC and STR'):
                    inside_views = [
                        view
                        for first in (_note(_ASK), '')
                        for view in (
                            gr.HTML(first),
                            gr.Image(
                                visible=False,
                                show_label=False,
                                interactive=False,
                                buttons=buttons,
                            ),
                        )
                    ]

        controls = [score_thr, min_size]
        results = [message, picture, faces_table, download]
        private: dict[str, Any] = dict(api_visibility='private')
        drawn = dict(
            fn=draw_inside,
            inputs=[look, found, *controls],
            outputs=inside_views,
            show_progress='hidden',
            **private,
        )
        gr.on(
            [photo.change, scale.input, method.input],
            find,
            [photo, scale, method, *controls],
            [found, *results, comparison, comparison_note],
            concurrency_id='network',
            concurrency_limit=1,
            show_progress_on=[picture],
            trigger_mode='always_last',
            **private,
        ).then(
            inside,
            [found, scale],
            look,
            concurrency_id='network',
            show_progress='hidden',
            **private,
        ).then(**drawn)
        gr.on(
            [x.input for x in controls],
            show,
            [found, *controls],
            results,
            show_progress='hidden',
            trigger_mode='always_last',
            **private,
        )
        gr.on([x.release for x in controls], **drawn)
    return page


def _scales(detector: FaceDetector) -> dict[str, Any]:
    """Scales of the menu, that of the detector among them."""
    if detector.scale in SCALES.values():
        return SCALES
    return {str(detector.scale): detector.scale, **SCALES}


def _name(scales: dict[str, Any], scale: Any) -> str:
    return next(name for name, value in scales.items() if value == scale)


def _enhanced(faces: Faces) -> np.ndarray:
    """The photo as the detector saw it."""
    return enhance(faces.photo, faces.enhancement or 'none')


def _compare(faces: Faces) -> tuple[tuple | None, str]:
    """Photo before and after the enhancement, and what was done."""
    if faces.enhancement is None:
        return None, 'The photo was not enhanced.'
    images = (fit(x)[0] for x in (faces.photo, _enhanced(faces)))
    text = f'Left: the photo. Right: after {faces.enhancement}.'
    return tuple(x[..., ::-1] for x in images), text


def _message(text: str, kind: str = '') -> str:
    return f'<div class="message {kind}">{html.escape(text)}</div>'


def _note(text: str) -> str:
    return f'<div class="note">{html.escape(text)}</div>'
