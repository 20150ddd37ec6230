"""The inference benchmark: counts by hand, tables and pictures."""

import json
import re

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.speed import __main__ as tool
from benchmarks.speed import (
    imposed_cells,
    inputs,
    picture,
    tables,
    variants,
)
from benchmarks.speed.detectors import load_detector
from mmsrn.models.utils.model_cost import count

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
def run(root, tmp_path_factory):
    """A run over all variants: its folder, and its numbers."""
    out = tmp_path_factory.mktemp('benchmark')
    before = torch.get_num_threads()
    prepared = []
    real = variants.prepare_for_inference

    def prepare(*args):
        prepared.append(real(*args))
        return prepared[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variants, 'prepare_for_inference', prepare)
        tool.main(
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
def test_autocast(root, amp):
    loaded = load_detector(str(root / LIGHT), 'cpu')
    name = 'dense+amp' if amp else 'dense'
    contender = variants.Contender(loaded, name)
    assert contender.amp == amp
    seen = []
    layer = contender.model.bbox_head.conv_cls
    layer.register_forward_hook(lambda *args: seen.append(args[-1].dtype))
    batches = inputs.noise(loaded, (64, 64))
    variants.predict(contender.model, batches, amp)
    assert {*seen} == {torch.bfloat16 if amp else torch.float32}


# Of the surviving cells, as bfloat16 leaves of the shipped weights.
UNSURE = 0.7


def test_rims():
    """In equal parts within and without, next to a cell of the other kind."""
    discs = imposed_cells.blobs((60, 80), 0.03)
    rims = imposed_cells.rims((60, 80), 0.03, UNSURE)
    assert rims.sum() == round(UNSURE * 144)
    assert 0.2 < (rims & discs).sum() / rims.sum() < 0.8
    for row, column in rims.nonzero().tolist():
        near = discs[
            max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2
        ]
        assert near.any() and not near.all()
    most = imposed_cells.rims((60, 80), 0.03, 1e9)
    assert (most | ~rims).all() and most.sum() > rims.sum()


@pytest.mark.parametrize('prepared', ['', '+prepared'])
@pytest.mark.parametrize('coarse', [False, True])
def test_coarse_first_step(root, coarse, prepared):
    """Whole maps in low precision, what is unsure again as it is."""
    loaded = load_detector(str(root / LIGHT), 'cpu')
    name = f'selective{prepared}{"+coarse" * coarse}'
    contender = variants.Contender(loaded, name)
    imposed_cells.impose([contender.model], 0.1)
    (head,) = imposed_cells.srn_heads(contender.model)
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
    batches = inputs.noise(loaded, (64, 96))
    variants.predict(contender.model, batches)
    # First step on P2 to P4, second on P5 to P7, and the rest on rows.
    low = torch.bfloat16 if coarse else torch.float32
    assert seen == [low] * 3 + [torch.float32] * 3
    # Rounded, where not computed again.
    for size, logits in zip(SIZES[:3], given):
        mask = imposed_cells.rims(size, 0.1, UNSURE)
        rounded = logits == logits.bfloat16().float()
        assert not rounded[0, :, mask].all()
        assert rounded[0, :, ~mask].all() == coarse


@pytest.mark.parametrize('share', SHARES)
def test_rows_are_consistent(run, share):
    result = run[1]
    rate = result['rate']
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
def test_work_of_whole_maps(run, root, share):
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


def test_work_is_what_the_other_counter_says(run, root):
    from mmengine.config import Config

    cfg = Config.fromfile(root / LIGHT)
    cfg.model.backbone.init_cfg = None
    _, operations = count(cfg, (64, 96))
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
def test_work_of_rows(run, share):
    """Of the head, from the cells that were imposed."""
    rows = rows_of(run[1], share)
    blobs = [imposed_cells.blobs(x, share).numpy() for x in SIZES]
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
    rims = [imposed_cells.rims(x, share, UNSURE) for x in SIZES[:3]]
    expected += sum(row_work(x.numpy(), LOGITS) for x in rims)
    found = rows['selective+coarse']['stage_multiply_adds']
    assert found['head'] == expected


def test_picture(run):
    picture = cv2.imread(str(run[0] / 'benchmark.png'))
    assert min(picture.shape[:2]) > 300 and picture.std() > 10


def test_lines_of_the_picture_and_of_the_table(run):
    result = run[1]
    figure = picture.draw(result)
    (axis,), (legend,) = figure.axes, figure.legends
    labels = [x.get_text() for x in legend.get_texts()]
    assert labels == list(rows_of(result, SHARES[0]))
    x, y = axis.containers[2][0].get_data()
    assert list(x) == pytest.approx([5, 30])
    selective = [rows_of(result, x)['selective']['seconds'] for x in SHARES]
    assert list(y) == pytest.approx([1e3 * x for x in selective])
    dense = rows_of(result, SHARES[0])['dense']
    (line, _) = re.findall('^  dense: (.*)$', tables.text(result), re.M)
    spread, share, *stages = line.split(', ')
    assert spread == '-'.join(
        f'{1e3 * dense[f"seconds_{x}"]:.1f}' for x in ('min', 'max')
    )
    assert share == f'{100 * dense["share_of_rate"]:.0f} %'
    assert stages == [
        f'{x} {1e3 * y:.1f}' for x, y in dense['stage_seconds'].items()
    ]
    # Without several shares: bars of the stages.
    single = dict(result, settings=result['settings'][:1])
    (axis,) = picture.draw(single).axes
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


def test_table_of_shares(run):
    result = run[1]
    rows = cells_of(tables.all_tables(result))
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


def test_table_of_photos(run):
    """Of one size and no imposed share: a line for each variant."""
    result = json.loads((run[0] / 'benchmark.json').read_text())
    setting = dict(result['settings'][0], imposed=None, size='9 photos')
    text = tables.all_tables(dict(result, settings=[setting], imposed=None))
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


def test_several_sizes(root, tmp_path, capsys):
    """A column of the table and a panel of the picture for each."""
    tool.main(
        [
            *(str(root / LIGHT), '--size', '128x64', '64', '--memory', *FEW),
            *('--impose-active', '0.1', '--variants', 'dense', 'auto'),
            *('--out-dir', str(tmp_path)),
        ]
    )
    result = json.loads((tmp_path / 'benchmark.json').read_text())
    large, small = (x['rows'] for x in result['settings'])
    rows = cells_of(capsys.readouterr().out)
    sizes = ['128 x 64', '64 x 64']
    assert rows['size'] == rows['peak of tensors, MiB'] == sizes
    assert rows['`auto`'] == [
        f'{x[1]["peak_bytes"] / 2**20:.1f}' for x in (large, small)
    ]
    assert large[0]['peak_bytes'] > 1.5 * small[0]['peak_bytes']
    for axis, row in zip(picture.draw(result).axes, (large, small)):
        widths = [bars[1].get_width() for bars in axis.containers]
        stages = row[1]['stage_seconds'].values()
        assert widths == pytest.approx([1e3 * x for x in stages])
