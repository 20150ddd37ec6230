import json
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from mmdet.registry import HOOKS
from mmengine.config import Config
from mmengine.hooks import LoggerHook

import mmsrn.engine  # noqa: F401


@pytest.mark.parametrize('rank', [0, 1])
def test_one_process_writes_the_json_of_a_test(tmp_path, monkeypatch, rank):
    hook = HOOKS.build(dict(type='MasterLoggerHook'))
    hook.json_log_path = 'test.json'
    processor = MagicMock()
    processor.get_log_after_epoch.return_value = {'ap': 0.5}, 'ap: 0.5'
    runner = SimpleNamespace(
        log_processor=processor,
        logger=MagicMock(),
        test_dataloader=[0],
        log_dir=tmp_path,
    )
    monkeypatch.setattr('mmengine.dist.utils.get_rank', lambda group: rank)
    hook.after_test_epoch(runner, {'ap': 0.5})
    files = [json.loads(x.read_text()) for x in tmp_path.iterdir()]
    assert files == ([{'ap': 0.5}] if rank == 0 else [])


def test_stands_where_the_logger_stood(root):
    hook = Config.fromfile(root / 'configs/_base_/default_runtime.py')
    hook = HOOKS.build(hook.default_hooks.logger)
    assert isinstance(hook, LoggerHook)
    assert hook.priority == LoggerHook.priority
