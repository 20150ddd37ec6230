"""The benchmark's numbers, from steps whose cost is known."""

import json

import pytest
import torch

from benchmarks import timing
from benchmarks.speed import imposed_cells
from benchmarks.training import __main__ as tool
from benchmarks.training import steps

CONFIG = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
FEW = '--iters 1 --warmup 1 --device cpu'


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


def test_ratios(tmp_path, monkeypatch, capsys):
    fake_measure(monkeypatch, tool, seconds=(0.5, 0.75), peaks=(200, 600))
    out = tmp_path / 'new/numbers.json'
    args = f'{FEW} --size 96 --json {out}'.split()
    tool.main(args)
    found = json.loads(out.read_text())
    assert found['time_ratio'] == 1.5 and found['memory_ratio'] == 3
    assert found['batch'] == [1, 3, 96, 96]
    printed = capsys.readouterr().out
    expected = 'auto / dense: time 1.50, memory 3.00, multiply-adds 3.00'
    assert expected in printed
    rows = [x.replace('|', ' ').split() for x in printed.splitlines()]
    assert ['auto', '0.750', '0.500-1.000', '600', '600.0'] in rows


def test_wrong_arguments(root, tmp_path, monkeypatch, fails):
    assert 'whole number of at least 1' in fails(tool, '--iters', '0')
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
    from mmdet.registry import MODELS

    from mmsrn.testing.models import load_model_cfg

    srn = MODELS.build(load_model_cfg(root / CONFIG))
    out = tmp_path / 'numbers.json'
    args = f'--config {root / CONFIG} --size 64 --json {out} {FEW}'
    tool.main(args.split())
    found = json.loads(out.read_text())
    parameters = sum(x.numel() for x in srn.parameters())
    for name, row in found['models'].items():
        assert 0 < row['seconds_min'] == row['seconds_max'], name
        # Weights, gradients, two moments of AdamW, and activations.
        assert row['peak_bytes'] > 4 * 4 * parameters, name
    ratio = found['models']['auto']['seconds']
    ratio /= found['models']['dense']['seconds']
    assert found['time_ratio'] == pytest.approx(ratio)
    assert 0.5 < found['memory_ratio'] < 4


LIGHT = 'configs/srn/srn_mobilenetv2_fpn_8xb4-130e_widerface.py'


def test_ways_to_train(root, tmp_path):
    """The last with the first, and less work where few cells survive."""
    out = tmp_path / 'numbers.json'
    args = f'--config {root / LIGHT} --size 160 --json {out} {FEW}'
    args += ' --forward dense selective --survivors 0.02'
    tool.main(args.split())
    found = json.loads(out.read_text())
    assert found['compared'] == ['selective', 'dense']
    dense, selective = (found['models'][x] for x in ('dense', 'selective'))
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
