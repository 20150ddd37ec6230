"""Browsing a data set shows what the training uses, or says what is wrong."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from demo.synthetic_faces import write_synthetic_wider_face
from mmsrn.utils import register_all_modules
from mmsrn.visualization import NetworkView, read_assignment
from mmsrn.visualization.network_view import keeps_boxes, load_sample

DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
ROOT_KEY = 'train_dataloader.dataset.data_root'


@pytest.fixture
def tool(load_tool):
    return load_tool('analysis_tools/browse_dataset.py')


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
    root = tmp_path_factory.mktemp('drawn') / 'set'
    write_synthetic_wider_face(root, 5, 3, size=(90, 110), progress=False)
    return root


@pytest.fixture
def browse(tool, root, drawn, tmp_path):
    """Function that runs the tool and returns its pictures by name."""

    def run(*args, config=root / DEMO, out=tmp_path / 'out'):
        options = ['--cfg-options']
        options += [
            f'{split}_dataloader.dataset.data_root={drawn}'
            for split in ('train', 'val')
        ]
        tool.main([str(config), '--output-dir', str(out), *args, *options])
        return {x.name: x for x in sorted(out.iterdir())}

    return run


@pytest.fixture
def cfg(root, drawn):
    register_all_modules()
    cfg = Config.fromfile(root / DEMO)
    cfg.train_dataloader.dataset.data_root = str(drawn)
    return cfg


@pytest.fixture
def model(cfg):
    """Small SRN whose first step moves anchors and drops negatives."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    torch.nn.init.normal_(model.bbox_head.conv_reg.weight, std=0.03)
    torch.nn.init.normal_(model.bbox_head.conv_cls.weight, std=0.1)
    return model.eval()


def test_files(browse, capsys):
    found = browse('--num', '2')
    stems = [name[:-4] for name in found if '_step' not in name]
    assert len(stems) == 2
    assert sorted(found) == sorted(
        f'{stem}{end}.png'
        for stem in stems
        for end in ('', '_step1', '_step2')
    )
    for file in found.values():
        assert cv2.imread(str(file)).shape == (960, 960 + 350, 3)
    out = capsys.readouterr().out
    assert 'step 1: ' in out and 'step 2: ' in out and 'Pictures: ' in out


def test_no_more_samples_than_there_are(browse):
    assert len(browse('--num', '99')) == 3 * 5


def test_other_split(browse):
    assert len(browse('--num', '99', '--split', 'val')) >= 3 * 3


def test_seed(browse, tmp_path):
    """A sample depends on the seed, not on how many others are drawn."""

    def draw(name, *args):
        found = browse(*args, out=tmp_path / name)
        return {
            x: file.read_bytes()
            for x, file in found.items()
            if '_step' not in x
        }

    some, every = draw('a', '--num', '2'), draw('b', '--num', '5')
    assert len(some) == 2 and some.items() <= every.items()
    other = draw('c', '--num', '5', '--seed', '1')
    assert not set(other.values()) & set(every.values())


@pytest.mark.parametrize('divisor', [1, 80])
def test_image_as_the_network_gets_it(tool, cfg, divisor):
    cfg.model.data_preprocessor.pad_size_divisor = divisor
    dataset = tool.build_dataset(cfg, 'train')
    data = load_sample(dataset, 0, seed=0)
    gen = torch.Generator().manual_seed(0)
    data['inputs'] = torch.randint(256, (3, 192, 192), generator=gen).byte()
    seen = NetworkView(cfg.model)(data)
    pixels = data['inputs'].permute(1, 2, 0).numpy()  # BGR, as loaded
    np.testing.assert_array_equal(seen.image[:192, :192], pixels)
    size = 240 if divisor == 80 else 192
    assert seen.image.shape == (size, size, 3)
    # Zeros after the normalisation are the mean colour.
    assert (seen.image[192:] == [104, 116, 124]).all()


def test_assignment_is_that_of_the_training(tool, cfg, model):
    """Counts against what the loss itself logs for the same image."""
    dataset = tool.build_dataset(cfg, 'train')
    dropped = 0
    for index in range(3):
        data = load_sample(dataset, index, seed=0)
        batch = model.data_preprocessor(pseudo_collate([data]), True)
        with torch.no_grad():
            log = model(**batch, mode='loss')
            outputs = model.bbox_head(model.extract_feat(batch['inputs']))
        sample = batch['data_samples'][0]
        first, second = read_assignment(model.bbox_head, sample, outputs)
        assert second.moved and not first.moved
        for step, key in ((first, 'pos_fs'), (second, 'pos_ss')):
            count = sum(level.positive.sum() for level in step.levels)
            assert count == log[key].item() > 0
        removed = [x.dropped for x in second.levels if x.level < 3]
        dropped += np.concatenate(removed).sum()
        assert np.concatenate(removed).sum() == log['stc_removed'].item()
        assert all(x.dropped is None for x in second.levels[3:])
        # Only the levels of STR have moved.
        plain = read_assignment(model.bbox_head, sample)[1]
        assert not plain.moved
        same = [
            np.array_equal(x.anchors, y.anchors)
            for x, y in zip(plain.levels, second.levels)
        ]
        assert same == [True] * 3 + [False] * 3
    assert dropped > 100, 'a gate that drops nothing tests nothing'


