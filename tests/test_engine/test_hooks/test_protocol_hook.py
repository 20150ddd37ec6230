"""The protocol reaches the line and the file with the numbers."""

import pytest
from mmdet.registry import HOOKS
from mmdet.structures import DetDataSample
from mmengine.logging import MessageHub

from mmsrn.engine import ProtocolHook


class FakeRunner:
    def __init__(self, name):
        self.message_hub = MessageHub.get_instance(name)


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
    assert text == ('M; other than that in 2 of 4 images, for want of memory')


def test_each_run_begins_anew(request):
    runner = FakeRunner(request.node.name)
    hook = ProtocolHook()
    for protocol in 'VO':
        hook.before_test_epoch(runner)
        sample = DetDataSample(metainfo=dict(protocol=protocol))
        hook.after_test_iter(runner, 0, None, [sample])
        hook.after_test_epoch(runner)
        assert runner.message_hub.get_info('test/protocol') == protocol
