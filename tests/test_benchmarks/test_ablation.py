"""Ablations: what is run, what is skipped, and the numbers in the table."""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.model import BaseModel

from benchmarks.ablation import __main__ as ablation
from benchmarks.ablation import numbers, runs, table
from benchmarks.ablation.runs import Run
from benchmarks.dark_face.experiments import read_test_set
from demo.synthetic_faces import write_synthetic_wider_face

DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
SUFFIX = '_r50_fpn_8xb4-130e_widerface'
# By config and seed: AP of hard, false positives at 95 %.
RESULTS = {
    'stc_0': (0.90, 10),
    'stc_1': (0.92, 30),
    'baseline_0': (0.88, 50),
    'baseline_1': (0.88, float('nan')),
}
# In place of tools/train.py and tools/test.py; `broken` names what fails.
FAKE = """
import json, sys
from pathlib import Path
config, folder = Path(sys.argv[1]), sys.argv[sys.argv.index('--work-dir') + 1]
folder = Path(folder)
what = Path(__file__).stem
with open('calls.txt', 'a') as file:
    print(json.dumps([what, *sys.argv[1:]]), file=file)
run = folder if what == 'train' else folder.parent
key = config.stem.split('_')[0] + '_' + run.name[-1]
if Path('broken').is_file() and Path('broken').read_text() == what + key:
    print('RuntimeError: out of luck\\n')
    sys.exit(3)
(folder / 'T/vis_data').mkdir(parents=True, exist_ok=True)
if what == 'train':
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_9.pth'))
    log = [
        dict(lr=1, step=900, time=1.0, stc_removed_ratio=0.1),
        dict(lr=1, step=1700, time=2.0, stc_removed_ratio=0.6),
        dict(lr=1, step=1800, time=3.0, stc_removed_ratio=0.8),
    ]
    text = '\\n'.join(map(json.dumps, log))
    (folder / 'T/vis_data/scalars.json').write_text(text)
else:
    hard, fp = RESULTS[key]
    numbers = {'wider_face/hard': hard, 'wider_face/hard_fp@95': fp}
    numbers.update(protocol='O', time=1.5, data_time=0.1)
    (folder / 'T/T.json').write_text(json.dumps(numbers))
"""


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """The tool, in a folder with data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'data').mkdir()
    return ablation


@pytest.fixture
def fake(tool, tmp_path, monkeypatch):
    """Trainings and tests that only pretend to be some."""
    text = f"RESULTS = json.loads('{json.dumps(RESULTS)}')\n"
    head, body = FAKE.split('config, folder', 1)
    for name in ('train', 'test'):
        path = tmp_path / f'{name}.py'
        path.write_text(f'{head}{text}config, folder{body}')
        monkeypatch.setattr(runs, name.upper(), path)


@pytest.fixture
def configs(root, tmp_path):
    """Two configs, by names for which there are published numbers."""
    paths = []
    for name, levels in (('baseline', ()), ('stc', (0, 1, 2))):
        loaders = {
            f'{x}_dataloader': dict(dataset=dict(data_root='data/'))
            for x in ('train', 'val', 'test')
        }
        cfg = dict(
            _base_=str(root / DEMO),
            model=dict(bbox_head=dict(stc_levels=levels)),
            test_evaluator=dict(_delete_=True, type='WiderFaceMetric'),
            **loaders,
        )
        path = tmp_path / f'{name}{SUFFIX}.py'
        Config(cfg).dump(path)
        paths.append(str(path))
    return paths


@pytest.fixture
def calls(tmp_path):
    """Function that returns what was called since it was asked before."""

    def read():
        path = tmp_path / 'calls.txt'
        if not path.exists():
            return []
        lines = path.read_text().splitlines()
        path.unlink()
        return [json.loads(x) for x in lines]

    return read


def runs_of(calls):
    """Such as ``'train stc 0'``."""
    words = []
    for what, config, *rest in calls:
        folder = rest[rest.index('--work-dir') + 1]
        seed = re.search(r'seed_(\d)', folder)[1]
        name = config.rsplit('/', 1)[1].split('_')[0]
        words.append(f'{what} {name} {seed}')
    return words


def arguments(configs, *more):
    return [*configs, '--seeds', '0', '1', '--work-dir', 'out', *more]


def test_all_runs_and_their_numbers(
    tool, fake, configs, calls, tmp_path, capsys
):
    options = ['--cfg-options', 'model.test_cfg.score_thr=0.1']
    tool.main(arguments(configs, *options))
    done = calls()
    assert runs_of(done) == [
        f'{what} {name} {seed}'
        for name in ('baseline', 'stc')
        for seed in (0, 1)
        for what in ('train', 'test')
    ]
    folder = tmp_path / f'out/stc{SUFFIX}/seed_1'
    assert done[-2] == [
        *['train', configs[1], '--work-dir', str(folder), '--resume'],
        *['--cfg-options', 'randomness.seed=1', options[1]],
    ]
    assert done[-1] == [
        *['test', configs[1], str(folder / 'epoch_9.pth')],
        *['--work-dir', str(folder / 'test')],
        *['--out', str(folder / 'detections.pkl')],
        *[*options, 'test_evaluator.extras=iou,fp'],
    ]

    table = json.loads((tmp_path / 'out/ablation.json').read_text())
    stc = table[f'stc{SUFFIX}']
    assert stc['seeds'] == [0, 1]
    hard = stc['numbers']['wider_face/hard']
    assert hard['values'] == [0.90, 0.92]
    assert hard['mean'] == pytest.approx(0.91)
    assert hard['deviation'] == pytest.approx(0.02 / 2**0.5)
    assert hard['published'] == 0.894
    fp = stc['numbers']['wider_face/hard_fp@95']
    assert (fp['mean'], fp['published']) == (20, None)
    # 1,800 iterations of 2 seconds; the last tenth begins after 1,620.
    assert stc['numbers']['training hours']['mean'] == pytest.approx(1)
    ratio = stc['numbers']['stc_removed_ratio']['mean']
    assert ratio == pytest.approx(0.7)
    assert 'time' not in stc['numbers']
    # In the order of the table: the first config has no such number.
    shown = capsys.readouterr().out
    assert shown.index('stc_removed_ratio') < shown.index('training hours')
    baseline = table[f'baseline{SUFFIX}']['numbers']
    assert baseline['wider_face/hard']['deviation'] == 0
    # A recall that one seed has not reached has no mean.
    assert baseline['wider_face/hard_fp@95']['values'] == [50, None]
    assert baseline['wider_face/hard_fp@95']['mean'] is None
    assert (
        stc['numbers']['million parameters']['mean']
        > baseline['million parameters']['mean']
        > 0
    )
    assert 'GFLOPs at 640 x 640' in baseline

    assert re.search(r'^\| +\| +baseline \| +stc \|$', shown, re.M)
    assert re.search(
        r'^\| wider_face/hard +\| +0\.8800 \| +0\.9100 \+- 0\.0141 \|$',
        shown,
        re.M,
    )
    assert re.search(
        r'^\| published +\| +0\.8800 \| +0\.8940 \|$', shown, re.M
    )
    assert re.search(
        r'^\| wider_face/hard_fp@95 +\| +- \| +20\.00 \+-', shown, re.M
    )


def test_finished_runs_are_skipped(tool, fake, configs, calls, capsys):
    tool.main([configs[0], '--work-dir', 'out'])
    assert runs_of(calls()) == ['train baseline 0', 'test baseline 0']
    tool.main([configs[0], '--work-dir', 'out'])
    assert calls() == []
    assert '1 runs, 1 of them finished' in capsys.readouterr().out
    tool.main(arguments(configs))
    assert 'train baseline 0' not in runs_of(calls())


@pytest.mark.parametrize('what', ['train', 'test'])
def test_failed_runs(tool, fake, configs, calls, tmp_path, capsys, what):
    (tmp_path / 'broken').write_text(f'{what}baseline_1')
    with pytest.raises(SystemExit) as ended:
        tool.main(arguments(configs))
    assert ended.value.code == 1
    assert runs_of(calls())[-1] == 'test stc 1'  # the others are done
    out, err = capsys.readouterr()
    run = f'baseline{SUFFIX}, seed 1'
    name = dict(train='training', test='test')[what]
    log = tmp_path / f'out/baseline{SUFFIX}/seed_1/{name}.log'
    assert err.strip().splitlines()[-1] == (
        f'benchmarks.ablation: failed: {run}: {name} ended with '
        f'exit status 3; {log} ends with: RuntimeError: out of luck'
    )
    table = json.loads((tmp_path / 'out/ablation.json').read_text())
    assert table[f'baseline{SUFFIX}']['seeds'] == [0]

    (tmp_path / 'broken').unlink()
    tool.main(arguments(configs))
    expected = ['train baseline 1', 'test baseline 1']
    assert runs_of(calls()) == expected[what == 'test' :]
    table = json.loads((tmp_path / 'out/ablation.json').read_text())
    assert table[f'baseline{SUFFIX}']['seeds'] == [0, 1]


def test_interruption(tool, fake, configs, calls, monkeypatch, capsys):
    """The same command goes on: a training with what it has left."""
    run = subprocess.run

    def stop(command, **kwargs):
        run(command, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs.subprocess, 'run', stop)
    with pytest.raises(SystemExit) as ended:
        tool.main(arguments(configs[:1]))
    assert ended.value.code == 130
    assert 'the same command goes on' in capsys.readouterr().err
    (before,) = calls()
    monkeypatch.setattr(runs.subprocess, 'run', run)
    tool.main(arguments(configs[:1]))
    after = calls()
    assert after[0] == before and '--resume' in before
    assert len(after) == 4


def test_other_settings_are_refused(tool, fake, configs, fails, calls):
    common = [configs[1], '--work-dir', 'out']
    tool.main(common)
    calls()
    for more in (['--tta'], ['--cfg-options', 'model.bbox_head.theta=0.9']):
        error = fails(tool, *common, *more)
        assert f'remove {tool.Path.cwd()}/out/stc{SUFFIX}/seed_0' in error
        assert 'or name another --work-dir' in error
    result = tool.Path(f'out/stc{SUFFIX}/seed_0/result.json')
    result.write_text('{')
    assert 'result.json: cannot be read' in fails(tool, *common)
    assert calls() == []


def test_test_time_augmentation_resumes(tool, fake, configs, calls):
    tool.main([configs[0], '--work-dir', 'out', '--tta'])
    _, test = calls()
    assert test[test.index('--tta') + 1] == '--resume'


@pytest.mark.slow
def test_a_job_that_is_killed_and_started_again(
    tool, root, tmp_path, monkeypatch
):
    """It goes on with the training, and tests; then there is a table."""
    write_synthetic_wider_face(
        tmp_path / 'data', 2, 1, size=(96, 96), seed=2, progress=False
    )
    options = [
        *['train_cfg.max_epochs=3', 'train_cfg.val_interval=9'],
        'default_hooks.checkpoint.interval=1',
        *['default_hooks.logger.interval=1', 'model.test_cfg.score_thr=0.0'],
        *[
            f'{x}_dataloader.dataset.data_root=data/'
            for x in ('train', 'val', 'test')
        ],
    ]
    monkeypatch.setenv('PYTHONPATH', str(root))
    given = [str(root / DEMO), '--work-dir', 'out']
    given += ['--cfg-options', *options]
    command = [sys.executable, '-m', 'benchmarks.ablation', *given]
    command += ['--run-only']
    run = tmp_path / f'out/{tool.Path(DEMO).stem}/seed_0'
    with subprocess.Popen(command, start_new_session=True) as process:
        while not (run / 'last_checkpoint').is_file():
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGTERM)
    assert not (run / 'test').exists()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    log = (run / 'training.log').read_text()
    assert re.search(r'resumed epoch: [12],', log)
    assert not (tmp_path / 'out/ablation.json').exists()  # --run-only
    tool.main(given)
    table = json.loads((tmp_path / 'out/ablation.json').read_text())
    (row,) = table.values()
    numbers = {k: x['mean'] for k, x in row['numbers'].items()}
    assert 0 <= numbers['pascal_voc/mAP'] <= 1
    assert numbers['faces/ap'] == numbers['faces/ap_iou50']
    assert 0 <= numbers['stc_removed_ratio'] <= 1
    assert numbers['pos_ss'] > 0
    assert 0 < numbers['training hours'] < 0.1
    assert numbers['GFLOPs at 640 x 640'] > 0


@pytest.mark.parametrize(
    'more, message',
    [
        (['--seeds', '1', '1'], '--seeds: each may be given once'),
        (['--cfg-options', 'x'], "--cfg-options takes KEY=VALUE, not 'x'"),
        (['--cfg-options', 'modle.x=1'], 'did you mean model.x?'),
    ],
)
def test_bad_arguments(tool, fake, configs, fails, calls, more, message):
    error = fails(tool, configs[0], '--work-dir', 'out', *more)
    assert message in error
    assert calls() == []


def test_bad_configs(tool, fake, configs, fails, tmp_path):
    (tmp_path / 'other').mkdir()
    twin = tmp_path / f'other/stc{SUFFIX}.py'
    twin.write_text('')
    assert 'two configs are called stc' in fails(tool, *configs, twin)
    assert 'did you mean' in fails(tool, f'configs/sct{SUFFIX}.py')
    (tmp_path / 'data').rmdir()
    assert 'data folder data/ does not exist' in fails(tool, *configs)


def test_help(tool):
    text = tool.make_parser().format_help()
    assert 'ablation configs/ablation/*_facemask.py --seeds 0 1' in text


def test_published_numbers_are_those_of_the_page(tool, root):
    """And belong to configs."""
    published = table.read_published()
    page = (root / 'configs/ablation/README.md').read_text()
    found = {}
    rows = re.findall(
        r'^\| \[(.*)_r50\]\(.*\) \| .* ' + 3 * r'\| ([\d.]+) ' + r'\|$',
        page,
        re.M,
    )
    for name, *aps in rows:
        found[name] = dict(zip(('easy', 'medium', 'hard'), aps))
    for part, setting, none, *aps in re.findall(
        r'^\| (STC|STR), (\w+) ' + 7 * r'\| ([\d.]+) ' + r'\|$', page, re.M
    ):
        assert found['baseline'][setting] == none
        for level, ap in enumerate(aps, 2):
            name = f'{part.lower()}-p{level}'
            found.setdefault(name, {})[setting] = ap
    for name, *aps in re.findall(
        r'^\| (\w+) ' + 4 * r'\| (\d\d\.\d) ' + r'\|$', page, re.M
    ):
        keys = [f'hard_iou{x}' for x in (50, 60, 70, 80)]
        found[name].update(zip(keys, aps))
    assert len(found) == 17
    assert published == {
        f'{name}{SUFFIX}': {
            f'wider_face/{k}': round(float(x) / 100, 3) for k, x in aps.items()
        }
        for name, aps in found.items()
    }
    for name in published:
        assert (root / f'configs/ablation/{name}.py').is_file()


def test_costs_are_those_of_the_page(tool, root):

    from mmsrn.testing.models import load_model_cfg

    page = (root / 'configs/ablation/README.md').read_text()
    rows = re.findall(
        r'^\| ([a-z-]+) \| (\d+\.\d\d) \| (\d+\.\d) \|$', page, re.M
    )
    assert len(rows) == 8
    for name, *given in rows:
        path = root / f'configs/ablation/{name}{SUFFIX}.py'
        cfg = Config(dict(model=load_model_cfg(path)))
        parameters, operations = numbers.cost(cfg, 640).values()
        assert given == [f'{parameters:.2f}', f'{operations:.1f}']


def test_table(tool):
    """Digits by size, and names no longer than needed."""
    rows = [
        table.Row(f'{x}_r50_fpn', {0: {'m/a': i / 10, 'm/b': 1234.5}})
        for i, x in enumerate(('one', 'two'))
    ]
    assert table.text_table(rows).splitlines() == [
        '|       |    one |    two |',
        '| ----- | ------ | ------ |',
        '| seeds |      1 |      1 |',
        '| m/a   | 0.0000 | 0.1000 |',
        '| m/b   |  1,234 |  1,234 |',
    ]
    assert table.short_names(['a_b']) == ['a_b']
    assert table.short_names(['xa_b', 'ya_b']) == ['xa', 'ya']


@pytest.mark.parametrize('needs_more', [False, True])
def test_cost_by_hand(tool, needs_more):
    @MODELS.register_module(force=True)
    class OneConv(BaseModel):
        def __init__(self):
            super().__init__(dict(type='DetDataPreprocessor'))
            self.conv = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)

        def forward(self, inputs, data_samples, mode):
            if needs_more:
                raise ValueError('no words to look for')
            return [self.conv(inputs), None]

    cfg = Config(dict(model=dict(type='OneConv')))
    found = numbers.cost(cfg, 32)
    expected = ((8 * 27 + 8) / 1e6, 16 * 16 * 8 * 27 / 1e9)
    if needs_more:
        expected = (expected[0], None)
    assert tuple(found.items()) == (
        ('million parameters', expected[0]),
        ('GFLOPs at 32 x 32', expected[1]),
    )


def test_cost_of_a_model_that_cannot_be_built(tool):
    model = dict(type='RootResNet', depth=18, frozen_stages=0)
    with pytest.raises(ValueError, match='RootResNet: frozen_stages=0'):
        numbers.cost(Config(dict(model=model)), 32)


def test_analyses_of_detections(tool, root, tmp_path):
    """Of a metric without any: here all faces are found, exactly."""

    write_synthetic_wider_face(
        tmp_path / 'data', 1, 2, size=(96, 96), seed=2, progress=False
    )
    cfg = Config.fromfile(root / DEMO)
    cfg.test_dataloader.dataset.data_root = 'data/'
    test_set = read_test_set(cfg)
    entries = []
    for photo in test_set.photos.values():
        faces = photo.faces
        count = len(faces)
        found = dict(
            bboxes=torch.from_numpy(faces.astype(np.float32)),
            scores=torch.linspace(0.9, 0.5, count),
            labels=torch.zeros(count, dtype=torch.long),
        )
        entries.append(dict(img_path=str(photo.path), pred_instances=found))
    run = Run('c.py', 0, tmp_path, [], [], False, 'x')
    run.dump.write_bytes(pickle.dumps(entries))
    found = numbers._analyses(run, cfg)
    assert found['faces/ap'] == found['faces/ap_iou95'] == 1
    assert found['faces/ap_fp@95'] == 0
