"""The torch backend gives what MMDetection gives."""

import json
import runpy
import warnings

import cv2
import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from safetensors.torch import save_file

from mmsrn.apis import FaceDetector
from mmsrn.apis.backends.torch_backend import TorchBackend
from mmsrn.utils import register_all_modules
from mmsrn.zoo import ZooError

register_all_modules()

CONFIG = 'configs/srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'
#: Factors of a photo that nobody resized.
UNRESIZED = [(1.0, 1.0)]


def random_image(height, width, seed=0):
    """A smooth one, on which some anchors stand out."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    return cv2.resize(coarse, (width, height))


@pytest.fixture(scope='module')
def trained(root, tmp_path_factory):
    """Config and checkpoint of a detector that finds something."""
    config = Config.fromfile(root / CONFIG)
    config.model.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    model.init_weights()
    for conv in (model.bbox_head.conv_cls, model.bbox_head.conv_refine):
        torch.nn.init.normal_(conv.weight, std=0.1)
    folder = tmp_path_factory.mktemp('trained')
    config.dump(folder / 'config.py')
    checkpoint = dict(
        meta=dict(dataset_meta=dict(classes=('face',)), epoch=3, seed=0),
        state_dict=model.state_dict(),
    )
    torch.save(checkpoint, folder / 'weights.pth')
    return folder / 'config.py', folder / 'weights.pth'


@pytest.fixture(scope='module')
def backend(trained):
    config, weights = trained
    return TorchBackend(weights, config, 'cpu')


def assert_same(found, expected, boxes=0.05, scores=1e-4):
    assert found.shape == expected.shape and len(found)
    np.testing.assert_allclose(found[:, 4], expected[:, 4], atol=scores)
    np.testing.assert_allclose(found[:, :4], expected[:, :4], atol=boxes)


def test_as_mmdet(trained, backend):
    """Of an image of the size that the pipeline would make of it."""
    from mmdet.apis import inference_detector, init_detector

    model = init_detector(*map(str, trained), device='cpu')
    image = random_image(480, 640)
    (rows,) = backend.predict([image], UNRESIZED)
    instances = inference_detector(model, image).pred_instances
    expected = torch.cat([instances.bboxes, instances.scores[:, None]], 1)
    assert_same(rows, expected.numpy())


def test_batch_of_mixed_sizes(backend):
    images = [random_image(h, w, i) for i, (h, w) in enumerate(SIZES)]
    together = backend.predict(images, UNRESIZED * 4)
    for image, rows in zip(images, together):
        assert_same(rows, backend.predict([image], UNRESIZED)[0], 1e-2, 1e-5)


SIZES = [(96, 128), (96, 128), (75, 131), (96, 128)]


@pytest.fixture(scope='module')
def packed(root, trained, tmp_path_factory):
    path = tmp_path_factory.mktemp('packed') / 'srn.safetensors'
    tool = root / 'tools/model_converters/pack_weights.py'
    options = ['--test-scale', '320', '--score-thr', '0.4']
    options += ['--licence', 'mine']
    main = runpy.run_path(str(tool))['main']
    main([*map(str, trained), str(path), *options])
    return path


def test_packed(trained, packed, tmp_path):
    """The weights are rounded to half precision, and used as float32."""
    found = TorchBackend(packed, device='cpu')
    facts = dict(test_scale=320, score_thr=0.4, licence='mine', epoch=3)
    assert facts.items() <= found.facts.items()
    assert packed.stat().st_size < 8e6
    config, weights = trained
    rounded = torch.load(weights)
    for name, value in rounded['state_dict'].items():
        if value.is_floating_point():
            rounded['state_dict'][name] = value.half().float()
    torch.save(rounded, tmp_path / 'rounded.pth')
    expected = TorchBackend(tmp_path / 'rounded.pth', config, 'cpu')
    image = random_image(96, 128)
    assert_same(
        found.predict([image], UNRESIZED)[0],
        expected.predict([image], UNRESIZED)[0],
        0,
        0,
    )


def test_another_detector_of_mmdet(root, tmp_path):
    """One of two classes, of which one is called face."""
    config = Config.fromfile(
        root / 'configs/retinanet/retinanet_mobilenetv2_fpn_1xb16-10e_facemask'
        '.py'
    )
    config.model.backbone.init_cfg = None
    config.model.bbox_head.num_classes = 2
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    torch.nn.init.normal_(model.bbox_head.retina_cls.weight, std=0.1)
    meta = dict(dataset_meta=dict(classes=('hand', 'Face')))
    checkpoint = dict(meta=meta, state_dict=model.state_dict())
    torch.save(checkpoint, tmp_path / 'a.pth')
    backend = TorchBackend(tmp_path / 'a.pth', config, 'cpu')
    assert backend.label == 1
    (rows,) = backend.predict([random_image(96, 128)], UNRESIZED)
    assert len(rows) and (np.diff(rows[:, 4]) <= 0).all()
    old = dict(checkpoint, meta=dict(CLASSES=('hand', 'face')))  # mmdet 2
    torch.save(old, tmp_path / 'a.pth')
    assert TorchBackend(tmp_path / 'a.pth', config, 'cpu').label == 1
    torch.save(dict(checkpoint, meta={}), tmp_path / 'a.pth')
    with pytest.raises(ZooError, match='but does not name them'):
        TorchBackend(tmp_path / 'a.pth', config, 'cpu')
    meta['dataset_meta']['classes'] = ('hand', 'foot')
    torch.save(checkpoint, tmp_path / 'a.pth')
    with pytest.raises(
        ZooError, match='no class called face, only hand, foot'
    ):
        TorchBackend(tmp_path / 'a.pth', config, 'cpu')


def test_bfloat16(trained, backend):
    config, weights = trained
    low = TorchBackend(weights, config, 'cpu', 'bfloat16')
    image = random_image(96, 128)
    (rows,), (expected,) = (
        low.predict([image], UNRESIZED),
        backend.predict([image], UNRESIZED),
    )
    assert rows.dtype == np.float32
    assert not np.array_equal(rows[:9], expected[:9])
    np.testing.assert_allclose(rows[:9, 4], expected[:9, 4], atol=0.05)


@pytest.mark.parametrize(
    'change, words',
    [
        (dict(config=None), 'needs its config'),
        (dict(config='no.py'), 'config no.py: cannot be read'),
        (dict(device='cpux'), "device='cpux'"),
        (dict(precision='int4'), "precision='int4'"),
        (dict(path='no.pth'), 'no.pth cannot be read'),
    ],
)
def test_errors(trained, change, words):
    config, path = trained
    with pytest.raises(ZooError) as caught:
        TorchBackend(**dict(dict(path=path, config=config), **change))
    assert words in str(caught.value) and '\n' not in str(caught.value)


def test_files_that_are_no_models(tmp_path, packed):
    path = tmp_path / 'a.safetensors'
    path.write_bytes(packed.read_bytes()[:5000])
    with pytest.raises(ZooError, match='a.safetensors: cannot be read'):
        TorchBackend(path)
    save_file(dict(x=torch.zeros(1)), path)
    with pytest.raises(ZooError, match='holds no config'):
        TorchBackend(path)
    with pytest.raises(ZooError, match='no such file|cannot be read'):
        TorchBackend(tmp_path / 'b.safetensors')


def test_weights_of_another_model(tmp_path, trained):
    from safetensors import safe_open

    config = Config.fromfile(trained[0]).model.to_dict()
    meta = dict(mmsrn=json.dumps(dict(config=config)))
    path = tmp_path / 'a.safetensors'
    save_file(dict(x=torch.zeros(1)), path, meta)
    with safe_open(path, 'pt') as file:
        assert 'mmsrn' in file.metadata()
    with pytest.raises(ZooError, match='a.safetensors: .*missing keys'):
        TorchBackend(path)


def test_quiet(trained, monkeypatch, capsys, recwarn):
    """What mmdet says while it is imported is of no use to anybody."""

    class Chatter:
        facts = {}

        def __init__(self, *args):
            print('Could not import OneDL')
            warnings.warn('faster_coco_eval is not installed', stacklevel=1)

    module = 'mmsrn.apis.backends.torch_backend'
    monkeypatch.setattr(f'{module}.TorchBackend', Chatter)
    config, weights = trained
    assert isinstance(FaceDetector(weights, config).backend, Chatter)
    assert capsys.readouterr().out == ''
    # Garbage of earlier tests may warn at any time.
    assert not any('faster_coco' in str(x.message) for x in recwarn)


def test_most_faces(trained):
    config, weights = trained
    backend = TorchBackend(weights, config, 'cpu')
    image = random_image(320, 320)
    (before,) = backend.predict([image], UNRESIZED)
    assert backend.max_faces == 750 and len(before) > 20
    backend.set_max_faces(20)
    np.testing.assert_array_equal(
        backend.predict([image], UNRESIZED)[0], before[:20]
    )
    backend.set_max_faces(20_000)
    (more,) = backend.predict([image], UNRESIZED)
    np.testing.assert_array_equal(more[: len(before)], before)
    # Nor does a lower limit of candidates stand in the way.
    assert backend.model.bbox_head.test_cfg.nms_pre >= 20_000


def test_forked(backend, monkeypatch):
    """PyTorch would wait there for ever."""
    image = random_image(64, 64)
    monkeypatch.setattr('os.getpid', lambda: -1)
    monkeypatch.setattr('torch.get_num_threads', lambda: 2)
    with pytest.raises(RuntimeError, match="was forked.*'spawn'"):
        backend.predict([image], UNRESIZED)
    monkeypatch.setattr('torch.get_num_threads', lambda: 1)
    assert len(backend.predict([image], UNRESIZED)) == 1
