"""The command line of the export."""

import importlib.util
from copy import deepcopy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmsrn.apis.backends.onnx_backend import OnnxBackend
from mmsrn.deployment import onnx_export


@pytest.fixture
def tool(load_tool, monkeypatch):
    tool = load_tool('deployment/export_onnx.py')
    assert len(tool.CHECKED) > 3  # here fewer, and smaller ones
    monkeypatch.setattr(tool, 'CHECKED', [(1, 64, 64), (2, 97, 131)])
    return tool


@pytest.fixture
def traced(exported, monkeypatch):
    """Tracing takes seconds, and what it gives is tested elsewhere."""
    monkeypatch.setattr(
        onnx_export, '_trace', lambda graph: deepcopy(exported)
    )


@pytest.fixture
def packed(load_tool, small_config, weights, tmp_path):
    """A file that knows its config."""
    path = tmp_path / 'srn.safetensors'
    tool = load_tool('model_converters/pack_weights.py')
    options = ['--test-scale', '320', '--score-thr', '0.4']
    options += ['--licence', 'CC0-1.0', '--float32']
    tool.main([str(small_config), str(weights), str(path), *options])
    return path


@pytest.fixture
def noise_photos(tmp_path):
    folder = tmp_path / 'photos'
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(5):
        photo = rng.integers(0, 256, (48, 64 + i, 3), np.uint8)
        cv2.imwrite(str(folder / f'{i}.png'), photo)
    return folder


def test_checkpoint_with_a_config(
    tool, traced, small_config, weights, tmp_path, capsys
):
    out = tmp_path / 'new/srn.onnx'
    args = [weights, out, '--config', small_config, '--check']
    options = ['--cfg-options', 'model.test_cfg.nms.iou_threshold=0.3']
    tool.main([*map(str, args), *options])
    printed = capsys.readouterr().out
    for size in ('1 x 64x64', '2 x 97x131'):
        assert f'{size}, candidates: ' in printed
        assert f'{size}, detections: ' in printed
    assert f'{out}: fp32, ' in printed
    assert [x.name for x in out.parent.iterdir()] == ['srn.onnx']
    facts = OnnxBackend(out).facts
    assert facts['name'] == small_config.stem
    assert facts['nms_iou'] == 0.3
    assert (facts['test_scale'], facts['score_thr']) == (640, 0.3)


def test_packed_file(tool, traced, packed, tmp_path, capsys):
    """Half precision, and NMS; what the file says is passed on."""
    out = tmp_path / 'srn.onnx'
    args = [packed, out, '--nms', '--precision', 'fp16', '--name', 'mine']
    tool.main([*map(str, args), '--test-scale', '800'])
    assert ': fp16, ' in capsys.readouterr().out
    backend = OnnxBackend(out, threads=1)
    facts = backend.facts
    assert facts['nms_in_graph'] and facts['precision'] == 'fp16'
    assert (facts['name'], facts['licence']) == ('mine', 'CC0-1.0')
    assert (facts['test_scale'], facts['score_thr']) == (800, 0.4)
    photo = np.full((64, 64, 3), 9, np.uint8)
    (found,) = backend.predict([photo], [(1.0, 1.0)])
    assert found.shape[1] == 5


def test_file_that_differs_is_not_written(
    tool, traced, small_config, small_detector, tmp_path, fails, monkeypatch
):
    """Here because its weights are not quite those of the checkpoint."""
    state = {k: x.clone() for k, x in small_detector.state_dict().items()}
    state['bbox_head.conv_reg.bias'] += 0.0005
    other, out = tmp_path / 'other.pth', tmp_path / 'srn.onnx'
    torch.save({'state_dict': state}, other)
    monkeypatch.setattr(onnx_export, '_check_sizes', lambda *args: None)
    error = fails(tool, other, out, '--config', small_config, '--check')
    assert f'{out} was not written: its results differ from' in error
    assert not out.exists()


def test_wrong_arguments(tool, small_config, weights, tmp_path, fails):
    out = tmp_path / 'srn.onnx'
    config = ['--config', small_config]
    assert 'must end in .onnx' in fails(tool, weights, tmp_path / 'a', *config)
    assert 'no such file' in fails(tool, tmp_path / 'none.pth', out, *config)
    assert 'a checkpoint needs its config' in fails(tool, weights, out)
    assert '--cfg-options needs --config' in fails(
        tool, weights, out, '--cfg-options', 'model.test_cfg.score_thr=0.3'
    )
    assert 'did you mean' in fails(
        *(tool, weights, out, '--config'),
        small_config.with_name('srn_r18_synthetic.py'),
    )
    damaged = tmp_path / 'damaged.pth'
    damaged.write_bytes(weights.read_bytes()[:999])
    assert f'checkpoint {damaged} cannot be read' in fails(
        tool, damaged, out, *config
    )
    assert not out.exists()


def test_integers(
    tool, traced, packed, tmp_path, noise_photos, fails, capsys, monkeypatch
):
    out = tmp_path / 'srn.onnx'
    args = [packed, out, '--precision', 'int8', '--calibrate', noise_photos]
    tool.main(list(map(str, args)))
    assert f'{out}: int8, ' in capsys.readouterr().out
    assert OnnxBackend(out).facts['precision'] == 'int8'
    out.unlink()
    (noise_photos / '2.png').write_bytes(b'not a photo')
    error = fails(tool, *args)
    assert '2.png' in error and error.count('\n') == 1
    assert not out.exists()
    # All else is noticed before anything is loaded.
    monkeypatch.delattr(tool, '_load')
    assert 'need each other' in fails(tool, *args[:-2])
    assert 'need each other' in fails(tool, *args[:2], *args[-2:])
    for wrong in ('nowhere', packed):
        error = fails(tool, *args[:-1], wrong)
        assert f'--calibrate {wrong}: is not a folder' in error
    assert 'is a folder; name a file' in fails(
        tool, packed, noise_photos.rename(out), *args[2:]
    )


def test_photos_are_spread_evenly(tool, noise_photos, monkeypatch):
    monkeypatch.setattr(tool, 'MOST_PHOTOS', 3)
    found = [Path(x.name).name for x in tool._find(noise_photos)]
    assert found == ['0.png', '1.png', '3.png']


def test_what_cannot_be_exported(tool, small_config, weights, tmp_path, fails):
    error = fails(
        *(tool, weights, tmp_path / 'srn.onnx', '--config', small_config),
        *('--cfg-options', 'model.test_cfg.nms.type=soft_nms'),
    )
    assert 'nms=' in error and 'cannot be exported' in error
    assert error.count('\n') == 1
    error = fails(tool, 'srn_mobilenetv2_people', tmp_path / 'a.onnx', '--nms')
    assert 'box voting' in error and 'leave --nms out' in error
    assert error.count('\n') == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize('package', ['onnx', 'onnxruntime'])
def test_missing_packages(tool, packed, tmp_path, fails, monkeypatch, package):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda name, *args: None if name == package else find(name, *args),
    )
    error = fails(tool, packed, tmp_path / 'srn.onnx')
    remedy = "run: pip install 'mmsrn[export]'"
    assert f'{package} is not installed; {remedy}' in error


def test_help(help_of):
    printed = help_of('deployment/export_onnx.py')
    assert 'examples:' in printed and '--precision fp16' in printed
