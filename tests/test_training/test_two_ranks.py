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


@pytest.fixture(scope='module', params=['dense', 'selective'])
def results(run, one_process, tmp_path_factory, request):
    """Losses and gradients by one and by two processes."""
    path = tmp_path_factory.mktemp('two') / 'found.pt'
    run(SCRIPT, path, request.param, processes=2)
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
        assert worst < 1e-3, f'{name}: {worst}'


@pytest.mark.slow
def test_face_metrics(run, tmp_path):
    """Every process gets the numbers of one, and the first writes the zip."""
    texts, zips = [], []
    for ranks in (1, 2):
        folder = tmp_path / str(ranks)
        folder.mkdir()
        run(SCRIPT.with_name('face_metrics.py'), folder, processes=ranks)
        texts += [(folder / f'{x}.json').read_text() for x in range(ranks)]
        zips.append([])
        for name in ('wider', 'dark'):
            with zipfile.ZipFile(folder / f'{name}.zip') as archive:
                zips[-1] += [(x, archive.read(x)) for x in archive.namelist()]
    assert texts[0] == texts[1] == texts[2]
    assert zips[0] == zips[1] and len(zips[0]) == 14
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