def test_checkpoint(browse, model, tmp_path):
    file = tmp_path / 'net.pth'
    torch.save({'state_dict': model.state_dict()}, file)
    with_net = browse('--num', '1', '--checkpoint', str(file))
    without = browse('--num', '1', out=tmp_path / 'without')
    same = [
        with_net[name].read_bytes() == without[name].read_bytes()
        for name in without
    ]
    assert same == [True, True, False]  # image, first step, second step


def test_head_of_another_kind(browse, cfg, tool, drawn, tmp_path, fails):
    """Any detector's config: boxes alone."""
    cfg.model = dict(type='RetinaNet', bbox_head=dict(type='RetinaHead'))
    config = tmp_path / 'retina.py'
    cfg.dump(config)
    found = browse('--num', '1', config=config)
    assert len(found) == 1
    args = (config, '--output-dir', tmp_path)
    option = f'{ROOT_KEY}={drawn}'
    error = fails(tool, *args, '--checkpoint', config, '--cfg-options', option)
    assert 'an SRNHead with a train_cfg, and model.bbox_head is' in error


def test_split_without_annotations(cfg, browse, tmp_path):
    pipeline = cfg.val_dataloader.dataset.pipeline
    cfg.val_dataloader.dataset.pipeline = [
        x for x in pipeline if x.type != 'LoadAnnotations'
    ]
    config = tmp_path / 'bare.py'
    cfg.dump(config)
    assert len(browse('--num', '1', '--split', 'val', config=config)) == 3


@pytest.mark.parametrize('late', [True, False])
def test_boxes_of_an_enlarged_test_image(cfg, tool, late):
    """Are where the faces are, whenever annotations are loaded."""
    cfg.val_dataloader.dataset.data_root = (
        cfg.train_dataloader.dataset.data_root
    )
    load, resize, annotate, pack = cfg.val_dataloader.dataset.pipeline
    resize = dict(
        type='ProtocolResize', scale_factor=(2.0, 3.0), keep_ratio=False
    )
    parts = [resize, annotate] if late else [annotate, resize]
    cfg.val_dataloader.dataset.pipeline = [load, *parts, pack]
    dataset = tool.build_dataset(cfg, 'val')
    faces = 0
    assert keeps_boxes(cfg.val_dataloader.dataset) == late
    view = NetworkView(cfg.model, training=False, scale_boxes=late)
    for index, data in enumerate(dataset):
        seen = view(data)
        info = dataset.get_data_info(index)
        boxes = np.array([x['bbox'] for x in info['instances']], float)
        boxes = boxes.reshape(-1, 4)
        assert seen.image.shape == (3 * info['height'], 2 * info['width'], 3)
        np.testing.assert_allclose(seen.boxes, boxes * [2, 3, 2, 3], rtol=1e-6)
        faces += len(boxes)
    assert faces > 5


def test_only_ignored_faces(cfg, tool):
    dataset = tool.build_dataset(cfg, 'train')
    data = load_sample(dataset, 0, seed=0)
    sample = data['data_samples']
    sample.ignored_instances = sample.gt_instances
    sample.gt_instances = sample.gt_instances[:0]
    seen = NetworkView(cfg.model)(data)
    assert len(seen.ignored) and not len(seen.boxes)
    for step in seen.steps:
        assert not any(level.positive.any() for level in step.levels)
        assert any(level.ignored.any() for level in step.levels)


def test_no_half_pictures(browse, tmp_path, monkeypatch, capsys):
    write, calls = cv2.imwrite, []

    def fail_at_second(path, image):
        calls.append(path)
        if len(calls) < 2:
            return write(path, image)
        with open(path, 'wb') as file:
            file.write(b'half')
        return False

    monkeypatch.setattr(cv2, 'imwrite', fail_at_second)
    with pytest.raises(SystemExit) as ended:
        browse('--num', '2')
    assert ended.value.code == 2
    assert 'cannot be written' in capsys.readouterr().err
    (file,) = (tmp_path / 'out').iterdir()
    assert cv2.imread(str(file)) is not None


