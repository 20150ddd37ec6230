"""Results on disk: whole, of this very test, or not at all."""

from types import SimpleNamespace

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmsrn.engine.runner.result_store import ResultStore, fingerprint


def sample(score):
    result = DetDataSample(metainfo=dict(img_path='a.jpg', protocol='O'))
    result.pred_instances = InstanceData(
        bboxes=torch.rand(3, 4), scores=torch.full((3,), score)
    )
    return result


@pytest.fixture
def log(monkeypatch):
    lines = []
    monkeypatch.setattr(
        'mmsrn.engine.runner.result_store.print_log',
        lambda text, logger, level: lines.append(text),
    )
    return lines


def test_comes_back_as_it_was(tmp_path):
    store = ResultStore(tmp_path / 'new/folder')
    assert store.indices() == set()
    kept = {index: sample(index / 10) for index in (0, 3, 1_234_567)}
    for index, result in kept.items():
        store.save(index, result)
    again = ResultStore(tmp_path / 'new/folder')
    assert again.indices() == set(kept)
    for index, result in kept.items():
        found = again.load(index)
        assert found.metainfo == result.metainfo
        assert found.pred_instances.bboxes.equal(result.pred_instances.bboxes)
        assert found.pred_instances.scores.equal(result.pred_instances.scores)


def test_what_is_not_finished_is_not_there(tmp_path, monkeypatch):
    store = ResultStore(tmp_path)

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr('os.replace', die)
    with pytest.raises(KeyboardInterrupt):
        store.save(0, sample(0.5))
    assert store.indices() == set()
    # Of a process that was killed.
    (tmp_path / '.000001.77.safetensors').touch()
    (tmp_path / 'notes.safetensors').touch()
    assert store.indices() == set()
    assert [x.name for x in tmp_path.iterdir()] == ['notes.safetensors']


@pytest.mark.parametrize('content', [b'', b'garbage', b'\x80\x04.'])
def test_damaged_file(tmp_path, log, content):
    (tmp_path / '000000.safetensors').write_bytes(content)
    assert ResultStore(tmp_path).load(0) is None
    assert '000000.safetensors: not readable' in log[0]


def test_no_room(tmp_path, log):
    (tmp_path / 'file').touch()
    store = ResultStore(tmp_path / 'file')
    for index in range(3):
        store.save(index, sample(0.5))
    (line,) = log
    assert 'results cannot be kept' in line


class Images:
    def __init__(self, *paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def get_data_info(self, index):
        return dict(img_path=self.paths[index])


def runner(**changes):
    cfg = Config(
        dict(
            model=dict(type='A', test_cfg=dict(score_thr=0.1)),
            test_dataloader=dict(
                dataset=dict(pipeline=[dict(type='Resize', scale=640)]),
                num_workers=2,
            ),
            test_cfg=dict(type='TestLoop'),
        )
    )
    cfg.merge_from_dict(changes)
    torch.manual_seed(0)
    return SimpleNamespace(cfg=cfg, model=torch.nn.BatchNorm1d(2))


def test_fingerprint_of_the_same_test():
    name = fingerprint(runner(), Images('a', 'b'))
    assert len(name) == 16
    same = {
        'test_cfg.type': 'ResumableTestLoop',
        'test_cfg.resume': True,
        'test_dataloader.num_workers': 0,
        'model.max_pixels': 99,
        'work_dir': 'elsewhere',
    }
    assert fingerprint(runner(**same), Images('a', 'b')) == name
    wrapped = runner()
    parallel = torch.nn.parallel.DataParallel(wrapped.model)
    wrapped.model = parallel
    assert fingerprint(wrapped, Images('a', 'b')) == name


def test_fingerprint_of_another_test():
    images = Images('a', 'b')
    others = [runner() for _ in range(2)]
    others[0].model.weight.data[0] += 1e-3
    others[1].model.num_batches_tracked += 1
    others += [
        runner(**{key: value})
        for key, value in {
            'model.type': 'B',
            'model.test_cfg.score_thr': 0.2,
            'test_dataloader.dataset.pipeline': [],
            'test_dataloader.batch_size': 2,
            'test_cfg.fp16': True,
        }.items()
    ]
    names = {fingerprint(x, images) for x in [runner(), *others]}
    assert len(names) == 1 + len(others)
    for other in (Images('a'), Images('b', 'a'), Images('a', 'c')):
        assert fingerprint(runner(), other) not in names
    assert len(fingerprint(runner(), [1, 2])) == 16  # of any data set


def test_half_precision_weights():
    half = runner()
    half.model.to(torch.bfloat16)
    assert fingerprint(half, Images('a')) != fingerprint(runner(), Images('a'))
