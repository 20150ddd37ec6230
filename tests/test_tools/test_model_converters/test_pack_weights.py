"""What cannot be in one file is said before one is written."""

import pytest
import torch

CONFIG = 'configs/srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'
NECK = """
from mmdet.models.necks import FPN
from mmdet.registry import MODELS


@MODELS.register_module(force=True)
class NeckOfMine(FPN):
    pass
"""


@pytest.fixture
def tool(load_tool):
    return load_tool('model_converters/pack_weights.py')


@pytest.mark.parametrize(
    'change, words',
    [
        (
            dict(
                custom_imports=dict(imports=['neck_of_mine']),
                model=dict(neck=dict(type='NeckOfMine')),
            ),
            "its config has neck.type='NeckOfMine', which is not an allowed "
            'part of mmdet, mmcv, mmengine or mmsrn; name the checkpoint '
            'and its training config instead',
        ),
        (
            dict(model=dict(teacher_ckpt='teacher.pth')),
            'its config has teacher_ckpt, but it must not name files',
        ),
        (dict(model=dict(thing=print)), 'is not JSON serializable'),
    ],
)
def test_parts_of_others(
    change, words, tool, root, tmp_path, monkeypatch, fails
):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'neck_of_mine.py').write_text(NECK)
    torch.save(dict(state_dict=dict(a=torch.ones(1))), tmp_path / 'a.pth')
    (tmp_path / 'own.py').write_text(
        f"_base_ = '{root / CONFIG}'\n"
        + '\n'.join(f'{k} = {v!r}' for k, v in change.items()).replace(
            '<built-in function print>', 'print'
        )
    )
    out = tmp_path / 'a.safetensors'
    text = fails(tool, tmp_path / 'own.py', tmp_path / 'a.pth', out)
    assert f'{tmp_path}/own.py: cannot be packed: ' in text and words in text
    assert text.count('\n') == 1 and not out.exists()


def test_what_is_no_checkpoint_of_a_training(tool, root, tmp_path, fails):
    torch.save(dict(a=torch.ones(1)), tmp_path / 'a.pth')
    text = fails(
        tool, root / CONFIG, tmp_path / 'a.pth', tmp_path / 'a.safetensors'
    )
    assert 'has no state_dict' in text


def test_what_a_file_says(tool, small_detector):
    checkpoint = dict(
        state_dict=small_detector.state_dict(),
        meta=dict(CLASSES=('face',), epoch=3, seed='none'),
    )
    _, told = tool.pack(dict(type='SRN'), checkpoint, {}, True)
    facts = told['mmsrn']
    assert '"classes": ["face"]' in facts and '"epoch": 3' in facts
    assert 'seed' not in facts
