"""Two processes give what one gives."""

import json
import zipfile
from pathlib import Path

import mmengine
import pytest
import torch

SCRIPT = Path(__file__).with_name('two_ranks.py')


@pytest.fixture(scope='module')
def one_process(run, tmp_path_factory):
    """Losses and gradients by one process, of whole maps."""
    path = tmp_path_factory.mktemp('one') / 'found.pt'
    run(SCRIPT, path, 'dense', processes=1)
    return torch.load(path)


@pytest.fixture(
    scope='module',
    params=[('dense', 2, 1), ('selective', 2, 1), ('selective', 4, 2)],
    ids=['dense', 'selective', 'four on two machines'],
)
def results(run, one_process, tmp_path_factory, request):
    """Losses and gradients by one and by several processes."""
    path = tmp_path_factory.mktemp('two') / 'found.pt'
    forward, processes, machines = request.param
    run(SCRIPT, path, forward, processes=processes, machines=machines)
    return one_process, torch.load(path)


@pytest.mark.slow
def test_losses(results):
    one, two = (x['losses'] for x in results)
    assert one.keys() == two.keys()
    for name in ('loss', *(x for x in one if x.startswith('loss_'))):
        torch.testing.assert_close(one[name], two[name], rtol=1e-5, atol=1e-6)
    assert one['stc_removed'] > 0 and one['loss_bbox_fs'] > 0


@pytest.mark.slow
def test_gradients(results):
    one, two = (x['grads'] for x in results)
    for name, grad in one.items():
        scale = grad.abs().max().clamp(min=1e-6)
        worst = (grad - two[name]).abs().max() / scale
        assert worst < 1e-5, f'{name}: {worst}'


@pytest.fixture(scope='module')
def cases(run, tmp_path_factory):
    """All of `rank_cases.py` by one and by two processes."""
    folder = tmp_path_factory.mktemp('cases')
    script = SCRIPT.with_name('rank_cases.py')
    found = []
    for ranks in (1, 2):
        run(script, folder / f'{ranks}.pt', processes=ranks)
        found.append(torch.load(folder / f'{ranks}.pt'))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    'name, terms',
    [
        ('sync_bn', 'cls_fs bbox_fs cls_ss bbox_ss'),
        ('no_faces_in_one', 'cls_fs bbox_fs cls_ss bbox_ss'),
        ('no_faces', 'cls_fs bbox_fs cls_ss bbox_ss'),
        ('str_positives_in_one', 'cls_fs bbox_fs cls_ss bbox_ss'),
        ('str_off', 'cls_fs cls_ss bbox_ss'),
        ('stc_off', 'bbox_fs cls_ss bbox_ss'),
        ('both_off', 'cls_ss bbox_ss'),
        ('two_necks_stc_off', 'bbox_fs cls_ss bbox_ss'),
        ('pruned_and_frozen', 'cls_fs bbox_fs cls_ss bbox_ss'),
    ],
)
def test_processes_that_differ(cases, name, terms):
    """No process waits for another, and all give what one gives."""
    one, two = (x[name] for x in cases)
    expected = {'loss', *(f'loss_{x}' for x in terms.split())}
    assert one['losses'].keys() == two['losses'].keys() == expected
    for key, value in one['losses'].items():
        torch.testing.assert_close(two['losses'][key], value)
        assert (value > 0) == (name != 'no_faces' or 'bbox' not in key)
    for key, grad in one['grads'].items():
        assert grad is not None and two['grads'][key] is not None, key
        worst = (grad - two['grads'][key]).abs().max()
        assert worst <= 1e-3 * grad.abs().max().clamp(min=1e-6), key


@pytest.mark.slow
def test_face_metrics(run, tmp_path):
    """Every process gets the numbers of one, and the first writes the zip."""
    texts, zips = [], []
    script = SCRIPT.with_name('face_metrics.py')
    for ranks, machines in ((1, 1), (2, 1), (4, 2)):
        folder = tmp_path / str(ranks)
        folder.mkdir()
        run(script, folder, processes=ranks, machines=machines)
        texts += [(folder / f'{x}.json').read_text() for x in range(ranks)]
        zips.append([])
        for name in ('wider', 'dark'):
            with zipfile.ZipFile(folder / f'{name}.zip') as archive:
                zips[-1] += [(x, archive.read(x)) for x in archive.namelist()]
    assert len(texts) == 7 and len(set(texts)) == 1
    assert zips[0] == zips[1] == zips[2] and len(zips[0]) == 14
    numbers = json.loads(texts[0])
    assert 0 < numbers['wider_face/all'] < 1
    assert 0 < numbers['dark_face/ap'] < 1
    assert 'wider_face/all_low' in numbers


@pytest.mark.slow
def test_metrics(run, trained, tmp_path):
    """Two processes test eight images: as many each, and all of them once."""
    found = []
    for ranks in (None, 2):
        folder = tmp_path / str(ranks)
        args = ['--work-dir', folder, '--out', tmp_path / f'{ranks}.pkl']
        if ranks:
            args += ['--launcher', 'pytorch']
        config, checkpoint = trained.config, trained.checkpoint
        run('tools/test.py', config, checkpoint, *args, processes=ranks)
        (log,) = folder.glob('*/*.json')
        found.append(mmengine.load(log)['pascal_voc/mAP'])
    assert found[0] == found[1] == pytest.approx(trained.ap50, abs=1e-3)
    one, two = (mmengine.load(tmp_path / f'{r}.pkl') for r in (None, 2))
    assert [x['img_path'] for x in one] == [x['img_path'] for x in two]
