"""The inference benchmark: counts by hand, and tables."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.speed import __main__ as tool
from benchmarks.speed import (
    imposed_cells,
    inputs,
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
                *('--json', str(out / 'benchmark.json'), *FEW),
                *('--iters', '2'),
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
    rows = rows_of(result, share)
    first = rows['published']['seconds']
    for row in rows.values():
        assert 0 < row['seconds_min'] <= row['seconds'] <= row['seconds_max']
        assert row['ratio'] == pytest.approx(row['seconds'] / first)
        assert (
            sum(row['stage_multiply_adds'].values()) == (row['multiply_adds'])
        )
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


def tables_of(text):
    """Rows of each table by their first cell, by that of its head."""
    tables = {}
    for block in text.split('\n\n'):
        if block.startswith('|'):
            head, _, *rows = (
                [x.strip() for x in line.strip('|').split('|')]
                for line in block.splitlines()
            )
            tables[head[0]] = {x[0]: x[1:] for x in (head, *rows)}
    return tables


def shown(seconds):
    return f'{1e3 * seconds:.{0 if seconds >= 0.01 else 1}f}'


@pytest.mark.parametrize('share', SHARES)
def test_tables_of_a_share(run, share):
    result = run[1]
    found = tables_of(tables.text(result))
    name = f'64x96, {100 * share:g} % of the cells active'
    costs, stages = found[name], found[f'{name}, ms']
    assert costs[name][2] == 'share of `published`'
    for variant, row in rows_of(result, share).items():
        cells = costs[f'`{variant}`']
        spread = (shown(row[f'seconds_{x}']) for x in ('min', 'max'))
        assert cells == [
            shown(row['seconds']),
            '-'.join(spread),
            f'{row["ratio"]:.2f}',
            f'{row["multiply_adds"] / 1e9:.1f}',
            f'{row["boxes"]:.0f}',
            f'{row["peak_bytes"] / 2**20:.1f}',
        ]
        assert stages[f'`{variant}`'] == [
            shown(x) for x in row['stage_seconds'].values()
        ]
    assert list(row['stage_seconds']) == stages[f'{name}, ms']
    assert not any('% of the cells,' in x for x in found)  # it is imposed


def test_tables_of_photos(run):
    """Of which cells the second step is computed."""
    result = json.loads((run[0] / 'benchmark.json').read_text())
    setting = dict(result['settings'][0], imposed=None, size='9 photos')
    text = tables.text(dict(result, settings=[setting], imposed=None))
    found = tables_of(text)
    (levels,) = setting['active'].values()
    rows = found['% of the cells, 9 photos']
    active = rows['get boxes']
    assert active == [f'{100 * x["boxes"]:.1f}' for x in levels]
    assert rows['survive the first step'] == [*active[:3], '', '', '']
    assert '`dense`' in found['9 photos']
    assert 'discs' not in text and 'threads: 1' in text


def test_several_sizes_and_models(root, tmp_path, capsys):
    """Tables for each; names of models no longer than needed."""
    other = tmp_path / 'other_mobilenetv2_fpn_1xb16-10e_facemask.py'
    other.write_text(f'_base_ = {str(root / LIGHT)!r}')
    tool.main(
        [
            *(str(root / LIGHT), str(other), '--size', '128x64', '64', *FEW),
            *('--impose-active', '0.1', '--variants', 'dense'),
            *('--memory', '--json', str(tmp_path / 'benchmark.json')),
        ]
    )
    result = json.loads((tmp_path / 'benchmark.json').read_text())
    large, small = (x['rows'] for x in result['settings'])
    assert large[0]['peak_bytes'] > 1.5 * small[0]['peak_bytes']
    found = tables_of(capsys.readouterr().out)
    for size, rows in (('128x64', large), ('64x64', small)):
        cells = found[f'{size}, 10 % of the cells active']
        for name, row in zip(('`srn dense`', '`other dense`'), rows):
            assert cells[name][-1] == f'{row["peak_bytes"] / 2**20:.1f}'
