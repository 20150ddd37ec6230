"""The inference benchmark: its counts by hand, its times by fake clocks."""

import argparse
import csv
import importlib
import json
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

LIGHT = 'configs/srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'
RETINANET = 'configs/retinanet/retinanet_mobilenetv2_fpn_1xb16-10e_facemask.py'
FEW = '--iters 1 --warmup 1 --device cpu'.split()
SHARES = (0.05, 0.3)
# Of the maps of an image of 64 x 96 pixels, P2 to P7.
SIZES = [(16, 24), (8, 12), (4, 6), (2, 3), (1, 2), (1, 1)]
CELLS = [x * y for x, y in SIZES]
# Of a layer of 64 channels, in the subnet and after it.
CONV, LOGITS, DELTAS = 64 * 64 * 9, 64 * 2, 64 * 8
REDUCE, PROJECT, EXPAND = 64 * 64, 64 * 64, 64 * 16
STRIPS = 16 * 16 * (5 + 5 + 3 + 3)
SUBNET = CONV + REDUCE + STRIPS + EXPAND + PROJECT + CONV


@pytest.fixture(scope='module')
def part(root):
    """Function that imports the tool or a module beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root / 'tools/analysis_tools')
        # Rates of the machine do not matter here.
        rate = importlib.import_module('machine_rate')
        patch.setattr(rate, 'MAP_SIDE', 4)
        patch.setattr(rate, 'MATRIX_SIDE', 32)
        yield importlib.import_module


@pytest.fixture
def tool(part):
    return part('benchmark_inference')


@pytest.fixture(scope='module')
def run(part, root, tmp_path_factory):
    """A run over all variants: its folder, and its numbers."""
    out = tmp_path_factory.mktemp('benchmark')
    before = torch.get_num_threads()
    variants, prepared = part('inference_variants'), []
    real = variants.prepare_for_inference

    def prepare(model):
        prepared.append(real(model))
        return prepared[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variants, 'prepare_for_inference', prepare)
        part('benchmark_inference').main(
            [
                *(str(root / LIGHT), '--size', '64x96', '--memory'),
                *('--impose-active', *map(str, SHARES), '--threads', '1'),
                *('--variants', 'published', 'dense', 'selective', 'auto'),
                *('selective+prepared', 'dense+prepared+amp'),
                'selective+coarse',
                *('--out-dir', str(out), *FEW, '--iters', '2'),
            ]
        )
    torch.set_num_threads(before)
    model, _ = prepared  # as the variant's name says
    assert model.bbox_head.execution.inference == 'selective'
    assert not any(isinstance(x, nn.BatchNorm2d) for x in model.modules())
    return out, json.loads((out / 'benchmark.json').read_text())


def rows_of(result, share):
    setting = result['settings'][SHARES.index(share)]
    assert (setting['size'], setting['imposed']) == ('64x96', share)
    return {x['variant']: x for x in setting['rows']}


@pytest.mark.parametrize('share', SHARES)
def test_active_cells_are_those_imposed(run, share):
    setting = run[1]['settings'][SHARES.index(share)]
    (levels,) = setting['active'].values()
    assert [x['cells'] for x in levels] == CELLS
    for i, row in enumerate(levels):
        expected = round(share * CELLS[i])
        assert row['boxes'] * CELLS[i] == pytest.approx(expected)
        if i < 3:
            assert row['survive'] == row['boxes']
        else:
            assert row['survive'] is None
    assert rows_of(run[1], share)['dense']['boxes'] > 0


@pytest.mark.parametrize('share', SHARES)
def test_all_variants_find_the_same(run, share):
    rows = rows_of(run[1], share)
    boxes = {x['boxes'] for k, x in rows.items() if 'prepared' not in k}
    assert len(boxes) == 1


@pytest.mark.parametrize('amp', [False, True])
def test_autocast(part, root, amp):
    loaded = part('inference_inputs').load_detector(
        argparse.ArgumentParser(), str(root / LIGHT), 'cpu', root
    )
    name = 'dense+amp' if amp else 'dense'
    contender = part('inference_variants').Contender(loaded, name)
    assert contender.amp == amp
    seen = []
    layer = contender.model.bbox_head.conv_cls
    layer.register_forward_hook(lambda *args: seen.append(args[-1].dtype))
    batches = part('inference_inputs').noise(loaded, (64, 64))
    part('inference_variants').predict(contender.model, batches, amp)
    assert {*seen} == {torch.bfloat16 if amp else torch.float32}


# Of the surviving cells, as bfloat16 leaves of the shipped weights.
UNSURE = 0.7


def test_rims(part):
    """In equal parts within and without, next to a cell of the other kind."""
    imposed = part('imposed_cells')
    discs = imposed.blobs((60, 80), 0.03)
    rims = imposed.rims((60, 80), 0.03, UNSURE)
    assert rims.sum() == round(UNSURE * 144)
    assert 0.2 < (rims & discs).sum() / rims.sum() < 0.8
    for row, column in rims.nonzero().tolist():
        near = discs[
            max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2
        ]
        assert near.any() and not near.all()
    most = imposed.rims((60, 80), 0.03, 1e9)
    assert (most | ~rims).all() and most.sum() > rims.sum()


@pytest.mark.parametrize('prepared', ['', '+prepared'])
@pytest.mark.parametrize('coarse', [False, True])
def test_coarse_first_step(part, root, coarse, prepared):
    """Whole maps in low precision, what is unsure again as it is."""
    loaded = part('inference_inputs').load_detector(
        argparse.ArgumentParser(), str(root / LIGHT), 'cpu', root
    )
    variants = part('inference_variants')
    name = f'selective{prepared}{"+coarse" * coarse}'
    contender = variants.Contender(loaded, name)
    part('imposed_cells').impose([contender.model], 0.1)
    (head,) = part('imposed_cells').srn_heads(contender.model)
    seen, forward = [], head.forward_cls

    def on_maps(*args):
        found = forward(*args)
        seen.append(found.dtype)
        return found

    head.forward_cls = on_maps
    given, own = [], head.predict_by_feat
    head.predict_by_feat = lambda first, *args, **kwargs: (
        given.extend(first) or own(first, *args, **kwargs)
    )
    batches = part('inference_inputs').noise(loaded, (64, 96))
    variants.predict(contender.model, batches)
    # First step on P2 to P4, second on P5 to P7, and the rest on rows.
    low = torch.bfloat16 if coarse else torch.float32
    assert seen == [low] * 3 + [torch.float32] * 3
    # Rounded, where not computed again.
    for size, logits in zip(SIZES[:3], given):
        mask = part('imposed_cells').rims(size, 0.1, UNSURE)
        rounded = logits == logits.bfloat16().float()
        assert not rounded[0, :, mask].all()
        assert rounded[0, :, ~mask].all() == coarse


@pytest.mark.parametrize('share', SHARES)
def test_rows_are_consistent(run, share):
    result = run[1]
    rate = result['rates']['convolution']
    rows = rows_of(result, share)
    first = rows['published']['seconds']
    for row in rows.values():
        assert 0 < row['seconds_min'] <= row['seconds'] <= row['seconds_max']
        assert row['ratio'] == pytest.approx(row['seconds'] / first)
        assert (
            sum(row['stage_multiply_adds'].values()) == (row['multiply_adds'])
        )
        work = row['share_of_rate'] * row['seconds'] * rate / 2
        assert work == pytest.approx(row['multiply_adds'])
        for stage in ('backbone', 'neck', 'head', 'post-processing'):
            assert row['stage_seconds'][stage] > 0, stage
        assert row['peak_bytes'] > 0
    assert rows['published']['ratio'] == 1


@pytest.mark.parametrize('share', SHARES)
def test_work_of_whole_maps(run, part, root, share):
    rows = rows_of(run[1], share)
    work = {k: x['stage_multiply_adds']['head'] for k, x in rows.items()}
    both = 2 * SUBNET + LOGITS + DELTAS
    assert work['published'] == 2 * both * sum(CELLS)
    # Of the first step classes on P2 to P4 and boxes on P5 to P7.
    first = (SUBNET + LOGITS) * sum(CELLS[:3])
    first += (SUBNET + DELTAS) * sum(CELLS[3:])
    assert work['dense'] == both * sum(CELLS) + first
    for stage in ('backbone', 'neck'):
        assert (
            len(
                {
                    rows[x]['stage_multiply_adds'][stage]
                    for x in ('published', 'dense')
                }
            )
            == 1
        )


def test_work_is_what_the_other_counter_says(run, part, root):
    from mmengine.config import Config

    cfg = Config.fromfile(root / LIGHT)
    cfg.model.backbone.init_cfg = None
    _, operations = part('model_cost').count(cfg, (64, 96))
    found = rows_of(run[1], SHARES[0])['dense']['multiply_adds']
    assert found == operations


def dilated(mask, kernels):
    """Union of shifted masks."""
    height, width = mask.shape
    wide = np.pad(mask, 2)
    out = np.zeros_like(mask)
    for tall, broad in kernels:
        for y in range(-(tall // 2), tall // 2 + 1):
            for x in range(-(broad // 2), broad // 2 + 1):
                out |= wide[2 + y : 2 + y + height, 2 + x : 2 + x + width]
    return out


def row_work(mask, predictor):
    """Rows of each layer times its weights; each has one row of zeros."""
    last = dilated(mask, [(3, 3)])
    middle = dilated(last, [(1, 5), (5, 1), (1, 3), (3, 1)])
    inner, outer, wanted = (int(x.sum()) + 1 for x in (last, middle, mask))
    return (
        outer * (CONV + REDUCE)
        + inner * (STRIPS + EXPAND + PROJECT)
        + wanted * (CONV + predictor)
    )


@pytest.mark.parametrize('share', SHARES)
def test_work_of_rows(run, part, share):
    """Of the head, from the cells that were imposed."""
    rows = rows_of(run[1], share)
    blobs = [part('imposed_cells').blobs(x, share).numpy() for x in SIZES]
    expected = (SUBNET + LOGITS) * (sum(CELLS[:3]) + sum(CELLS[3:]))
    expected += sum(row_work(x, LOGITS) for x in blobs[:3])
    boxes = [x for x in (*blobs, *blobs[3:]) if x.any()]
    expected += sum(row_work(x, DELTAS) for x in boxes)
    for variant in ('selective', 'selective+prepared'):
        found = rows[variant]['stage_multiply_adds']
        assert found['head'] == expected
        # As much where the P convolutions look at most of these small maps.
        assert found['neck'] <= rows['dense']['stage_multiply_adds']['neck']
    # What the filter leaves unsure runs through the first step again.
    rims = [part('imposed_cells').rims(x, share, UNSURE) for x in SIZES[:3]]
    expected += sum(row_work(x.numpy(), LOGITS) for x in rims)
    found = rows['selective+coarse']['stage_multiply_adds']
    assert found['head'] == expected


def test_files(run):
    out, result = run
    with (out / 'benchmark.csv').open(newline='') as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 2 * 7
    for line, row in zip(lines[:7], rows_of(result, SHARES[0]).values()):
        assert line['variant'] == row['variant']
        assert float(line['seconds']) == row['seconds']
        assert (
            float(line['stage_seconds_neck']) == row['stage_seconds']['neck']
        )
    picture = cv2.imread(str(out / 'benchmark.png'))
    assert min(picture.shape[:2]) > 300 and picture.std() > 10


def test_lines_of_the_picture_and_of_the_table(run, part):
    result = run[1]
    report = part('inference_report')
    figure = report.draw(result)
    (axis,), (legend,) = figure.axes, figure.legends
    labels = [x.get_text() for x in legend.get_texts()]
    assert labels == list(rows_of(result, SHARES[0]))
    x, y = axis.containers[2][0].get_data()
    assert list(x) == pytest.approx([5, 30])
    selective = [rows_of(result, x)['selective']['seconds'] for x in SHARES]
    assert list(y) == pytest.approx([1e3 * x for x in selective])
    lines = [x.split() for x in report.text(result).splitlines()]
    (row, _) = (x for x in lines if x and x[0] == 'dense')
    dense = rows_of(result, SHARES[0])['dense']
    assert row[1] == f'{1e3 * dense["seconds"]:.1f}'
    assert row[4] == f'{dense["multiply_adds"] / 1e9:.3f}'
    # Without several shares: bars of the stages.
    single = dict(result, settings=result['settings'][:1])
    (axis,) = report.draw(single).axes
    assert len(axis.containers) == 5
    widths = [bars[1].get_width() for bars in axis.containers]
    assert sum(widths) == pytest.approx(
        1e3 * sum(dense['stage_seconds'].values())
    )


def cells_of(markdown):
    """Rows of all tables, by their first cell."""
    rows = [
        [x.strip() for x in line.strip('|').split('|')]
        for line in markdown.splitlines()
        if line.startswith('|') and '---' not in line
    ]
    return {x[0]: x[1:] for x in rows}


def test_table_of_shares(run, part):
    out, result = run
    rows = cells_of((out / 'benchmark.md').read_text())
    assert rows['64x96, active cells'] == ['5 %', '30 %']

    def expected(variant, key, unit):
        return [rows_of(result, x)[variant][key] / unit for x in SHARES]

    for name in rows_of(result, SHARES[0]):
        cells = rows[f'`{name}`, ms']
        times = [float(x.split(',')[0]) for x in cells]
        error = 0.51 if max(times) >= 10 else 0.051
        assert times == pytest.approx(expected(name, 'seconds', 1e-3), error)
        if name != 'published':
            ratios = [float(x.split(',')[1]) for x in cells]
            exact = expected(name, 'ratio', 1)
            assert ratios == pytest.approx(exact, abs=0.0051)
    work = [x for x in rows if x.startswith('multiply-adds')]
    # The prepared ones have those of others.
    assert [x.split('`')[1] for x in work] == [
        *('published', 'dense', 'selective', 'auto', 'selective+coarse')
    ]
    whole = expected('published', 'multiply_adds', 1)
    less = [
        f'{x / y:.2f}'
        for x, y in zip(expected('selective', 'multiply_adds', 1), whole)
    ]
    assert rows['multiply-adds of `selective`'] == less
    assert rows['multiply-adds of `published`, thousand million'] == [
        f'{x / 1e9:.1f}' for x in whole
    ]


def test_table_of_photos(run, part):
    """Of one size and no imposed share: a line for each variant."""
    result = json.loads((run[0] / 'benchmark.json').read_text())
    setting = dict(result['settings'][0], imposed=None, size='9 photos')
    text = part('inference_tables').markdown(
        dict(result, settings=[setting], imposed=None)
    )
    rows, row = cells_of(text), setting['rows'][1]
    assert rows['9 photos'][:2] == ['ms for an image', 'share of `published`']
    assert rows['`dense`'][1] == f'{row["ratio"]:.2f}'
    assert rows['`dense`'][3] == f'{row["boxes"]:.0f}'
    assert rows['`dense`'][4] == f'{row["peak_bytes"] / 2**20:.1f}'
    (levels,) = setting['active'].values()
    active = rows['get boxes']
    assert active == [f'{100 * x["boxes"]:.1f}' for x in levels]
    assert rows['survive the first step'] == [*active[:3], '', '', '']
    assert 'discs' not in text and 'threads: 1' in text


# --- imposed cells -----------------------------------------------------------


@pytest.mark.parametrize('size', [(16, 24), (1, 1), (7, 3), (40, 40)])
@pytest.mark.parametrize('share', [0, 0.01, 0.2, 0.9, 1])
def test_blobs_cover_what_they_should(part, size, share):
    blobs = part('imposed_cells').blobs
    mask = blobs(size, share)
    assert mask.shape == size and mask.dtype == torch.bool
    assert mask.sum() == round(share * size[0] * size[1])
    assert mask.equal(blobs(size, share))


def test_blobs_are_discs(part):
    assert len(part('imposed_cells')._disc(1)) == 5
    assert len(part('imposed_cells')._disc(2)) == 13
    assert len(part('imposed_cells')._disc(3)) == 29
    mask = part('imposed_cells').blobs((100, 100), 0.01).float()
    # Scattered, hardly a cell would have two active neighbours.
    near = torch.nn.functional.conv2d(
        mask[None, None], torch.ones(1, 1, 3, 3), padding=1
    )[0, 0]
    assert (near[mask > 0] > 2).float().mean() > 0.9
    other = part('imposed_cells').blobs((100, 100), 0.01, seed=1)
    assert not other.equal(mask > 0)


# --- stages ------------------------------------------------------------------


class FakePyramid:
    def __init__(self, spend):
        self.first = self.maps = self.rows = lambda *_: spend(100)


class FakePart(nn.Module):
    """Spends as much as its methods are told to."""

    def __init__(self, spend, **methods):
        super().__init__()
        for name, amount in methods.items():
            method = amount if callable(amount) else lambda n=amount: spend(n)
            setattr(self, name, method)


def test_a_stage_interrupts_another(part):
    """A clock that moves only when a stage says so."""
    clock = SimpleNamespace(now=5)

    def spend(amount):
        clock.now += amount

    execution = SimpleNamespace(
        pyramid=lambda: (spend(20), FakePyramid(spend))[1]
    )

    def find(pyramid):
        spend(1000)
        pyramid.first()
        pyramid.maps()
        pyramid.rows()
        spend(2000)
        head.predict_by_feat()

    head = FakePart(spend, predict=find, predict_by_feat=40_000)
    model = nn.Module()
    model.backbone = FakePart(spend, forward=3)
    model.detector = nn.Module()
    head.execution = execution
    model.detector.bbox_head = head

    def predict():
        spend(500_000)
        model.backbone()
        head.predict(execution.pyramid())

    before = [dict(x.__dict__) for x in model.modules()]
    meter = part('stage_meter').StageMeter(lambda: clock.now)
    for _ in range(2):
        assert meter(model, predict) == {
            'backbone': 3,
            'neck': 320,
            'head': 3000,
            'post-processing': 40_000,
            'other': 500_000,
        }
    assert [dict(x.__dict__) for x in model.modules()] == before


# --- crossover ---------------------------------------------------------------


@pytest.mark.parametrize('penalty', [2, 4])
def test_crossover(part, monkeypatch, penalty):
    """Rows that cost n times as much per multiply-add pay up to 1 / n."""
    from mmdet.registry import MODELS

    module = part('row_crossover')

    def seconds(call, device):
        with FlopCounterMode(display=False) as counter:
            call()
        calls.append(counter.get_total_flops())
        return calls[-1] * (1 if calls[-1] == whole else penalty)

    calls = []
    head = MODELS.build(
        dict(type='SRNHead', num_classes=1, in_channels=8, feat_channels=8)
    ).eval()
    maps = torch.rand(1, 8, 40, 40)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        head.forward_cls(maps)
    whole = counter.get_total_flops()
    monkeypatch.setattr(module, 'seconds', seconds)
    found = module.measure_crossover(head, maps, iters=1, warmup=0)
    # That of RFE's reduction on more cells is not in the share.
    assert found['crossover'] == pytest.approx(1 / penalty, abs=0.04)
    for row in found['tried']:
        assert (row['ratio'] < 1) == (row['work'] < found['crossover'])


def test_layers_that_need_maps_have_no_crossover(part):
    from mmdet.registry import MODELS

    head = MODELS.build(
        dict(
            type='SRNHead',
            num_classes=1,
            in_channels=8,
            feat_channels=8,
            norm_cfg=dict(type='GN', num_groups=2),
        )
    )
    measure = part('row_crossover').measure_crossover
    with pytest.raises(ValueError, match='does not run on rows'):
        measure(head, torch.rand(1, 8, 4, 4), 1, 0)


# --- memory of a process -----------------------------------------------------


def test_memory_of_a_process(part, root):
    """What its tensors take at most, and not much more."""
    memory = part('process_memory')
    if not memory.STATUS.exists():
        pytest.skip('needs Linux')
    size, config = (384, 512), str(root / LIGHT)
    found = memory.process_peak(config, 'published', size, 0.1, root)
    loaded = part('inference_inputs').load_detector(
        argparse.ArgumentParser(), config, 'cpu', root
    )
    contender = part('inference_variants').Contender(loaded, 'published')
    part('imposed_cells').impose([contender.model], 0.1)
    batches = part('inference_inputs').noise(loaded, size)
    tensors = part('step_cost').peak_rise(
        lambda: part('inference_variants').predict(contender.model, batches),
        torch.device('cpu'),
    )
    rise = found['process_bytes'] - found['process_start_bytes']
    assert found['process_start_bytes'] > 100 * 2**20  # torch
    assert 0.8 * tensors < rise < 2 * tensors


def test_a_process_that_is_ended(part, root, monkeypatch):
    memory = part('process_memory')
    pool = mock.MagicMock()
    submit = pool.return_value.__enter__.return_value.submit
    submit.return_value.result.side_effect = BrokenProcessPool
    monkeypatch.setattr(memory, 'ProcessPoolExecutor', pool)
    with pytest.raises(ValueError, match='published at 64x96 was ended'):
        memory.process_peak(1, 'published', (64, 96), None, root)


def test_several_sizes(part, tool, root, tmp_path, monkeypatch, capsys):
    """Time and memory of each variant against megapixels."""
    asked = []

    def peak(model, variant, size, imposed, where):
        asked.append((Path(model), variant, size, imposed))
        return dict(
            process_bytes=2**30 * size[0] // 64, process_start_bytes=2**29
        )

    monkeypatch.setattr(part('process_memory'), 'process_peak', peak)
    tool.main(
        [
            *(str(root / LIGHT), '--size', '128x64', '64', '--device', 'cpu'),
            *('--impose-active', '0.1', '--process-memory', *FEW),
            *('--variants', 'dense', 'auto', '--out-dir', str(tmp_path)),
        ]
    )
    assert asked == [
        (root / LIGHT, variant, size, 0.1)
        for size in ((128, 64), (64, 64))
        for variant in ('dense', 'auto')
    ]
    result = json.loads((tmp_path / 'benchmark.json').read_text())
    assert 'process_bytes' in (tmp_path / 'benchmark.csv').read_text()
    lines = capsys.readouterr().out.splitlines()
    ends = [x.split()[-1] for x in lines if x.startswith(('dense', 'auto'))]
    assert ends == ['2.00', '2.00', '1.00', '1.00']
    rows = cells_of((tmp_path / 'benchmark.md').read_text())
    assert (
        rows['size']
        == rows['peak of the process, GiB']
        == [*('128 x 64', '64 x 64')]
    )
    assert rows['`auto`'] == ['2.00', '1.00']
    time, memory = part('inference_report').draw(result).axes
    assert [x.get_label() for x in memory.lines] == ['dense', 'auto']
    for line in memory.lines:
        x, y = line.get_data()
        assert list(x) == pytest.approx([64 * 64 / 1e6, 128 * 64 / 1e6])
        assert list(y) == pytest.approx([1, 2])
    large, small = result['settings']
    assert list(time.lines[1].get_ydata()) == pytest.approx(
        [small['rows'][1]['seconds'], large['rows'][1]['seconds']]
    )


def test_where_the_memory_of_a_process_is_not_measured(
    part, tool, fails, monkeypatch, tmp_path
):
    error = fails(tool, '--process-memory', '--images', '.')
    assert 'is of noise' in error
    device = part('benchmark_device')
    monkeypatch.setattr(device, 'usable_device', lambda *_: 'cuda')
    assert 'add --device cpu' in fails(tool, '--process-memory')
    monkeypatch.setattr(device, 'usable_device', lambda *_: 'cpu')
    memory = part('process_memory')
    monkeypatch.setattr(memory, 'STATUS', tmp_path / 'none')
    assert 'needs Linux' in fails(tool, '--process-memory')


# --- files -------------------------------------------------------------------


@pytest.fixture
def small_config(root, tmp_path):
    """The light SRN, whose test makes photos small."""
    path = tmp_path / 'small.py'
    path.write_text(
        f'_base_ = {str(root / LIGHT)!r}\n'
        'test_dataloader = dict(dataset=dict(pipeline=[\n'
        "    dict(type='LoadImageFromFile'),\n"
        "    dict(type='Resize', scale=(96, 64), keep_ratio=True),\n"
        "    dict(type='PackDetInputs', meta_keys=("
        "'img_shape', 'ori_shape', 'scale_factor'))]))\n"
    )
    return path


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / 'photos'
    (folder / 'more').mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, size in (('a.png', (120, 90)), ('more/b.jpg', (64, 192))):
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / name), image)
    return folder


def test_photos_and_a_checkpoint_that_holds_its_config(
    part, tool, small_config, photos, tmp_path, capsys
):
    from mmdet.registry import MODELS
    from mmengine.config import Config

    cfg = Config.fromfile(small_config)
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    nn.init.constant_(model.bbox_head.conv_cls.bias, 9.0)  # all are faces
    nn.init.constant_(model.bbox_head.conv_cls.weight, 0.0)
    checkpoint = tmp_path / 'epoch_1.pth'
    meta = dict(cfg=cfg.pretty_text)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), checkpoint)
    tool.main(
        [
            *(str(checkpoint), f'{small_config}={checkpoint}'),
            *('--variants', 'dense', '--images', str(photos)),
            *('--calibrate', '--out-dir', str(tmp_path / 'out'), *FEW),
        ]
    )
    result = json.loads((tmp_path / 'out/benchmark.json').read_text())
    names = ['epoch_1', 'small=epoch_1']
    assert [x['name'] for x in result['models']] == names
    (setting,) = result['settings']
    assert setting['size'] == '2 photos'
    # 85 x 64 and 32 x 96 pixels: P2 of 22 x 16 and 8 x 24 cells.
    level = setting['active']['epoch_1'][0]
    assert level['cells'] == 22 * 16 + 8 * 24
    assert level['survive'] == level['boxes'] == 1
    first, second = setting['rows']
    assert first['boxes'] == second['boxes'] > 0
    assert first['multiply_adds'] == second['multiply_adds']
    assert [x['level'] for x in result['calibration']] == ['P2', 'P2']
    printed = capsys.readouterr().out
    assert printed.count('execution.crossover.inference=') == 2
    assert 'random weights' not in printed


def test_weights_that_ship(part, root, fails, tool, monkeypatch):
    """By name, with the config of their training or another one."""
    from safetensors.torch import load_file

    from mmsrn.zoo import find_model

    weights = load_file(find_model('srn_mobilenetv2', 'torch'))
    load = part('inference_inputs').load_detector
    parser = argparse.ArgumentParser()
    alone = load(parser, 'srn_mobilenetv2', 'cpu', root)
    assert alone.name == 'srn_mobilenetv2'
    assert alone.model.bbox_head.test_cfg.nms.iou_threshold == 0.65
    other = load(parser, f'{root / LIGHT}=srn_mobilenetv2', 'cpu', root)
    assert other.name == f'{Path(LIGHT).stem}=srn_mobilenetv2'
    assert other.model.bbox_head.test_cfg.nms.iou_threshold == 0.5
    for loaded in (alone, other):
        assert loaded.cfg.test_dataloader.dataset.ann_file == 'val.txt'
        state = loaded.model.state_dict()
        for name, tensor in weights.items():
            assert state[name].equal(tensor.to(state[name].dtype)), name
    monkeypatch.setattr('mmsrn.zoo.model_zoo.HERE', root / 'nowhere')
    assert 'install mmsrn anew' in fails(tool, 'srn_mobilenetv2')


def test_photos_of_the_test_set(part, tool, fails, root, tmp_path):
    """Evenly spaced, by its own pipeline."""
    folder = tmp_path / 'set'
    for name in ('images', 'annotations'):
        (folder / name).mkdir(parents=True)
    sides = [40, 48, 56, 64]
    for side in sides:
        image = np.zeros((side, 80, 3), np.uint8)
        cv2.imwrite(str(folder / f'images/{side}.png'), image)
        (folder / f'annotations/{side}.xml').write_text(
            f'<annotation><size><width>80</width><height>{side}</height>'
            '</size></annotation>'
        )
    (folder / 'val.txt').write_text('\n'.join(map(str, sides)))
    config = tmp_path / 'own.py'

    def write(data_root):
        config.write_text(
            f'_base_ = {str(root / LIGHT)!r}\n'
            f'data = dict(dataset=dict(data_root={str(data_root)!r}))\n'
            'test_dataloader = data\n'
        )

    write(folder)
    loaded = part('inference_inputs').load_detector(
        argparse.ArgumentParser(), str(config), 'cpu', root
    )
    batches = part('inference_inputs').read_test_set(loaded, 2)
    shapes = [x[0].ori_shape for _, x in batches]
    assert shapes == [(40, 80), (56, 80)]
    assert [x.shape[2:] for x, _ in batches] == [(320, 640), (448, 640)]
    out = ['--out-dir', tmp_path / 'out', *FEW]
    error = fails(tool, config, '--test-photos', '5', *out)
    assert 'its test set has 4 photos, not 5' in error
    write(tmp_path / 'elsewhere')
    error = fails(tool, config, '--test-photos', '1', *out)
    assert 'elsewhere/val.txt: no such list of images' in error


def test_wrong_files(tool, fails, small_config, photos, tmp_path):
    out = ['--out-dir', tmp_path / 'out', *FEW]
    error = fails(tool, small_config, '--images', tmp_path / 'none', *out)
    assert 'none: is no folder' in error
    (tmp_path / 'empty').mkdir()
    error = fails(tool, small_config, '--images', tmp_path / 'empty', *out)
    assert 'has no image' in error
    (photos / 'a.png').write_bytes(b'no image')
    error = fails(tool, small_config, '--images', photos, *out)
    assert 'a.png: is no image' in error
    error = fails(tool, f'{small_config}=missing.pth', *out)
    assert 'missing.pth is not a file' in error
    other = tmp_path / 'other.pth'
    torch.save({'state_dict': {}}, other)
    assert 'does not hold its config; name it: CONFIG=' in fails(
        tool, other, *out
    )
    assert f'{other} does not fit' in fails(
        tool, f'{small_config}={other}', *out
    )
    (tmp_path / 'file').touch()
    error = fails(tool, '--out-dir', tmp_path / 'file/out')
    assert '--out-dir' in error and 'cannot be written' in error


def test_wrong_arguments(tool, fails):
    error = fails(tool, '--variants', 'dense', 'fast')
    assert "unknown variant 'fast'; there are published, dense, " in error
    for wrong in ('dense+', 'auto+amp+prepared', 'auto+coarse+coarse'):
        assert 'unknown variant' in fails(tool, '--variants', wrong)
    for mode in ('published', 'dense+prepared'):
        error = fails(tool, '--variants', f'{mode}+coarse')
        assert f'+coarse has no effect on {mode.split("+")[0]}' in error
    for size in ('640x', '0x640', '1x2x3', 'large'):
        assert 'such as 480x640' in fails(tool, '--size', size)
    for share in ('1.5', '-0.1', 'nan', 'few'):
        assert 'from 0 to 1' in fails(tool, f'--impose-active={share}')
    for photos in (['--images', '.'], ['--test-photos', '1']):
        error = fails(tool, '--size', '64', *photos)
        assert '--size is of noise' in error
    error = fails(tool, '--images', '.', '--test-photos', '1')
    assert 'exclude each other' in error
    assert 'did you mean' in fails(tool, 'srn_r50_fpn.p')


def test_heads_that_have_no_second_step(tool, root, fails, tmp_path, capsys):
    config = root / RETINANET
    out = ['--size', '64', '--out-dir', tmp_path, *FEW]
    error = fails(tool, config, '--variants', 'dense', 'selective', *out)
    assert f'{config}: has no SRNHead' in error
    assert "no variant 'selective'" in error
    error = fails(tool, config, '--impose-active', '0.1', *out)
    assert f'--impose-active: {config} has no SRNHead' in error
    # Two of a name are told apart by their folders.
    other = tmp_path / config.name
    other.write_text(f'_base_ = {str(config)!r}')
    tool.main([str(x) for x in (config, other, *out)])
    result = json.loads((tmp_path / 'benchmark.json').read_text())
    names = [str(config), str(other)]
    assert [x['name'] for x in result['models']] == names
    (setting,) = result['settings']
    assert [x['model'] for x in setting['rows']] == names
    for row in setting['rows']:
        assert row['variant'] == 'dense'
        assert row['stage_multiply_adds']['head'] > 0


def test_no_level_of_stc(tool, fails, root, tmp_path):
    config = tmp_path / 'str.py'
    config.write_text(
        f'_base_ = {str(root / LIGHT)!r}\n'
        'model = dict(bbox_head=dict(stc_levels=()))\n'
    )
    out = ['--size', '64', '--out-dir', tmp_path, *FEW]
    error = fails(tool, config, '--calibrate', *out)
    assert f'the head of {config} has no stc_levels' in error


def test_help(help_of):
    text = help_of('analysis_tools/benchmark_inference.py')
    assert '--impose-active' in text and 'examples:' in text
