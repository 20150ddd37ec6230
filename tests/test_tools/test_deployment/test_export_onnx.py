"""The command line of the export."""

import importlib.util

import numpy as np
import onnx
import pytest
import torch

from mmsrn.apis.backends.onnx_backend import OnnxBackend
from mmsrn.deployment import onnx_export


@pytest.fixture
def tool(load_tool):
    return load_tool('deployment/export_onnx.py')


@pytest.fixture
def traced(exported, monkeypatch):
    """Tracing takes seconds, and happens in one of these tests."""
    monkeypatch.setattr(onnx_export, '_trace', lambda graph: exported)


def test_checked_file(tool, small_config, weights, tmp_path, capsys):
    out = tmp_path / 'new/srn.onnx'
    args = [small_config, weights, out, '--check', '--name', 'mine']
    args += ['--license', 'CC0-1.0', '--cfg-options']
    tool.main([*map(str, args), 'model.test_cfg.score_thr=0.3'])
    printed = capsys.readouterr().out
    for size in ('64x64', '97x131', '203x320', '480x640'):
        assert f'{size}, candidates: ' in printed
        assert f'{size}, detections: ' in printed
    assert f'wrote {out}: fp32, ' in printed
    assert [x.name for x in out.parent.iterdir()] == ['srn.onnx']
    facts = OnnxBackend(out).facts
    assert (facts.name, facts.license) == ('mine', 'CC0-1.0')
    assert (facts.score_thr, facts.precision) == (0.3, 'fp32')


def test_half_precision_with_nms(
    tool, traced, small_config, weights, tmp_path, capsys
):
    out = tmp_path / 'srn.onnx'
    args = [small_config, weights, out, '--nms', '--precision', 'fp16']
    tool.main([str(x) for x in args])
    assert ': fp16, ' in capsys.readouterr().out
    backend = OnnxBackend(out, threads=1)
    assert backend.facts.nms_in_graph and backend.facts.precision == 'fp16'
    assert backend.facts.name == small_config.stem
    assert backend.facts.license == 'unknown'
    (found,) = backend.predict([np.full((64, 64, 3), 9, np.uint8)])
    assert found.shape[1] == 5


def test_file_that_differs_is_not_written(
    tool, traced, small_config, small_detector, tmp_path, fails
):
    """Here because its weights are not those of the checkpoint."""
    state = {k: x.clone() for k, x in small_detector.state_dict().items()}
    state['bbox_head.conv_reg.bias'] += 0.01
    other, out = tmp_path / 'other.pth', tmp_path / 'srn.onnx'
    torch.save({'state_dict': state}, other)
    # The first check passes: no more than a pixel in a hundred boxes.
    error = fails(tool, small_config, other, out, '--check')
    assert f'{out} is not written: it would not find what {other}' in error
    assert not out.exists()


def test_wrong_arguments(tool, small_config, weights, tmp_path, fails):
    out = tmp_path / 'srn.onnx'
    assert 'must end in .onnx' in fails(
        tool, small_config, weights, tmp_path / 'srn'
    )
    assert 'is not a file; training leaves' in fails(
        tool, small_config, tmp_path / 'none.pth', out
    )
    assert 'did you mean' in fails(
        tool, small_config.with_name('srn_r18_synthetic.py'), weights, out
    )
    damaged = tmp_path / 'damaged.pth'
    damaged.write_bytes(weights.read_bytes()[:999])
    assert f'checkpoint {damaged} cannot be read' in fails(
        tool, small_config, damaged, out
    )
    config = small_config.parents[1] / 'srn/srn_r18_fpn_1xb32-130e_widerface.py'
    assert f'checkpoint {weights} does not fit {config}' in fails(
        tool,
        *(config, weights, out, '--cfg-options'),
        'model.backbone.init_cfg=None',
    )
    assert not out.exists()


def test_what_cannot_be_exported(
    tool, small_config, weights, tmp_path, fails
):
    error = fails(
        tool,
        *(small_config, weights, tmp_path / 'srn.onnx', '--cfg-options'),
        'model.test_cfg.nms.type=soft_nms',
    )
    assert 'nms=' in error and 'cannot be exported' in error
    assert error.count('\n') == 1


@pytest.mark.parametrize(
    ('package', 'options', 'extra'),
    [('onnx', [], 'export'), ('onnxruntime', [], 'export')],
)
def test_missing_packages(
    tool,
    small_config,
    weights,
    tmp_path,
    fails,
    monkeypatch,
    package,
    options,
    extra,
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda name, *args: None if name == package else find(name, *args),
    )
    out = tmp_path / 'srn.onnx'
    error = fails(tool, small_config, weights, out, *options)
    assert (
        f"{package} is not installed; run: pip install 'mmsrn[{extra}]'"
        in error
    )


def test_safetensors(
    tool, traced, small_config, small_detector, tmp_path, capsys
):
    safetensors = pytest.importorskip('safetensors.torch')
    path, out = tmp_path / 'srn.safetensors', tmp_path / 'srn.onnx'
    half = {k: x.half() for k, x in small_detector.state_dict().items()}
    safetensors.save_file(half, path)
    tool.main([str(x) for x in (small_config, path, out)])
    onnx.checker.check_model(out)


def test_help(help_of):
    printed = help_of('deployment/export_onnx.py')
    assert 'examples:' in printed and '--precision fp16' in printed
