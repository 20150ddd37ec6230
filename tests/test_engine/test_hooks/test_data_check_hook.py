"""Data that do not go with the model are refused before the run."""

import json
from types import SimpleNamespace

import pytest
from mmdet.registry import DATASETS, HOOKS
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.evaluator import DumpResults
from mmengine.runner import BaseLoop
from PIL import Image
from torch import nn

import mmsrn.datasets  # noqa: F401
from mmsrn.engine import DataCheckHook
from mmsrn.utils.errors import UserError


class Loop(BaseLoop):
    """What the hook asks of a loop."""

    def __init__(self, dataset, *metrics):
        self.dataloader = SimpleNamespace(dataset=dataset)
        self.evaluator = SimpleNamespace(metrics=metrics)

    def run(self):
        pass


class Model(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.bbox_head, self.rpn_head = nn.Module(), nn.Module()
        self.bbox_head.num_classes = num_classes
        self.rpn_head.num_classes = 1


@pytest.fixture
def build(tmp_path):
    """Function that builds a set with boxes of the categories given."""

    def run(*boxes, kind='CocoFaceDataset', **kwargs):
        Image.new('RGB', (60, 50)).save(tmp_path / 'a.jpg')
        names = sorted(set(boxes)) or ['face']
        content = dict(
            images=[dict(id=1, file_name='a.jpg', width=60, height=50)],
            categories=[dict(id=i, name=x) for i, x in enumerate(names, 1)],
            annotations=[
                dict(
                    id=i,
                    image_id=1,
                    category_id=names.index(x) + 1,
                    bbox=[1, 2, 30, 40],
                    area=1200,
                    iscrowd=0,
                )
                for i, x in enumerate(boxes, 1)
            ],
        )
        (tmp_path / 'val.json').write_text(json.dumps(content))
        args = dict(
            type=kind,
            data_root=str(tmp_path),
            ann_file='val.json',
            data_prefix=dict(img=''),
            metainfo=dict(classes=('face',)),
        )
        return DATASETS.build(args | kwargs)

    return run


METRIC = SimpleNamespace()


def check(num_classes=1, train=None, val=None, test=None):
    """Run the hook on loops."""
    hook = HOOKS.build(dict(type='DataCheckHook'))
    assert isinstance(hook, DataCheckHook)
    runner = SimpleNamespace(
        model=Model(num_classes),
        _train_loop=train or dict(type='EpochBasedTrainLoop'),
        _val_loop=val,
        _test_loop=test,
    )
    hook.before_run(runner)


def test_data_that_go_with_the_model(build):
    good = build('face')
    check(1, Loop(good), Loop(good, METRIC), Loop(good, METRIC))
    two = build('a', 'b', metainfo=dict(classes=('a', 'b')))
    check(2, Loop(two))
    check(2, Loop(RepeatDataset(two, 2)))
    check(2, Loop(ConcatDataset([two, two])))


@pytest.mark.parametrize('kind', ['train', 'val', 'test'])
def test_other_number_of_classes(build, kind):
    two = build('a', 'b', metainfo=dict(classes=('a', 'b')))
    with pytest.raises(UserError) as info:
        check(1, **{kind: Loop(two, METRIC)})
    message = str(info.value)
    assert message.startswith(f'{kind} set (CocoFaceDataset) has the 2 class')
    assert 'Module (bbox_head) has num_classes=1: set it to 2, or' in message


def test_classes_without_a_comma(build):
    """mmdet's own sets train with the classes f, a, c, e."""
    wrong = build('face', kind='CocoDataset', metainfo=dict(classes='face'))
    with pytest.raises(UserError, match=r"one class needs a comma, .'face',."):
        check(4, Loop(wrong))


@pytest.mark.parametrize('kind', ['train', 'val', 'test'])
def test_no_face(build, kind):
    loop = Loop(build(kind='CocoDataset', test_mode=True), METRIC)
    with pytest.raises(UserError) as info:
        check(1, **{kind: loop})
    text = 'no image has an object that counts: classes asked for: face'
    assert f'val.json: {text}; found: face' in str(info.value)


def test_other_spelling(build):
    """Which mmdet's own set takes for another class."""
    wrong = build('Face', kind='CocoDataset', test_mode=True)
    with pytest.raises(UserError, match='asked for: face; found: Face'):
        check(1, val=Loop(wrong, METRIC))
    check(1, val=Loop(build('Face'), METRIC))


def test_images_to_send_results_of(build):
    """No metric needs faces of them."""
    bare = build(test_mode=True)
    check(1, test=Loop(bare, SimpleNamespace(format_only=True)))
    check(1, test=Loop(bare, SimpleNamespace(ground_truth='a set')))
    check(1, test=Loop(bare, DumpResults(out_file_path='x.pkl')))
    with pytest.raises(UserError):
        check(1, test=Loop(bare, SimpleNamespace(ground_truth=None)))


def test_images_without_classes(tmp_path):
    Image.new('RGB', (9, 9)).save(tmp_path / 'a.jpg')
    folder = dict(type='ImageFolderDataset', data_root=str(tmp_path))
    check(1, Loop(DATASETS.build(folder)))
