"""What is tested again, what is not, and what the metrics see."""

import json

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmsrn.utils import register_all_modules


class Images(Dataset):
    """Seven numbers."""

    loaded: list = []

    def __len__(self):
        return 7

    def get_data_info(self, index):
        return dict(img_path=f'{index}.jpg')

    def __getitem__(self, index):
        self.loaded.append(index)
        return dict(inputs=torch.tensor(index))


class Model(BaseModel):
    """Gives ten times the number; dies at one of them."""

    def __init__(self, die_at=None, no_room=None):
        super().__init__()
        self.die_at, self.no_room, self.seen = die_at, no_room, []

    def forward(self, inputs, mode, **_):
        inputs = [int(x) for x in inputs]
        self.seen += inputs
        if self.die_at in inputs:
            raise KeyboardInterrupt
        return [
            DetDataSample(
                metainfo=dict(
                    value=10 * x, protocol='O', incomplete=x == self.no_room
                )
            )
            for x in inputs
        ]


class Sum(BaseMetric):
    default_prefix = 'sum'

    def process(self, data_batch, data_samples):
        self.results += [x['value'] for x in data_samples]

    def compute_metrics(self, results):
        return dict(order=list(results), total=sum(results))


class Watch(Hook):
    """What other hooks are told."""

    def __init__(self):
        self.log = []

    def after_test_iter(
        self, runner, batch_idx, data_batch=None, outputs=None
    ):
        self.log.append((batch_idx, len(runner.test_dataloader)))


@pytest.fixture
def run(tmp_path):
    """Function that runs a test and returns its metrics, model and hook."""
    register_all_modules()
    made = []

    def start(
        die_at=None,
        no_room=None,
        resume=True,
        batch_size=1,
        workers=0,
        **cfg,
    ):
        Images.loaded.clear()  # of the class: the runner copies data sets
        model = Model(die_at, no_room)
        watch = Watch()
        runner = Runner(
            model=model,
            work_dir=str(tmp_path),
            test_dataloader=dict(
                dataset=Images(),
                sampler=dict(type='DefaultSampler', shuffle=False),
                batch_size=batch_size,
                num_workers=workers,
                collate_fn=pseudo_collate,
            ),
            test_cfg=dict(type='ResumableTestLoop', resume=resume),
            test_evaluator=[Sum()],
            custom_hooks=[watch, dict(type='ProtocolHook')],
            default_hooks=dict(logger=dict(type='LoggerHook', interval=1)),
            experiment_name=f'{tmp_path.name}_{len(made)}',
            default_scope='mmdet',
            cfg=Config(
                dict(
                    model=dict(type='Model', **cfg),
                    test_dataloader=dict(batch_size=batch_size),
                )
            ),
        )
        made.append(runner)
        metrics = None
        try:
            metrics = runner.test()
        except KeyboardInterrupt:
            assert die_at is not None
        return metrics, model.seen, list(Images.loaded), watch.log

    return start


ALL = list(range(7))
WHOLE = {
    'sum/order': [10 * x for x in ALL],
    'sum/total': 210,
    'protocol': 'O',
}


def test_without_interruption(run, tmp_path):
    metrics, seen, _, log = run(resume=False)
    assert metrics == WHOLE and seen == ALL
    assert log == [(i, 7) for i in ALL]
    assert len(list(tmp_path.glob('test_results/*/*.safetensors'))) == 7


def test_goes_on(run, tmp_path):
    metrics, seen, _, _ = run(die_at=4)
    assert metrics is None and seen == [0, 1, 2, 3, 4]
    metrics, seen, loaded, log = run()
    assert metrics == WHOLE
    # Finished images are not even loaded.
    assert seen == loaded == [4, 5, 6]
    # The remaining time is estimated from what is left.
    assert log == [(0, 3), (1, 3), (2, 3)]
    metrics, seen, loaded, log = run()
    assert metrics == WHOLE and seen == loaded == log == []
    numbers = max(tmp_path.glob('2*/2*.json')).read_text()
    assert json.loads(numbers)['protocol'] == 'O'


def test_interrupted_again_and_again(run):
    """Each time one more image is finished."""
    assert run(die_at=0)[1] == [0]
    for index in ALL[1:]:
        assert run(die_at=index)[1] == [index - 1, index]
    assert run()[:2] == (WHOLE, [6])


@pytest.mark.parametrize('workers', [0, 2])
def test_holes_are_filled_in_order(run, tmp_path, workers):
    run()
    (folder,) = tmp_path.glob('test_results/*')
    for index in (0, 3, 4, 6):
        (folder / f'{index:06}.safetensors').unlink()
    metrics, seen, _, _ = run(workers=workers)
    assert metrics == WHOLE and seen == [0, 3, 4, 6]


def test_batches(run, tmp_path):
    run(batch_size=3, die_at=4)
    metrics, seen, _, _ = run(batch_size=3)
    assert metrics == WHOLE and seen == [3, 4, 5, 6]
    (folder,) = tmp_path.glob('test_results/*')
    # One of a batch: the batch is repeated.
    (folder / '000001.safetensors').unlink()
    metrics, seen, _, _ = run(batch_size=3)
    assert metrics == WHOLE and seen == [0, 1, 2]


def test_damaged_result(run, tmp_path):
    run()
    (folder,) = tmp_path.glob('test_results/*')
    (folder / '000002.safetensors').write_bytes(b'cut off')
    metrics, seen, _, log = run()
    assert metrics == WHOLE and seen == [2] and log == [(0, 1)]
    assert run()[1] == []


def test_without_resume_all_is_tested_and_nothing_lost(run, tmp_path):
    run(die_at=4, resume=False)
    _, seen, _, _ = run(die_at=2, resume=False)
    assert seen == [0, 1, 2]
    assert run()[1] == [4, 5, 6]


def test_results_of_another_test_are_not_used(run, tmp_path):
    run(die_at=4)
    metrics, seen, _, _ = run(score_thr=0.3)
    assert metrics == WHOLE and seen == ALL
    assert len(list(tmp_path.glob('test_results/*'))) == 2
    assert run()[1] == [4, 5, 6]


def test_incomplete_results_are_not_kept(run):
    metrics, seen, _, _ = run(no_room=3)
    assert metrics == WHOLE and seen == ALL
    metrics, seen, _, _ = run()
    assert metrics == WHOLE and seen == [3]
    assert run()[1] == []
