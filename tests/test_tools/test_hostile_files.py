"""Files of strangers run nothing, whatever reads them, and one line says so.

Each test would find a file that the code in it makes.
"""

import importlib
import json
import os
import pickle

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmsrn.testing.models import load_model_cfg
from mmsrn.utils.trust import trust_checkpoints

DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
ENHANCER = """
model = dict(
    type='ImageEnhancer', enhancer=dict(type='CurveEnhancer', channels=4)
)
"""


class Evil:
    """Runs a command where it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.fixture
def ran(tmp_path):
    """The file that code makes if it is run."""
    yield tmp_path / 'ran'
    trust_checkpoints(False)


@pytest.fixture(params=['archive', 'legacy'])
def evil(request, ran, small_detector):
    """A checkpoint that fits, and runs a command beside it."""
    path = ran.with_name('evil.pth')
    content = dict(
        state_dict=small_detector.state_dict(),
        meta=dict(epoch=1, iter=1, hook=Evil(f'touch {ran}')),
    )
    torch.save(
        content, path, _use_new_zipfile_serialization=request.param != 'legacy'
    )
    return path


@pytest.fixture
def says(capsys):
    """Function that calls something; returns the one line that it ends with.

    That is the line of a program, or the error of a function.
    """

    def call(function, *args, **kwargs):
        capsys.readouterr()
        try:
            function(*args, **kwargs)
        except SystemExit as ended:
            assert ended.code not in (0, None)
            text = capsys.readouterr().err.strip()
        except ValueError as error:
            text = str(error)
        else:
            pytest.fail('it was taken')
        assert '\n' not in text and len(text) < 700
        return text

    return call


def photo_of(folder):
    path = folder / 'photo.png'
    cv2.imwrite(str(path), np.zeros((48, 64, 3), np.uint8))
    return path


def _train(load_tool, config, evil):
    main = load_tool('train.py').main
    yield main, [config, '--cfg-options', f'load_from={evil}']
    yield main, [config, '--resume', evil]
    folder = evil.parent / 'work'
    folder.mkdir()
    (folder / 'last_checkpoint').write_text(str(evil))
    yield main, [config, '--work-dir', folder, '--resume']


def _tools(load_tool, config, evil):
    folder = evil.parent
    yield load_tool('test.py').main, [config, evil]
    yield load_tool('test.py').main, [config, evil, '--tta', '--resume']
    yield (
        load_tool('deployment/export_onnx.py').main,
        [evil, folder / 'a.onnx', '--config', config],
    )
    yield (
        load_tool('model_converters/pack_weights.py').main,
        [config, evil, folder / 'a.safetensors'],
    )
    enhancer = folder / 'enhancer.py'
    enhancer.write_text(ENHANCER)
    yield (
        load_tool('dataset_converters/apply_enhancer.py').main,
        [enhancer, evil, folder, folder.parent / 'copy'],
    )


def _commands(_, config, evil):
    main = importlib.import_module('mmsrn.cli.main').main
    model = ['--model', evil, '--config', config]
    yield main, ['detect', photo_of(evil.parent), *model]
    if importlib.util.find_spec('gradio'):
        yield main, ['demo', *model, '--port', '7861', '--no-open-browser']


def _benchmarks(_, config, evil):
    out = ['--json', evil.parent / 'out.json']
    speed = importlib.import_module('benchmarks.speed.__main__').main
    yield speed, [f'{config}={evil}', *out]


@pytest.mark.parametrize(
    'programs',
    [_train, _tools, _commands, _benchmarks],
    ids=lambda x: x.__name__,
)
def test_checkpoint_in_programs(
    programs, load_tool, runner, root, evil, ran, says
):
    calls = programs(load_tool, root / DEMO, evil)
    for main, args in calls:
        text = says(main, [str(x) for x in args])
        assert f'checkpoint {evil} cannot be read: ' in text, (main, text)
        assert 'it asks for posix.system, which could run code' in text
        assert text.endswith('add --trust-checkpoint')
        assert not ran.exists() and not runner.calls
    assert not list(evil.parent.glob('a.*'))


def _faces(config, evil):
    from mmsrn import FaceDetector

    FaceDetector(evil, config)


def _teacher(config, evil):
    from mmsrn.pseudo_labels import Teacher

    Teacher(f'{config}:{evil}', device='cpu').load()


def _init_detector(config, evil):
    from mmdet.apis import init_detector

    init_detector(str(config), str(evil), device='cpu')


def _inferencer(config, evil):
    from mmdet.apis import DetInferencer

    DetInferencer(str(config), str(evil), device='cpu')


def _network_view(config, evil):
    from mmsrn.visualization.network_view import NetworkView

    NetworkView(
        load_model_cfg(config),
        str(evil),
        training=True,
        scale_boxes=True,
        classes=('face',),
    )


def _pretrained(config, evil):
    from mmdet.registry import MODELS

    cfg = load_model_cfg(config)
    cfg.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(evil))
    MODELS.build(cfg).init_weights()


def _enhancer_checkpoint(config, evil):
    from mmdet.registry import MODELS

    enhanced = dict(
        type='EnhancedDetector',
        detector=load_model_cfg(config),
        enhancer=dict(type='CurveEnhancer', channels=4),
        enhancer_checkpoint=str(evil),
    )
    MODELS.build(enhanced).init_weights()


def _address(config, evil):
    from mmsrn.utils.checkpoint import read_checkpoint

    read_checkpoint(evil.as_uri().replace('file:', 'http:'))


@pytest.mark.parametrize(
    'read',
    [
        _faces, _teacher, _init_detector, _inferencer, _network_view,
        _pretrained, _enhancer_checkpoint, _address,
    ],
    ids=lambda x: x.__name__,
)  # fmt: skip
def test_checkpoint_in_functions(
    read, root, evil, ran, says, monkeypatch, tmp_path
):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(
        'torch.hub.download_url_to_file',
        lambda url, to, *_, **__: os.link(evil, to),
    )
    text = says(read, root / DEMO, evil)
    assert 'evil.pth cannot be read: it asks for posix.system, ' in text
    assert not ran.exists()


def test_other_readers(load_tool, evil, ran, says, tmp_path):
    """They have no way around."""
    convert = load_tool('model_converters/srn_official_to_mmsrn.py').main
    text = says(convert, [str(evil), str(tmp_path / 'a.pth')])
    assert 'not loaded, as it holds more than tensors (posix.system)' in text
    dump = tmp_path / 'a.pkl'
    dump.write_bytes(pickle.dumps([Evil(f'touch {ran}')]))
    command = importlib.import_module('mmsrn.cli.main').main
    (tmp_path / 'gt').mkdir()
    (tmp_path / 'gt/1.txt').write_text('1\n10 20 30 40\n')
    args = ['darkface', str(dump), '--gt', str(tmp_path / 'gt')]
    text = says(command, ['eval', *args])
    assert 'not a readable dump: ValueError: it asks for posix.system' in text
    assert not ran.exists()


def test_trust_is_a_choice_of_one_call(
    load_tool, runner, root, evil, ran, says
):
    """It is over with the next call, and runs what it was warned of."""
    tool = load_tool('test.py').main
    args = [str(root / DEMO), str(evil)]
    with pytest.raises(SystemExit):  # the model of the fake is another
        tool([*args, '--trust-checkpoint'])
    assert ran.exists()
    ran.unlink()
    assert 'it asks for posix.system' in says(tool, args)
    assert not ran.exists()


@pytest.fixture
def packed(small_config, small_detector, tmp_path):
    """Function that packs a model, with a change of what the file says."""

    def write(change=lambda facts: None, raw=None):
        facts = dict(
            config=json.loads(json.dumps(load_model_cfg(small_config))),
            classes=['face'],
            score_thr=0.4,
            test_scale=320,
        )
        change(facts)
        path = tmp_path / 'a.safetensors'
        text = json.dumps(facts) if raw is None else raw
        save_file(small_detector.state_dict(), path, {'mmsrn': text})
        return path

    return write


def changed(place, value):
    """A change of one place of a config."""

    def change(facts):
        *parts, last = place.split('.')
        inner = facts['config']
        for part in parts:
            inner = inner[part]
        inner[last] = value(inner) if callable(value) else value

    return change


RUN = '__import__("os").system("touch RAN")'
CALL = dict(type='os.system', command='touch RAN')
REFUSED = [
    ('type', 'os.system', "type='os.system', which is not an allowed part"),
    ('backbone', CALL, "backbone.type='os.system', which is not an allowed"),
    ('backbone.norm_cfg', dict(CALL, type='subprocess.call'), 'subprocess'),
    ('bbox_head.loss_cls', [[[CALL]]], "bbox_head.loss_cls.type='os.system'"),
    ('neck.type', 'mmdet.models.necks.FPN', 'which is not an allowed part of'),
    ('neck.type', 'evil.FPN', "neck.type='evil.FPN', which is not an allo"),
    ('neck.type', dict(type='FPN'), 'its config has neck.type={'),
    ('neck.type', 'MyNeck', "neck.type='MyNeck', which is not an allowed"),
    ('neck._scope_', 'evil', 'its config has neck._scope_, but it must not'),
    ('custom_imports', dict(imports=['evil']), 'its config has custom_impor'),
    ('_base_', 'evil.py', 'its config has _base_, but it must not name'),
    ('test_cfg.nms.type', RUN, 'its config has test_cfg.nms.type='),
    ('bbox_head.theta', RUN, 'its config has bbox_head.theta='),
    ('teacher_ckpt', 'EVIL', 'its config has teacher_ckpt, but it must not'),
    ('teacher_config', 'EVIL', 'its config has teacher_config, but it'),
    ('enhancer_checkpoint', 'EVIL', 'its config has enhancer_checkpoint'),
    ('backbone.init_cfg', [dict(type='Pretrained', checkpoint='EVIL')],
     "its config has backbone.init_cfg.type='Pretrained', which is not an "
     'allowed part'),
    ('neck.init_cfg', dict(type='Normal', checkpoints=['EVIL']),
     'its config has neck.init_cfg.checkpoints, but it must not name'),
    ('neck.zs_weight_path', '/etc/passwd', 'zs_weight_path, but it must not'),
    ('neck.weights', 'http://a.b/c.pth', 'its config has neck.weights='),
    ('neck.weights', 'evil.pth', "its config has neck.weights='evil.pth'"),
    ('language_model', dict(type='BertModel', name='x'), 'allowed part of'),
    ('neck.out_channels', 10**12, 'its config has neck.out_channels='),
    ('neck.out_channels', 60_000, 'belongs to a larger model'),
    ('bbox_head.stacked_convs', 60_000, 'belongs to a larger model'),
    ('neck.out_channels', float('nan'), 'its config has neck.out_channels='),
    ('neck.a b', 1, "its config has the key 'a b'"),
    ('neck.a', [0] * 30_000, 'its config is too large'),
    ('neck.a', lambda _: json.loads('[' * 40 + ']' * 40), 'is too large'),
    ('neck.a', 'x' * 101, "its config has neck.a='xxx"),
]  # fmt: skip


@pytest.mark.parametrize(
    'place, value, words', REFUSED, ids=lambda x: str(x)[:20]
)
def test_packed_config(place, value, words, packed, ran, says, monkeypatch):
    from mmsrn import FaceDetector

    text = json.dumps(value) if not callable(value) else None
    if text is not None:
        evil = ran.with_name('evil.pth')
        torch.save(Evil(f'touch {ran}'), evil)
        text = text.replace('RAN', str(ran)).replace('EVIL', str(evil))
        value = json.loads(text)
    monkeypatch.syspath_prepend(ran.parent)
    module = f'open({str(ran)!r}, "w")\nFPN = dict'
    (ran.parent / 'evil.py').write_text(module)
    text = says(FaceDetector, packed(changed(place, value)))
    assert words in text and f'model {ran.parent}/a.safetensors: ' in text
    assert not ran.exists()


def test_pretrained_weights_of_a_packed_config(packed, ran):
    """Of files packed before: they are not even looked for."""
    from mmsrn import FaceDetector

    evil = ran.with_name('evil.pth')
    torch.save(Evil(f'touch {ran}'), evil)
    init = dict(type='Pretrained', checkpoint=str(evil))
    FaceDetector(packed(changed('backbone.init_cfg', init)), device='cpu')
    assert not ran.exists()


@pytest.mark.parametrize(
    'raw, words',
    [
        ('{}', 'holds no config'),
        ('[1]', 'its metadata is a list, not a dict'),
        ('null', 'its metadata is a NoneType, not a dict'),
        ('{"config": [1]}', 'its config has no model'),
        ('{"config": {"a": 1}}', 'its config has no model'),
        ('{"config"', 'its metadata is not json'),
        ('[' * 100_000, 'its metadata is not json'),
        ('9' * 10_000, 'its metadata is not json'),
        ('"' + 'x' * (1 << 20) + '"', 'has more than 1048576 characters'),
        ('{"score_thr": 7}', 'its score_thr is 7, not a number from 0 to 1'),
        ('{"score_thr": NaN}', 'its score_thr is NaN, not a number from'),
        ('{"score_thr": true}', 'its score_thr is true, not a number'),
        ('{"test_scale": 1e9}', 'its test_scale is 1000000000.0, not a'),
        ('{"test_scale": "large"}', 'its test_scale is "large", not a'),
        ('{"classes": [[]]}', 'its classes is [[]], not a list of names'),
        ('{"classes": {"face": 1}}', 'its classes is {"face": 1}, not a'),
        ('{"licence": 3}', 'its licence is 3, not a short text'),
    ],
    ids=range(17),
)  # fmt: skip
def test_packed_facts(raw, words, packed, says):
    from mmsrn import FaceDetector

    text = says(FaceDetector, packed(raw=raw))
    assert words in text and 'a.safetensors: ' in text
