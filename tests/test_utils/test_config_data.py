"""Configs in json and yaml run nothing; those in Python are programs."""

import json

import pytest
from mmengine.config import Config

from mmsrn.utils import register_all_modules


@pytest.fixture(scope='module', autouse=True)
def registries():
    register_all_modules()


def evil_json(command):
    return json.dumps(dict(model=dict(type='os.system', command=command)))


@pytest.mark.parametrize(
    'name, text, what',
    [
        ('a.json', evil_json, "has type='os.system', which is no registered"),
        ('a.json', '{"model": {"type": "this"}}', "has type='this', which is"),
        ('a.json', '{"custom_imports": {"imports": ["ev"]}}', "name 'ev'; "),
        ('a.json', '{"custom_imports": ["ev"]}', "imports name 'ev'; "),
        ('a.json', '{"_base_": "ev.py"}', "its _base_ 'ev.py' is a program"),
        ('a.yaml', '_base_: [b.yml, ev.py]', "its _base_ 'ev.py' is a pro"),
        (
            'a.yml',
            lambda x: f'a: !!python/object/apply:os.system ["{x}"]',
            'could not determine a constructor',
        ),
        ('c.yaml', '_base_: b.yml', "has type='os.system', which is no"),
        (
            'a.json',
            '{"optim_wrapper": {"constructor": "ev.f"}}',
            "constructor='ev.f', which is no registered part",
        ),
        ('a.json', '{"runner_type": "ev.f"}', "runner_type='ev.f', which is"),
        ('a.json', '{"a": {"check_fn": "ev.f"}}', "check_fn='ev.f', which is"),
        ('a.json', '{"default_scope": "ev"}', "default_scope='ev', which is"),
        ('a.json', '{"a": [{"_scope_": "ev"}]}', "has _scope_='ev', which is"),
        (
            'a.yml',
            'model: {teacher_config: ev.py}',
            "teacher_config='ev.py', which is a program",
        ),
        (
            'a.yml',
            'a: {warp_mode: __import__("ev")}',
            'which is no name',
        ),
    ],
)
def test_what_would_run(tmp_path, name, text, what):
    command = f'touch {tmp_path}/ran'
    text = text(command) if callable(text) else text
    (tmp_path / name).write_text(text)
    (tmp_path / 'ev.py').write_text(f'import os; os.system("{command}")')
    (tmp_path / 'b.yml').write_text(evil_json(command))
    with pytest.raises(Exception, match=what):
        Config.fromfile(tmp_path / name)
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize('suffix', ['json', 'yaml'])
def test_configs_that_mmengine_wrote(root, tmp_path, suffix):
    config = Config.fromfile(root / 'configs/_base_/models/srn_r50_fpn.py')
    path = tmp_path / f'a.{suffix}'
    config.dump(path)
    again = Config.fromfile(path)
    plain = json.loads(json.dumps(config.to_dict()))
    assert json.loads(json.dumps(again.to_dict())) == plain


def bomb(line):
    """Ten lines, each of which has the last one ten times."""
    lines = [
        line.format(b, ', '.join([f'*{a}'] * 10))
        for a, b in zip('abcdefgh', 'bcdefghi')
    ]
    return 'a: &a {x: 1}\n' + ''.join(lines)


@pytest.mark.parametrize(
    'text',
    [bomb('{0}: &{0} [{1}]\n'), bomb('{0}: &{0} {{<<: [{1}]}}\n'),
     'a: &a [*a]\n'],
)  # fmt: skip
def test_aliases_without_end(tmp_path, text):
    (tmp_path / 'a.yaml').write_text(text)
    with pytest.raises(ValueError, match='200,000 values, aliases'):
        Config.fromfile(tmp_path / 'a.yaml')


def test_what_names_parts_and_configs(tmp_path):
    (tmp_path / 'a.yaml').write_text(
        'default_scope: mmdet\n'
        'runner_type: Runner\n'
        'shared: &shared {_scope_: mmsrn, teacher_config: a/b.JSON}\n'
        'optim_wrapper:\n'
        '  constructor: mmdet.LearningRateDecayOptimizerConstructor\n'
        '  again: *shared\n'
        '  warp_mode: cv2.MOTION_EUCLIDEAN\n'
    )
    config = Config.fromfile(tmp_path / 'a.yaml')
    assert config.optim_wrapper.again == config.shared


def test_plain_base(tmp_path):
    (tmp_path / 'b.yml').write_text('size: !!python/tuple [1, 2]\n')
    (tmp_path / 'a.json').write_text('{"_base_": "b.yml", "x": 1}')
    assert Config.fromfile(tmp_path / 'a.json').to_dict() == dict(
        size=(1, 2), x=1
    )
