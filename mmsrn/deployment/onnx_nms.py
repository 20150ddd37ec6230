"""NMS behind the candidates of an exported detector."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, compose, helper, numpy_helper, parser

from .model_facts import ModelFacts

__all__ = ['add_nms', 'check_nms']

# Candidates of a level: the best of those that lie on it.
_LEVEL = """
    count_{i} = Gather <axis = 0> (counts, level_{i})
    most_{i} = Min (count_{i}, nms_pre)
    best_{i}, places_{i} = TopK <axis = 1> (scores_{i}, most_{i})
    place_{i} = Expand (places_{i}, four)
    kept_{i} = GatherElements <axis = 1> (boxes_{i}, place_{i})
"""
_GRAPH = """
nms (float[batch, anchors, 4] all_boxes, float[batch, anchors, 1] all_scores,
     int64[anchors] levels)
 => (float[faces, 4] boxes, float[faces] scores, int64[faces] batch_index)
{{
    column = Unsqueeze (levels, last)
    is_on = Equal (column, all_levels)
    ones = Cast <to = 7> (is_on)
    counts = ReduceSum <keepdims = 0> (ones, first)
    {split_boxes} = Split <axis = 1> (all_boxes, counts)
    {split_scores} = Split <axis = 1> (all_scores, counts)
    {levels}
    top_boxes = Concat <axis = 1> ({kept})
    top_scores = Concat <axis = 1> ({best})
    outlines = Add (top_boxes, offset)
    rows = Transpose <perm = [0, 2, 1]> (top_scores)
    found = NonMaxSuppression (outlines, rows, max_faces, iou, zero)
    index = Gather <axis = 1> (found, image_and_box)
    boxes = GatherND (top_boxes, index)
    columns = GatherND (top_scores, index)
    scores = Squeeze (columns, last)
    image = Gather <axis = 1> (index, first)
    batch_index = Squeeze (image, last)
}}
"""
_NO_LIMIT = 2**31 - 1


def add_nms(
    model: ModelProto, facts: ModelFacts, num_levels: int
) -> ModelProto:
    """Let a graph of candidates end in detections.

    Args:
        model (ModelProto): With the outputs of ``SRNGraph``.
        facts (ModelFacts): How to suppress.
        num_levels (int): Levels of its pyramid.

    Returns:
        ModelProto: Another model. Its outputs are ``boxes`` (faces, 4),
        ``scores`` (faces,) and ``batch_index`` (faces,): the photo that each
        face is in. Those of a photo come by falling score.

    Raises:
        ValueError: See :func:`check_nms`.
    """
    check_nms(facts)
    # Unlike the boxes it starts from, the result keeps the plain names.
    model = compose.add_prefix(model, 'candidates/', rename_inputs=False)
    return compose.merge_models(
        model,
        _nms_model(facts, num_levels, model),
        [
            ('candidates/boxes', 'all_boxes'),
            ('candidates/scores', 'all_scores'),
            ('candidates/levels', 'levels'),
        ],
    )


def check_nms(facts: ModelFacts) -> None:
    """Refuse what NMS in a graph cannot do.

    Args:
        facts (ModelFacts): How to suppress.

    Raises:
        ValueError: If there are several classes, or box voting.
    """
    if len(facts.classes) > 1:
        raise ValueError(
            f'NMS in the graph is for one class, not {len(facts.classes)}; '
            'mmsrn.deployment.postprocess does it outside'
        )
    if facts.vote_iou is not None:
        raise ValueError(
            f'box voting (vote_iou={facts.vote_iou} of test_cfg) follows NMS, '
            'so NMS cannot be in the graph; leave --nms out'
        )


def _nms_model(
    facts: ModelFacts, num_levels: int, like: ModelProto
) -> ModelProto:
    """The part that is added, in the versions of another model."""
    levels = range(num_levels)

    def each(name: str) -> str:
        return ', '.join(f'{name}_{i}' for i in levels)

    graph = parser.parse_graph(
        _GRAPH.format(
            split_boxes=each('boxes'),
            split_scores=each('scores'),
            levels=''.join(_LEVEL.format(i=i) for i in levels),
            kept=each('kept'),
            best=each('best'),
        )
    )
    limits = [
        _NO_LIMIT if x < 0 else x for x in (facts.nms_pre, facts.max_per_img)
    ]
    constants = dict(
        first=np.array([0]),
        last=np.array([-1]),
        four=np.array([1, 1, 4]),
        image_and_box=np.array([0, 2]),
        all_levels=np.arange(num_levels),
        nms_pre=np.array(limits[:1]),
        max_faces=np.array(limits[1:]),
        iou=np.float32([facts.nms_iou]),
        zero=np.float32([0]),
        # Boxes that name their last pixel end one further.
        offset=np.float32([0, 0, facts.nms_offset, facts.nms_offset]),
        **{f'level_{i}': np.array([i]) for i in levels},
    )
    graph.initializer.extend(
        numpy_helper.from_array(x, name) for name, x in constants.items()
    )
    return helper.make_model(
        graph, ir_version=like.ir_version, opset_imports=like.opset_import
    )
