"""The benchmark's numbers, from steps whose cost is known."""

import json

import pytest
import torch
from mmengine.config import Config, ConfigDict

from benchmarks import timing
from benchmarks.speed import imposed_cells
from benchmarks.training import __main__ as tool
from benchmarks.training import steps

CONFIG = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
FEW = '--batch-size 1 --faces 2 --iters 1 --warmup 1 --device cpu'


class FakeStep:
    """Takes the times it was told, in that order, and notes when."""

    def __init__(self, name, times, peak, log):
        self.name, self.times, self.peak = name, iter(times), peak
        self.log = log

    def seconds(self):
        self.log.append(self.name)
        return next(self.times)

    def peak_bytes(self):
        self.log.append(f'peak of {self.name}')
        return self.peak

    def operations(self):
        return 10 * self.peak


def test_compare():
    log = []
    fakes = {
        # 99 and 98 are of the warm-up.
        'SRN': FakeStep('SRN', [99, 98, 4, 1, 3, 9], 300, log),
        'other': FakeStep('other', [99, 98, 2, 1, 1, 2], 100, log),
    }
    assert steps.compare(fakes, iters=4, warmup=2) == {
        'SRN': dict(
            seconds=3.5,
            seconds_min=1,
            seconds_max=9,
            peak_bytes=300,
            operations=3000,
        ),
        'other': dict(
            seconds=1.5,
            seconds_min=1,
            seconds_max=2,
            peak_bytes=100,
            operations=1000,
        ),
    }
    # In turns, and neither always after the other.
    assert log[:4] == ['SRN', 'other', 'other', 'SRN']
    assert log[12:] == ['peak of SRN', 'peak of other']


def test_odd_number_of_steps():
    step = FakeStep('SRN', [5, 7, 1, 2], 0, [])
    found = steps.compare({'SRN': step}, iters=3, warmup=1)
    assert found['SRN']['seconds'] == 2


def test_peak_counts_what_lives_at_once():
    """The largest sum of living tensors, not the sum of all."""

    def one_after_the_other():
        for _ in range(3):
            torch.empty(250_000)

    def at_once():
        return [torch.empty(250_000) for _ in range(3)]

    cpu = torch.device('cpu')
    kept = torch.empty(500_000)  # from before: does not count
    assert timing.peak_rise(one_after_the_other, cpu) == 1_000_000
    assert timing.peak_rise(at_once, cpu) == 3_000_000
    assert timing.peak_rise(lambda: None, cpu) == 0
    assert len(kept) == 500_000


class FakeModel(torch.nn.Linear):
    """Linear layer with the loop's method, which allocates 4 MB in passing."""

    def train_step(self, batch, optim_wrapper):
        torch.empty(1_000_000)
        self(batch['x']).sum().backward()
        optim_wrapper.optimizer.step()


def test_memory_that_is_kept():
    from mmengine.optim import OptimWrapper

    model = FakeModel(100, 50, bias=False)
    wrapper = OptimWrapper(
        torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    )
    batch = {'x': torch.ones(1, 100)}
    step = steps.Step(model, wrapper, batch)
    weights = 100 * 50 * 4
    assert step.kept_bytes() == weights
    assert step.seconds() > 0
    # With gradients and momentum.
    assert step.kept_bytes() == 3 * weights
    assert 0 <= step.peak_bytes() - 4_000_000 - 3 * weights < 100_000
    # A tensor that two parameters share is there once.
    model.register_buffer('again', model.weight.detach())
    assert step.kept_bytes() == 3 * weights


def test_retinanet_is_like_the_srn(root):
    srn = Config.fromfile(tool.CONFIG).model
    other = ConfigDict(tool.retinanet_cfg(srn))
    assert other.backbone == srn.backbone
    assert other.neck.num_outs == 6 and other.neck.type == 'FPN'
    for key in ('anchor_generator', 'feat_channels', 'stacked_convs'):
        assert other.bbox_head[key] == srn.bbox_head[key]
    step = srn.train_cfg.second_step
    assert other.train_cfg.assigner == step.assigner


def fake_measure(monkeypatch, tool, seconds, peaks):
    """Let `measure` meet steps of known cost."""

    def build(model_cfg, cfg, args):
        step = FakeStep('', [], 0, [])
        step.model = torch.nn.Linear(3, 2)
        return step

    def compare(steps, iters, warmup):
        return {
            name: dict(
                seconds=seconds[i],
                seconds_min=seconds[i] - 0.25,
                seconds_max=seconds[i] + 0.25,
                peak_bytes=peaks[i] * 2**20,
                operations=peaks[i] * 10**9,
            )
            for i, name in enumerate(steps)
        }

    monkeypatch.setattr(tool, 'build_step', build)
    monkeypatch.setattr(tool, 'compare', compare)


