"""The protocol reaches the line and the file with the numbers."""

import json
from types import SimpleNamespace

import pytest
from mmdet.registry import HOOKS
from mmdet.structures import DetDataSample
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.logging import MessageHub
from mmengine.runner import LogProcessor
from mmengine.visualization import Visualizer

from mmsrn.engine import ProtocolHook
from mmsrn.visualization import load_scalars


class FakeRunner:
    """What the hook and mmengine's logger ask of a runner."""

    timestamp = '20250101_000000'
    log_processor = LogProcessor()
    val_dataloader = ()
    val_loop = SimpleNamespace(dataloader=())
    epoch = 0
    _train_loop = None

    def __init__(self, name, save_dir=None):
        self.message_hub = MessageHub.get_instance(name)
        backends = [dict(type='LocalVisBackend')] if save_dir else None
        self.visualizer = Visualizer(name, None, backends, save_dir)
        self.lines = []
        self.logger = SimpleNamespace(info=self.lines.append)


@pytest.fixture
def publish(request):
    """Function that shows a hook some samples and returns what it says."""

    def run(*samples, mode='test', restored=()):
        runner = FakeRunner(request.node.name)
        hook = HOOKS.build(dict(type='ProtocolHook'))
        getattr(hook, f'before_{mode}_epoch')(runner)
        for i, info in enumerate(samples):
            outputs = [DetDataSample(metainfo=info)]
            getattr(hook, f'after_{mode}_iter')(runner, i, None, outputs)
        for info in restored:
            hook.after_test_restore(runner, [DetDataSample(metainfo=info)])
        getattr(hook, f'after_{mode}_epoch')(runner, {})
        return runner.message_hub.get_info(f'{mode}/protocol')

    return run


def test_of_all_images(publish):
    info = dict(protocol='V: long side 640')
    assert publish(info, info) == 'V: long side 640'
    assert publish(info, mode='val') == 'V: long side 640'
    assert publish(restored=[info]) == 'V: long side 640'


def test_several_or_none(publish):
    text = publish(dict(protocol='V'), dict(protocol='O'), dict())
    assert text == 'O and V and unnamed'
    assert publish() == ''


def test_deviations(publish):
    usual = dict(protocol='M')
    other = dict(protocol='M', protocol_deviation='x2.3 in 4 tiles')
    text = publish(usual, other, usual, restored=[other])
    assert text == ('M; different in 2 of 4 images because memory ran out')


def test_batches_that_pad(request):
    """An image of its batch's size is as it would be alone."""
    runner = FakeRunner(request.node.name)
    hook = ProtocolHook()
    hook.before_test_epoch(runner)
    for batch in ([(9, 5)], [(9, 5), (9, 5)], [(9, 5), (5, 9), (9, 9)]):
        outputs = [
            DetDataSample(metainfo=dict(protocol='V', img_shape=x))
            for x in batch
        ]
        hook.after_test_iter(runner, 0, None, outputs)
    hook.after_test_epoch(runner, {})
    text = runner.message_hub.get_info('test/protocol')
    assert text == 'V; 2 of 6 images padded to the size of a batch'


def test_each_run_begins_anew(request):
    runner = FakeRunner(request.node.name)
    hook = ProtocolHook()
    for protocol in 'VO':
        hook.before_test_epoch(runner)
        sample = DetDataSample(metainfo=dict(protocol=protocol))
        hook.after_test_iter(runner, 0, None, [sample])
        hook.after_test_epoch(runner)
        assert runner.message_hub.get_info('test/protocol') == protocol


def test_beside_the_numbers_of_a_validation(request, tmp_path):
    """In the line of the log, in scalars.json, and in the message hub."""
    runner = FakeRunner(request.node.name, str(tmp_path))
    hooks = [RuntimeInfoHook(), ProtocolHook(), LoggerHook()]
    hooks[2].json_log_path = f'{runner.timestamp}.json'
    hooks[1].before_val_epoch(runner)
    sample = DetDataSample(metainfo=dict(protocol='V'))
    hooks[1].after_val_iter(runner, 0, None, [sample])
    metrics = {'wider_face/hard': 0.5}
    for hook in hooks:
        hook.after_val_epoch(runner, metrics=metrics)
    assert metrics == {'wider_face/hard': 0.5}  # numbers alone
    assert runner.message_hub.get_info('val/protocol') == 'V'
    (line,) = runner.lines
    assert 'wider_face/hard: 0.5000' in line and 'protocol: V' in line
    for name in ('scalars', runner.timestamp):
        lines = (tmp_path / f'vis_data/{name}.json').read_text().splitlines()
        protocol, numbers = map(json.loads, lines)
        assert protocol == {'val/protocol': 'V', 'step': 0}
        assert numbers == {'wider_face/hard': 0.5, 'step': 0}
    train, val = load_scalars(tmp_path / 'vis_data/scalars.json')
    assert (list(train), list(val)) == ([], ['wider_face/hard'])


def test_no_numbers(request):
    """As with format_only."""
    runner, hook, metrics = FakeRunner(request.node.name), ProtocolHook(), {}
    hook.before_val_epoch(runner)
    hook.after_val_epoch(runner, metrics)
    assert metrics == {}
