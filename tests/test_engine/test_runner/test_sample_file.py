"""Results as numbers and text."""

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.structures import BaseDataElement, InstanceData, PixelData

from mmsrn.engine.runner.sample_file import read_sample, write_sample


@pytest.fixture
def again(tmp_path):
    """Function that writes a result and reads it."""

    def run(sample):
        write_sample(tmp_path / 'a.safetensors', sample)
        return read_sample(tmp_path / 'a.safetensors')

    return run


def assert_same(found, wanted):
    assert type(found) is type(wanted)
    if isinstance(wanted, BaseDataElement):
        assert found.keys() and set(found.keys()) == set(wanted.keys())
        assert set(found.metainfo_keys()) == set(wanted.metainfo_keys())
        for name, value in wanted.all_items():
            assert_same(found.get(name), value)
    elif isinstance(wanted, HorizontalBoxes):
        assert_same(found.tensor, wanted.tensor)
    elif isinstance(wanted, torch.Tensor):
        assert found.dtype == wanted.dtype and found.equal(wanted)
    elif isinstance(wanted, (np.ndarray, np.generic)):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
    elif isinstance(wanted, (list, tuple)):
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted)
        assert_same(list(found.values()), list(wanted.values()))
    else:
        assert found == wanted


def test_comes_back_as_it_was(again):
    boxes = torch.rand(6, 4)
    sample = DetDataSample(
        metainfo=dict(
            img_path='ö/a.jpg',
            img_id=7,
            ori_shape=(3, 4),
            scale_factor=(0.1, 1 / 3),
            far=float('inf'),
            flip=False,
            flip_direction=None,
            mean=np.array([0.5, 2]),
            count=np.int64(3),
            instances=[dict(bbox=[1.0, 2], ignore_flag=0)],
        )
    )
    sample.pred_instances = InstanceData(
        bboxes=boxes[:2],
        scores=boxes[:2, 0],  # of the same memory, with gaps
        labels=torch.zeros(2, dtype=torch.int64),
        half=torch.rand(2).bfloat16(),
        sure=torch.tensor([True, False]),
    )
    sample.gt_instances = InstanceData(
        bboxes=HorizontalBoxes(torch.rand(0, 4)), labels=torch.zeros(0)
    )
    assert_same(again(sample), sample)
    element = BaseDataElement(enhanced=PixelData(data=torch.rand(3, 4, 5)))
    assert_same(again(element), element)


def test_other_objects_are_refused(tmp_path):
    path = tmp_path / 'a.safetensors'
    for wrong in (object(), {1: 2}, [{2}]):
        with pytest.raises(TypeError, match='is no number or text'):
            write_sample(path, DetDataSample(metainfo=dict(wrong=wrong)))
    assert not path.exists()