def test_wrong_arguments(tool, root, tmp_path, fails, monkeypatch):
    monkeypatch.chdir(tmp_path)  # away from data of a demo that was run
    config = root / DEMO
    base = (config, '--output-dir', tmp_path)
    assert 'did you mean' in fails(tool, f'{config}'[:-4] + '.py')
    assert 'invalid choice' in fails(tool, *base, '--split', 'vale')
    assert 'whole number of at least 1' in fails(tool, *base, '--num', '0')
    assert 'KEY=VALUE' in fails(tool, *base, '--cfg-options', 'seed')
    error = fails(tool, *base, '--checkpoint', tmp_path / 'no.pth')
    assert 'no.pth is not a file' in error
    error = fails(tool, *base, '--cfg-options', 'val_dataloader=None')
    assert ROOT_KEY in error  # the demo's own folder is not there


def test_wrong_data(tool, root, drawn, tmp_path, fails):
    def error(*options, split='train'):
        args = (root / DEMO, '--split', split, '--output-dir', tmp_path / 'o')
        options = [f'{ROOT_KEY}={drawn}', *options]
        return fails(tool, *args, '--cfg-options', *options)

    key = 'train_dataloader.dataset'
    missing = tmp_path / 'missing'
    found = error(f'{ROOT_KEY}={missing}')
    assert f'data folder {missing} does not exist' in found
    assert 'data/README.md' in found and f'{ROOT_KEY}=DIR' in found
    assert 'gt.txt: no such file' in error(f'{key}.ann_file=gt.txt')
    found = error('val_dataloader=None', split='val')
    assert 'no val_dataloader; use --split train or test' in found
    found = error(f'{key}.filter_cfg.min_size=1000')
    assert 'has no image' in found and 'filter_cfg' in found
    assert not (tmp_path / 'o').exists()


def test_wrapped_data_set(cfg, tool, drawn, tmp_path, browse, fails):
    inner = cfg.train_dataloader.dataset
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset', times=2, dataset=inner
    )
    cfg.train_dataloader.dataset.dataset.data_root = str(tmp_path / 'no')
    config = tmp_path / 'repeat.py'
    cfg.dump(config)
    args = (config, '--output-dir', tmp_path / 'o')
    assert f'{tmp_path / "no"} does not exist' in fails(tool, *args)
    option = f'train_dataloader.dataset.dataset.data_root={drawn}'
    cfg.merge_from_dict(dict([option.split('=')]))
    assert len(tool.build_dataset(cfg, 'train')) == 10


def test_images_that_vanished(browse, drawn, tool, root, tmp_path, fails):
    import shutil

    copy = shutil.copytree(drawn, tmp_path / 'copy')
    args = (root / DEMO, '--output-dir', tmp_path / 'o', '--cfg-options')
    option = f'{ROOT_KEY}={copy}'
    tool.main([str(x) for x in (*args, option, '--num', 1)])  # keeps sizes
    images = sorted((copy / 'WIDER_train/images').rglob('*.jpg'))
    for image in images[1:]:
        image.unlink()
    error = fails(tool, *args, option)
    assert '.jpg: no such image, but the annotations name it' in error
    for image in images[1:]:
        image.write_bytes(images[0].read_bytes()[:500])  # cut off
    error = fails(tool, *args, option)
    assert '.jpg: not a readable image: Truncated File Read' in error
    program = Path(sys.argv[0]).name  # by default that of the process
    assert error.splitlines()[-1].startswith(f'{program}: error: ')


def test_settings_and_config(tool, root, tmp_path, fails, monkeypatch):
    """As train.py takes them."""
    monkeypatch.chdir(tmp_path)  # away from data of a demo that was run
    args = (root / DEMO, '--output-dir', tmp_path, '--cfg-options')
    error = fails(tool, *args, 'optim_wraper.a=1')
    assert 'did you mean optim_wrapper.a?' in error
    assert 'does not fit' in fails(tool, *args, 'train_cfg.max_epochs.a=1')
    assert 'theta has no effect' in fails(tool, *args, 'theta=0.5')
    config = tmp_path / 'own.py'
    config.write_text('model = dict(')
    error = fails(tool, config, '--output-dir', tmp_path)
    assert f'config {config}: cannot be loaded: SyntaxError' in error


def test_checkpoint_of_another_model(tool, root, drawn, tmp_path, fails):
    args = [root / DEMO, '--output-dir', tmp_path, '--cfg-options']
    args += [f'{ROOT_KEY}={drawn}', '--checkpoint']
    file = tmp_path / 'net.pth'
    torch.save({'state_dict': {'a.weight': torch.zeros(1)}}, file)
    assert 'net.pth is none of this model' in fails(tool, *args, file)
    file.write_text('no checkpoint')
    assert 'net.pth cannot be read' in fails(tool, *args, file)
