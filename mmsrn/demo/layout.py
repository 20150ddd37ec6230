"""Where things are on the page: controls at the left, results at the right."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mmsrn.apis.enhancement import AUTO
from mmsrn.apis.face_detector import FaceDetector
from mmsrn.enhance import METHODS

from .actions import ASK, forget, message, note
from .examination import LOWEST_SCORE
from .requirements import import_gradio
from .results import TABLE_HEADER

__all__ = ['lay_out']

_TITLE = (
    '<div class="title"><h1>SRN face detector</h1><p>Selective Refinement '
    'Network. Photos stay on the computer that serves this page.</p></div>'
)
_BUTTONS = ['download', 'fullscreen']
#: Seconds that a session is kept.
KEPT = 3600


def lay_out(detector: FaceDetector, scales: dict[str, Any]) -> SimpleNamespace:
    """Put the parts of the page in their places.

    Args:
        detector (FaceDetector): What the controls start from.
        scales (dict[str, Any]): Names in the menu to scales.

    Returns:
        SimpleNamespace: The parts by name.
    """
    gr = import_gradio()
    parts = SimpleNamespace(
        found=gr.State(time_to_live=KEPT, delete_callback=forget),
        look=gr.State(time_to_live=KEPT),
    )
    gr.HTML(_TITLE)
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            _controls(gr, parts, detector, scales)
        with gr.Column(scale=3, min_width=480):
            parts.message = gr.HTML(message(ASK))
            with gr.Tab('Faces'):
                _faces(gr, parts)
            with gr.Tab('Enhancement'):
                parts.comparison_note = gr.HTML(note(ASK))
                parts.comparison = gr.ImageSlider(
                    visible=False,
                    show_label=False,
                    interactive=False,
                    format='jpeg',
                    max_height=560,
                    buttons=_BUTTONS,
                )
            with gr.Tab('STC and STR'):
                parts.inside = [
                    view
                    for first in (note(ASK), '')
                    for view in (gr.HTML(first), _hidden_image(gr))
                ]
    return parts


def _controls(
    gr: Any,
    parts: SimpleNamespace,
    detector: FaceDetector,
    scales: dict[str, Any],
) -> None:
    parts.photo = gr.Image(
        elem_id='photo',
        show_label=False,
        sources=['upload', 'webcam', 'clipboard'],
        type='filepath',
        image_mode=None,
        height=240,
        buttons=[],
    )
    # gradio's own opens the file with PIL, which knows fewer kinds, and does
    # not say which file it could not read.
    parts.photo.preprocess = lambda x: x and x.path
    parts.score_thr = gr.Slider(
        LOWEST_SCORE,
        1,
        max(detector.score_thr, LOWEST_SCORE),
        step=0.01,
        elem_id='score',
        label='Score threshold',
    )
    parts.min_size = gr.Slider(
        0,
        max(200, detector.min_size),
        detector.min_size,
        step=1,
        label='Smallest face (px)',
    )
    parts.scale = gr.Dropdown(
        list(scales),
        value=next(k for k, v in scales.items() if v == detector.scale),
        label='Scale',
        info='Longer side after resizing',
    )
    parts.method = gr.Dropdown(
        ['none', AUTO, *METHODS],
        value=detector.enhance,
        label='Enhancement',
        info='For dark photos; auto enhances only these',
    )


def _faces(gr: Any, parts: SimpleNamespace) -> None:
    parts.picture = gr.Image(
        elem_id='picture',
        show_label=False,
        interactive=False,
        format='jpeg',
        height=480,
        buttons=_BUTTONS,
    )
    parts.table = gr.Dataframe(
        elem_id='faces',
        headers=list(TABLE_HEADER),
        datatype='number',
        interactive=False,
        show_label=False,
        max_height=260,
        buttons=[],
    )
    parts.download = gr.DownloadButton(
        'Download json', elem_id='download', interactive=False, size='sm'
    )


def _hidden_image(gr: Any) -> Any:
    return gr.Image(
        visible=False, show_label=False, interactive=False, buttons=_BUTTONS
    )
