"""What ONNX files say about themselves."""

import pytest

from mmsrn.deployment import ModelFacts

FACTS = ModelFacts(
    name='light "SRN"',
    licence='Apache-2.0',
    classes=['face'],
    test_scale=640,
    score_thr=0.3,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
    theta=0.99,
    candidate_thr=0.05,
    small_map_cells=120,
    nms_pre=6000,
    nms_iou=0.4,
    nms_offset=1,
    max_per_img=750,
    vote_iou=0.7,
    precision='int8',
    nms_in_graph=False,
)


def test_texts_and_back():
    metadata = FACTS.to_metadata()
    assert all(isinstance(x, str) for x in metadata.values())
    metadata['of_others'] = 'nothing'
    assert ModelFacts.from_metadata(metadata) == FACTS
    assert metadata['classes'] == '["face"]'


def test_limits_are_those_of_the_postprocessing():
    assert FACTS.limits == dict(
        nms_pre=6000,
        iou_threshold=0.4,
        offset=1,
        max_per_img=750,
        vote_iou=0.7,
    )


def test_files_from_before_box_voting():
    metadata = FACTS.to_metadata()
    del metadata['vote_iou']
    assert ModelFacts.from_metadata(metadata).limits['vote_iou'] is None


@pytest.mark.parametrize('key', ['name', 'nms_iou', 'nms_in_graph'])
def test_missing_key(key):
    metadata = FACTS.to_metadata()
    del metadata[key]
    with pytest.raises(ValueError, match=f"its key '{key}' is missing"):
        ModelFacts.from_metadata(metadata)


def test_other_files():
    with pytest.raises(ValueError, match="'format' is None, not 'mmsrn"):
        ModelFacts.from_metadata({})
    metadata = dict(FACTS.to_metadata(), theta='0,99')
    with pytest.raises(ValueError, match="'theta' is not json: '0,99'"):
        ModelFacts.from_metadata(metadata)
