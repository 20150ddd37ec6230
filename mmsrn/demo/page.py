"""The page: its parts, and what they do."""

from __future__ import annotations

import tempfile
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mmsrn.apis.face_detector import FaceDetector

from .actions import Actions
from .examination import SCALES
from .layout import KEPT, lay_out
from .requirements import import_gradio

if TYPE_CHECKING:
    import gradio

__all__ = ['build_page']


def build_page(detector: FaceDetector) -> gradio.Blocks:
    """Build the page around a detector.

    Files that the browser is shown lie in a temporary folder, which is removed
    when the process ends.

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
    scales = _scales(detector)
    results = tempfile.TemporaryDirectory(prefix='mmsrn-demo-')
    # Else gradio copies each file, and keeps the copies for an hour.
    gr.set_static_paths([results.name])
    with gr.Blocks(
        title='SRN face detector',
        analytics_enabled=False,
        delete_cache=(KEPT, KEPT),  # photos of an hour ago
        fill_width=True,
    ) as page:
        parts = lay_out(detector, scales)
        _connect(parts, Actions(detector, scales, results.name))
    page.results = results  # as long as the page lives
    return page


def _connect(parts: SimpleNamespace, actions: Actions) -> None:
    """Say what happens when a control is moved."""
    gr = import_gradio()
    controls = [parts.score_thr, parts.min_size]
    results = [parts.message, parts.picture, parts.table, parts.download]
    private: dict[str, Any] = dict(api_visibility='private')
    drawn = dict(
        fn=actions.draw_inside,
        inputs=[parts.look, parts.found, *controls],
        outputs=parts.inside,
        show_progress='hidden',
        **private,
    )
    gr.on(
        [parts.photo.change, parts.scale.input, parts.method.input],
        actions.find,
        [parts.photo, parts.scale, parts.method, *controls, parts.found],
        [parts.found, *results, parts.comparison, parts.comparison_note],
        concurrency_id='network',
        concurrency_limit=1,
        show_progress_on=[parts.picture],
        trigger_mode='always_last',
        **private,
    ).then(
        actions.inside,
        [parts.found, parts.scale],
        parts.look,
        concurrency_id='network',
        show_progress='hidden',
        **private,
    ).then(**drawn)
    gr.on(
        [x.input for x in controls],
        actions.show,
        [parts.found, *controls],
        results,
        show_progress='hidden',
        trigger_mode='always_last',
        **private,
    )
    gr.on([x.release for x in controls], **drawn)


def _scales(detector: FaceDetector) -> dict[str, Any]:
    """Scales of the menu, that of the detector among them."""
    if detector.scale in SCALES.values():
        return SCALES
    return {str(detector.scale): detector.scale, **SCALES}