@pytest.mark.parametrize(
    'limit, status', [(None, 0), (3, 0), (2.99, 1), (1.4, 1)]
)
def test_ratios(tmp_path, monkeypatch, capsys, limit, status):
    fake_measure(monkeypatch, tool, seconds=(0.75, 0.5), peaks=(600, 200))
    out = tmp_path / 'new/numbers.json'
    args = f'{FEW} --size 64 96 --json {out}'.split()
    if limit is not None:
        args += ['--max-ratio', str(limit)]
    assert tool.main(args) == status
    found = json.loads(out.read_text())
    assert found['time_ratio'] == 1.5 and found['memory_ratio'] == 3
    assert found['batch'] == [1, 3, 64, 96]
    assert found['models']['SRN']['parameters'] == 8
    printed = capsys.readouterr()
    expected = 'SRN / RetinaNet: time 1.50, memory 3.00, multiply-adds 3.00'
    assert expected in printed.out
    rows = [x.split() for x in printed.out.splitlines()]
    assert ['SRN', '0.00M', '0.750', '(0.500-1.000)', '600', '600.0'] in rows
    assert ('More than' in printed.err) == bool(status)


def test_wrong_arguments(root, tmp_path, monkeypatch, fails):
    assert 'one or two' in fails(tool, '--size', '1', '2', '3')
    assert 'whole number from 1 on' in fails(tool, '--iters', '0')
    assert 'from 0 to 1' in fails(tool, '--survivors', '1.5')
    assert 'invalid choice' in fails(tool, '--forward', 'fast')
    assert 'did you mean' in fails(tool, '--config', f'{root}/srn_r50_fpn.p')
    config = tmp_path / 'other.py'
    config.write_text("model = dict(bbox_head=dict(type='RetinaHead'))")
    error = fails(tool, '--config', config, *FEW.split())
    assert 'other.py: model.bbox_head is no SRNHead' in error
    fake_measure(monkeypatch, tool, (1, 1), (1, 1))
    error = fails(tool, *FEW.split(), '--json', f'{config}/numbers.json')
    assert 'numbers.json: cannot be written' in error


def test_device_that_is_none(fails):
    error = fails(tool, '--device', 'foo')
    assert '--device foo cannot be used: ' in error
    assert error.count('\n') == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_no_gpu(fails):
    assert 'torch sees no GPU' in fails(tool, '--device', 'cuda')


def test_real_run(root, tmp_path):
    out = tmp_path / 'numbers.json'
    args = f'--config {root / CONFIG} --size 64 --json {out} {FEW}'
    assert tool.main(args.split()) == 0
    found = json.loads(out.read_text())
    for name, row in found['models'].items():
        assert 0 < row['seconds_min'] == row['seconds_max'], name
        # Weights, gradients, two moments of AdamW, and activations.
        assert row['peak_bytes'] > 4 * 4 * row['parameters'], name
    ratio = found['models']['SRN']['seconds']
    ratio /= found['models']['RetinaNet']['seconds']
    assert found['time_ratio'] == pytest.approx(ratio)
    assert 0.5 < found['memory_ratio'] < 4


LIGHT = 'configs/srn/srn_mobilenetv2_fpn_8xb4-130e_widerface.py'


def test_ways_to_train(root, tmp_path):
    """The last with the first, and less work where few cells survive."""
    out = tmp_path / 'numbers.json'
    args = f'--config {root / LIGHT} --size 160 --json {out} {FEW}'
    args += ' --forward dense selective --survivors 0.02 --processor-time'
    assert tool.main(args.split()) == 0
    found = json.loads(out.read_text())
    assert found['compared'] == ['SRN selective', 'SRN dense']
    dense, selective = (
        found['models'][f'SRN {x}'] for x in ('dense', 'selective')
    )
    assert dense['parameters'] == selective['parameters']
    ratio = selective['operations'] / dense['operations']
    assert found['operations_ratio'] == ratio < 0.9


@pytest.mark.parametrize('share', [0.0, 0.1, 1.0])
def test_survivors_in_training(root, share):
    """Negatives that remain on the levels of STC."""
    from mmdet.registry import MODELS

    from mmsrn.testing.models import load_model_cfg, random_batch

    model = MODELS.build(load_model_cfg(root / LIGHT)).train()
    imposed_cells.impose_in_training(model, share, (130, 160))
    batch = model.data_preprocessor(random_batch(2, (130, 160), 0), True)
    log = model(**batch, mode='loss')
    assert log['stc_removed_ratio'] == pytest.approx(1 - share, abs=0.01)
