"""From a detector to an ONNX model."""

from __future__ import annotations

import copy
import dataclasses
import io
import warnings
from collections.abc import Iterable

import numpy as np
import onnx
import torch
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    RuntimeException,
)
from torch import nn

from mmsrn.models.utils import drop_dead_channels

from .model_facts import ModelFacts
from .onnx_nms import add_nms, check_nms
from .onnx_precision import convert
from .session import start_session
from .srn_graph import SRNGraph, exportable_head

__all__ = ['OPSET', 'export_onnx']

#: Known to onnxruntime from 1.12 on.
OPSET = 17
# Height and width that differ, and lower maps of more than one cell.
_EXAMPLE = (2, 160, 224, 3)
# Another number, and sides that are no multiple of a stride.
_OTHER = (1, 97, 131, 3)
# What sizes that do not fit each other end in.
_MISFIT = (Fail, InvalidArgument, RuntimeException)
_DYNAMIC = {
    'images': {0: 'batch', 1: 'height', 2: 'width'},
    'boxes': {0: 'batch', 1: 'anchors'},
    'scores': {0: 'batch', 1: 'anchors'},
    'levels': {0: 'anchors'},
}
_DESCRIPTION = """\
Takes photos of one size: uint8, (batch, height, width, 3), BGR as OpenCV reads
them, and normalises them. Boxes are x1, y1, x2, y2 in pixels of the input.
"""
_CANDIDATES = """\
Returns the boxes of all anchors (batch, anchors, 4), their scores (batch,
anchors, classes), 0 if dropped, and the levels of the anchors. Apply NMS and
box voting with mmsrn.deployment.postprocess.
"""
_DETECTIONS = """\
Returns the faces of all photos after NMS: boxes (faces, 4), scores (faces,),
and the index of their photo (faces,).
"""


def export_onnx(
    detector: nn.Module,
    facts: ModelFacts,
    precision: str = 'fp32',
    nms: bool = False,
    photos: Iterable[np.ndarray] = (),
) -> onnx.ModelProto:
    """Export a detector, for photos of any number and size.

    Both steps, STC, the anchors that STR moves and the decoding are in the
    graph, see :class:`SRNGraph`.  Batch norms are folded into convolutions.

    Args:
        detector (nn.Module): With an ``SRNHead``; it stays as it is.
        facts (ModelFacts): What the file shall say about itself.
        precision (str): See :func:`mmsrn.deployment.onnx_precision.convert`.
        nms (bool): Whether to put NMS into the graph.
        photos (Iterable[np.ndarray]): See ``convert``.

    Returns:
        onnx.ModelProto: The model, which onnx has checked.

    Raises:
        ValueError: If the detector cannot be exported this way: it has no
            ``SRNHead``, or the trace holds for photos of one size alone; or
            see ``check_nms`` and ``convert``.
    """
    if nms:
        check_nms(facts)  # before it takes long
    detector = copy.deepcopy(detector)
    drop_dead_channels(exportable_head(detector))
    # With the detector; torch goes back to the mode that it finds.
    graph = SRNGraph(detector).eval()
    traced = _trace(graph)
    _check_sizes(graph, traced)
    model = convert(traced, precision, photos)
    if nms:
        num_levels = detector.bbox_head.prior_generator.num_levels
        model = add_nms(model, facts, num_levels)
    model.doc_string = _DESCRIPTION + (_DETECTIONS if nms else _CANDIDATES)
    facts = dataclasses.replace(facts, precision=precision, nms_in_graph=nms)
    onnx.helper.set_model_props(model, facts.to_metadata())
    onnx.checker.check_model(model, full_check=True)
    return model


def _trace(graph: nn.Module) -> onnx.ModelProto:
    """The model as torch's exporter writes it."""
    device = next(graph.parameters()).device
    example = torch.zeros(_EXAMPLE, dtype=torch.uint8, device=device)
    file = io.BytesIO()
    with warnings.catch_warnings():
        # About Python values in asserts, and about this exporter: the one
        # that is to follow it exports the same graph, in a minute instead of
        # in a second, and needs onnxscript.
        warnings.simplefilter('ignore')
        torch.onnx.export(
            graph,
            (example,),
            file,
            input_names=['images'],
            output_names=['boxes', 'scores', 'levels'],
            opset_version=OPSET,
            dynamic_axes=_DYNAMIC,
            dynamo=False,
        )
    return onnx.load_model_from_string(file.getvalue())


def _check_sizes(graph: nn.Module, model: onnx.ModelProto) -> None:
    """Refuse a trace that does not hold for another number and size."""
    images = np.random.default_rng(0).integers(0, 256, _OTHER, np.uint8)
    device = next(graph.parameters()).device
    with torch.no_grad():
        expected = graph(torch.from_numpy(images).to(device))
    try:
        found = start_session(model.SerializeToString()).run(
            None, {'images': images}
        )
        same = all(map(_alike, (x.cpu().numpy() for x in expected), found))
    except _MISFIT:
        same = False
    if not same:
        backbone = type(graph.detector.backbone).__name__
        raise ValueError(
            'the graph is valid only for photos of one size; a layer of the '
            f'backbone, {backbone}, or of the neck computes sizes in Python '
            'and cannot be exported'
        )


def _alike(expected: np.ndarray, found: np.ndarray) -> bool:
    """Whether arrays are the same but for rounding, and what it decides."""
    if expected.shape != found.shape:
        return False
    far = ~np.isclose(expected, found, rtol=1e-3, atol=1e-3)
    return far.mean() < 0.01  # a score at a threshold may become 0
