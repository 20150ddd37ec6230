"""The command that converts the published checkpoint."""

import os

import pytest
import torch

from mmsrn.models.utils.srn_checkpoint import published_names


@pytest.fixture
def tool(load_tool):
    return load_tool('model_converters/srn_official_to_mmsrn.py')


@pytest.fixture
def save(tmp_path):
    """Function that saves tensors of every published name, changed."""

    def write(lost=(), extra=()):
        path = tmp_path / 'SRN.pth'
        names = [x for x in published_names() if x not in lost]
        torch.save(
            dict(
                state_dict={
                    f'module.{name}': torch.full((1,), i)
                    for i, name in enumerate([*names, *extra])
                }
            ),
            path,
        )
        return path

    return write


def test_convert(tool, save, tmp_path, capsys, monkeypatch):
    dst = tmp_path / 'new/srn.pth'
    src = save(extra=['fc.weight', 'fc.bias'])
    monkeypatch.setattr('sys.argv', ['convert', str(src), str(dst)])
    assert tool.main() is None
    assert capsys.readouterr().out.splitlines() == [
        'skipped, not an SRN tensor: module.fc.weight',
        'skipped, not an SRN tensor: module.fc.bias',
        f'wrote {dst}',
        'test it with configs/srn/srn_r50_fpn_official-weights_widerface.py',
    ]
    converted = torch.load(dst, weights_only=True)['state_dict']
    number = published_names().index('c3_conv.bias')
    assert converted['neck.first_step_convs.1.conv.bias'].tolist() == [number]


def test_config_to_test_with_is_there(tool, save, tmp_path, root, capsys):
    tool.main([str(save()), str(tmp_path / 'srn.pth')])
    named = capsys.readouterr().out.split('test it with ')[1].strip()
    assert (root / named).is_file()


def test_incomplete_checkpoint(tool, save, tmp_path, fails):
    lost = ['p4_conv.weight', 'bn1.bias']
    src, dst = save(lost, ['p8_conv.weight']), tmp_path / 'srn.pth'
    dst.write_text('former')
    error = fails(tool, src, dst)
    for name in lost:
        assert f'  missing: {name}\n' in error
    assert '  not of SRN: module.p8_conv.weight\n' in error
    assert dst.read_text() == 'former'
    assert {x.name for x in tmp_path.iterdir()} == {'SRN.pth', 'srn.pth'}


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    'content, message',
    [
        (None, 'no such file; give the SRN.pth'),
        (b'', 'the file is empty; copy or download it again'),
        (b'hello', 'not a checkpoint, or damaged'),
    ],
)
def test_one_line_about_a_bad_file(tool, tmp_path, fails, content, message):
    src, dst = tmp_path / 'SRN.pth', tmp_path / 'new/srn.pth'
    if content is not None:
        src.write_bytes(content)
    error = fails(tool, src, dst)
    assert f'error: {src}: {message}' in error
    assert error.count('\n') == 1
    assert not dst.parent.exists()


def test_unsafe_file(tool, tmp_path, fails):
    src = tmp_path / 'SRN.pth'
    content = dict(state_dict=dict(a=torch.zeros(1)), x=Bomb(tmp_path / 'x'))
    torch.save(content, src)
    error = fails(tool, src, tmp_path / 'srn.pth')
    assert f'error: {src}: not loaded, as it holds more than tensors' in error
    assert error.count('\n') == 1
    assert [x.name for x in tmp_path.iterdir()] == ['SRN.pth']
