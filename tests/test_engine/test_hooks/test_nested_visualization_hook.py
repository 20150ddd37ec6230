"""Pictures of images of one name stay apart."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmdet.registry import HOOKS
from mmdet.structures import DetDataSample
from mmdet.visualization import DetLocalVisualizer
from mmengine.structures import InstanceData
from PIL import Image

import mmsrn.engine  # noqa: F401  registers the hook


def sample(path, grey):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((40, 60, 3), grey, np.uint8))
    found = InstanceData(
        bboxes=torch.zeros(0, 4),
        scores=torch.zeros(0),
        labels=torch.zeros(0, dtype=torch.long),
    )
    data = DetDataSample(metainfo=dict(img_path=str(path)))
    data.pred_instances = found
    return data


@pytest.fixture
def draw(tmp_path, monkeypatch, request):
    """Function that tests samples of some sets, two at a time."""

    def run(samples, *sets, **settings):
        visualizer = DetLocalVisualizer.get_instance(request.node.name)
        visualizer.dataset_meta = dict(classes=('face',), palette=[(1, 2, 3)])
        hook = HOOKS.build(
            dict(type='NestedVisualizationHook', draw=True, **settings)
        )
        dataset = SimpleNamespace(datasets=[*sets])
        runner = SimpleNamespace(
            work_dir=str(tmp_path / 'work'),
            timestamp='now',
            test_dataloader=SimpleNamespace(dataset=dataset),
        )
        hook.before_test(runner)
        for i in range(0, len(samples), 2):
            hook.after_test_iter(runner, i // 2, {}, samples[i : i + 2])
        base = tmp_path / 'work/now'
        found = [x for x in base.rglob('*') if x.is_file()]
        return {
            str(x.relative_to(base)): int(cv2.imread(str(x)).mean())
            for x in found
        }

    return run


def test_folders_are_kept(draw, tmp_path):
    root = tmp_path / 'data/images'
    names = ['cam1/0001.jpg', 'cam2/0001.jpg', 'cam3/0001.jpg', '0001.jpg']
    samples = [sample(root / x, 50 * i) for i, x in enumerate(names)]
    data = SimpleNamespace(data_prefix=dict(img=str(root)))
    assert draw(samples, data, test_out_dir='pictures') == {
        f'pictures/{x}': 50 * i for i, x in enumerate(names)
    }


def test_several_sets_and_what_lies_elsewhere(draw, tmp_path):
    samples = [
        sample(tmp_path / 'a/images/1.png', 10),
        sample(tmp_path / 'b/images/1.png', 20),
        sample(tmp_path / '1.png', 30),
    ]
    sets = [
        SimpleNamespace(
            dataset=SimpleNamespace(
                data_prefix={}, data_root=str(tmp_path / f'{x}/images')
            )
        )
        for x in 'ab'
    ]
    found = draw(samples, *sets, test_out_dir='p')
    elsewhere = f'p{tmp_path}/1.png'
    assert found == {
        'p/a/images/1.png': 10,
        'p/b/images/1.png': 20,
        elsewhere: 30,
    }


@pytest.mark.parametrize('suffix', ['webp', 'avif', 'png', 'jpg', 'tif'])
def test_pictures_are_upright(draw, tmp_path, suffix):
    """The boxes are."""
    path = tmp_path / f'images/1.{suffix}'
    lying = sample(path, 0)
    image = Image.new('RGB', (60, 40))
    image.paste((255, 255, 255), (0, 0, 20, 40))  # upright: the upper third
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(path, exif=exif, quality=95)
    data = SimpleNamespace(data_prefix=dict(img=str(path.parent)))
    (name,) = draw([lying], data, test_out_dir='p')
    picture = cv2.imread(
        str(tmp_path / 'work/now' / name), cv2.IMREAD_IGNORE_ORIENTATION
    )
    assert picture.shape == (60, 80)  # beside its ground truth
    assert picture[:15].mean() > 200 > 50 > picture[25:].mean()


def test_no_pictures(draw, tmp_path):
    data = SimpleNamespace(data_prefix=dict(img=str(tmp_path)))
    assert draw([sample(tmp_path / '1.png', 10)], data) == {}
