"""From a detector to an ONNX model."""

from __future__ import annotations

import dataclasses
import io
import warnings

import onnx
import torch
from torch import nn

from .model_facts import ModelFacts
from .onnx_nms import add_nms
from .onnx_precision import convert
from .srn_graph import SRNGraph

__all__ = ['OPSET', 'export_onnx']

#: Known to onnxruntime from 1.12 on.
OPSET = 17
# Sizes that differ from each other, and maps of more than one cell.
_EXAMPLE = (2, 160, 224, 3)
_DYNAMIC = {
    'images': {0: 'batch', 1: 'height', 2: 'width'},
    'boxes': {0: 'batch', 1: 'anchors'},
    'scores': {0: 'batch', 1: 'anchors'},
    'levels': {0: 'anchors'},
}
_DESCRIPTION = """\
Takes photos of one size: uint8, (batch, height, width, 3), BGR as OpenCV reads
them. Normalises them itself. Boxes are x1, y1, x2, y2 in pixels of the input.
"""
_CANDIDATES = """\
Gives the boxes of all anchors (batch, anchors, 4), their scores (batch,
anchors, classes), 0 where they are dropped, and the levels of the anchors.
What is left is NMS: mmsrn.deployment.postprocess.
"""
_DETECTIONS = """\
Gives the faces of all photos after NMS: boxes (faces, 4), scores (faces,), and
the photo that each is in (faces,).
"""


def export_onnx(
    detector: nn.Module,
    facts: ModelFacts,
    precision: str = 'fp32',
    nms: bool = False,
) -> onnx.ModelProto:
    """Export a detector, for photos of any number and size.

    Both steps, STC, the anchors that STR moves and the decoding are in the
    graph, see :class:`SRNGraph`.  Batch norms are folded into convolutions.

    Args:
        detector (nn.Module): With an ``SRNHead``; it stays as it is but for
            evaluation mode.
        facts (ModelFacts): What the file shall say about itself.
        precision (str): See :func:`mmsrn.deployment.onnx_precision.convert`.
        nms (bool): Whether to put NMS into the graph.

    Returns:
        onnx.ModelProto: The model, which onnx has checked.

    Raises:
        ValueError: If the detector cannot be exported this way.
    """
    # With the detector; torch goes back to the mode that it finds.
    graph = SRNGraph(detector).eval()
    model = convert(_trace(graph), precision)
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
