"""Every config: its name, and a whole run of it in miniature."""

import ast
import inspect
import os
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch
import yaml
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.runner.checkpoint import get_external_models

from demo.synthetic_faces import write_synthetic_wider_face
from mmsrn.cli.config import innermost_datasets
from mmsrn.models import BBoxVotingTTAModel

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = [
    'srn',
    'ablation',
    'refineface',
    'ainnoface',
    'retinanet',
    'darkface',
    'demo',
    'enhancers',
]
CONFIGS = [
    str(path.relative_to(ROOT))
    for folder in FOLDERS
    for path in sorted((ROOT / 'configs' / folder).glob('*.py'))
]
# Of many sources: test_people_configs.py.
CONFIGS = [path for path in CONFIGS if not path.endswith('_people.py')]
# Without a detector.
ENHANCERS = [path for path in CONFIGS if path.endswith('_dark-images.py')]
CONFIGS = [path for path in CONFIGS if path not in ENHANCERS]
# As others train, and tested under a protocol of their own ...
PROTOCOLS = [path for path in CONFIGS if re.search('srn/.*_widerface-', path)]
# ... or in the dark.
LIT = re.compile(r'darkface/(.*_(?:widerface|facemask))_.*dark')
DARK_TESTS = [path for path in CONFIGS if LIT.search(path)]
# Parts switched on and off: test_ablation_configs.py and
# test_refineface_configs.py.
ABLATIONS = [
    path
    for path in CONFIGS
    if re.search('/(ablation|refineface|ainnoface)/', path)
]
TRAINED = [
    path for path in CONFIGS if path not in PROTOCOLS + DARK_TESTS + ABLATIONS
]
# By the names that configs have for them: folders below data/.
SETS = {
    'widerface-darkface-msrcr': ['widerface', 'darkface-msrcr'],
    'facemask-facemask-dark-msrcr': ['facemask', 'facemask-dark-msrcr'],
}
LIT_BASES = {'widerface': 'widerface.py', 'facemask': 'facemask.py'}
KINDS = {
    'wider': 'WiderFace',
    'synth': 'WiderFace',
    'dark': 'DarkFace',
    'facem': 'VOCFace',
}
LAYOUTS = {'WiderFace': 'wider', 'DarkFace': 'dark', 'VOCFace': 'voc'}
SIDE = 96


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Folders with the same few images in each layout."""
    folder = tmp_path_factory.mktemp('data')
    write_synthetic_wider_face(
        folder / 'wider', 2, 1, size=(SIDE, SIDE), seed=2, progress=False
    )
    write_voc_like(folder / 'wider', folder / 'voc')
    write_dark_like(folder / 'voc', folder / 'dark')
    return folder


def write_voc_like(wider, voc):
    (voc / 'images').mkdir(parents=True)
    (voc / 'annotations').mkdir()
    for split in ('train', 'val'):
        names = []
        for image in sorted(wider.rglob(f'WIDER_{split}/**/*.jpg')):
            names.append(image.stem)
            pixels = cv2.imread(str(image))
            cv2.imwrite(str(voc / f'images/{image.stem}.jpg'), pixels)
            tree = ElementTree.Element('annotation')
            face = ElementTree.SubElement(tree, 'object')
            ElementTree.SubElement(face, 'name').text = 'with_mask'
            box = ElementTree.SubElement(face, 'bndbox')
            for key, value in dict(xmin=9, ymin=9, xmax=40, ymax=50).items():
                ElementTree.SubElement(box, key).text = str(value)
            ElementTree.ElementTree(tree).write(
                voc / f'annotations/{image.stem}.xml'
            )
        (voc / f'{split}.txt').write_text('\n'.join(names) + '\n')


def write_dark_like(voc, dark):
    for name in ('image', 'label'):
        (dark / name).mkdir(parents=True)
    for split in ('train', 'val'):
        names = (voc / f'{split}.txt').read_text()
        (dark / f'{split}.txt').write_text(names)
        for name in names.split():
            pixels = cv2.imread(str(voc / f'images/{name}.jpg'))
            cv2.imwrite(str(dark / f'image/{name}.png'), pixels // 4)
            (dark / f'label/{name}.txt').write_text('1\n8 8 40 50\n')


def kind_of(dataset):
    return dataset.type.removesuffix('Dataset')


def detector_of(cfg):
    """The detector, which may stand behind an enhancer."""
    return cfg.model.get('detector', cfg.model)


def in_miniature(cfg, data, work_dir):
    """The same run of two images, small crops and no downloads."""
    for name in ('train', 'val', 'test'):
        loader = cfg[f'{name}_dataloader']
        loader.num_workers = 0
        loader.persistent_workers = False
        for dataset in innermost_datasets(loader.dataset):
            dataset.data_root = f'{data / LAYOUTS[kind_of(dataset)]}/'
            if 'split' in dataset:
                dataset.split = 'train.txt' if name == 'train' else 'val.txt'
            for transform in dataset.pipeline:
                for key in ('scale', 'crop_size', 'size'):
                    if key in transform:
                        transform[key] = (SIDE, SIDE)
    if cfg.val_evaluator.type == 'WiderFaceMetric':
        cfg.val_evaluator.gt_dir = None  # not that of the real set
    cfg.train_dataloader.batch_size = 2
    cfg.train_cfg.max_epochs = cfg.train_cfg.val_interval = 1
    detector = detector_of(cfg)
    detector.test_cfg.score_thr = 0  # something is found
    detector.backbone.init_cfg = None
    if detector.backbone.type == 'ResNet':  # else no gradient in blocks
        detector.backbone.zero_init_residual = False
    cfg.param_scheduler = cfg.param_scheduler[1:]  # no warm-up
    cfg.default_hooks.checkpoint.update(
        interval=1000, save_best=None, save_last=False
    )
    cfg.work_dir = str(work_dir)
    cfg.load_from = None
    cfg.randomness = dict(seed=0)
    return cfg


@pytest.mark.parametrize('path', TRAINED)
def test_trains_a_step_and_predicts(path, data, tmp_path):
    cfg = in_miniature(Config.fromfile(ROOT / path), data, tmp_path)
    runner = Runner.from_cfg(cfg)
    runner.model.init_weights()
    before = {k: v.clone() for k, v in runner.model.named_parameters()}
    runner.train()

    assert runner.iter == len(runner.train_dataloader) > 0
    losses = runner.message_hub.log_scalars
    terms = ('cls_fs', 'cls_ss', 'bbox_ss')
    if detector_of(cfg).type != 'SRN':
        terms = ('cls', 'bbox')
    for name in terms:
        assert losses[f'train/loss_{name}'].current() > 0
    assert torch.isfinite(torch.tensor(losses['train/loss'].current()))
    still = [
        name
        for name, value in runner.model.named_parameters()
        if value.requires_grad and value.equal(before[name])
    ]
    # STR regresses only where a face fits the coarse levels.
    allowed = re.compile(
        r'(detector\.)?(neck\.(extra|first)|bbox_head\.conv_refine)'
    )
    assert not [name for name in still if not allowed.match(name)]

    batch = next(iter(runner.val_dataloader))
    (sample,) = runner.model.eval().test_step(batch)
    found = sample.pred_instances
    assert found.bboxes.shape == (len(found), 4)
    assert found.scores.shape == found.labels.shape == (len(found),)
    metrics = [name for name in losses if name.startswith('val/')]
    known = re.compile('mAP|wider_face/all|dark_face/ap')
    assert any(map(known.search, metrics))


@pytest.mark.parametrize('path', DARK_TESTS)
def test_dark_tests(path, data, tmp_path):
    """Their training is that of the lit base, and the test runs."""
    cfg = Config.fromfile(ROOT / path)
    base = LIT.search(path)[1] + '_deck' * path.endswith('_deck.py')
    lit = Config.fromfile(ROOT / f'configs/srn/{base}.py')
    differing = {x for x in {*cfg, *lit} if cfg.get(x) != lit.get(x)}
    ours = {x for x in differing if x.startswith('dark_')}
    assert differing - ours <= {
        'test_dataloader',
        'test_evaluator',
        'tta_pipeline',
    }
    if 'msrcr' in path:
        return  # differs from the other by its data_root alone
    runner = Runner.from_cfg(in_miniature(cfg, data, tmp_path))
    runner.load_or_resume = lambda: None
    assert 0 <= runner.test()['dark_face/ap'] <= 1


@pytest.mark.parametrize('path', [x for x in CONFIGS if 'darkface/' in x])
def test_dark_sets_are_those_of_the_name(path):
    cfg = Config.fromfile(ROOT / path)
    words = path.replace('zero-dce_', '').removesuffix('.py').split('_')
    train, *_, test = (words[4:] * 2)[:2]
    for name, loader in (
        (train, cfg.train_dataloader),
        (test, cfg.test_dataloader),
    ):
        roots = [x.data_root for x in innermost_datasets(loader.dataset)]
        assert roots == [f'data/{x}/' for x in SETS.get(name, [name])]
    if cfg.train_dataloader.sampler.type == 'SourceRatioSampler':
        assert len(SETS[train]) == 2
        first, second = cfg.train_dataloader.dataset.datasets
        base = LIT_BASES[train.partition('-')[0]]
        lit = Config.fromfile(ROOT / 'configs/_base_/datasets' / base)
        assert first == lit.train_dataloader.dataset
    assert cfg.test_evaluator.type == 'DarkFaceMetric'
    splits = [
        x.get('split') for x in innermost_datasets(cfg.test_dataloader.dataset)
    ]
    assert splits == ['5000_1000/test' if '-130e' in path else None]


@pytest.mark.parametrize('path', ENHANCERS)
def test_enhancers_train_a_step_and_are_judged(path, data, tmp_path):
    cfg = Config.fromfile(ROOT / path)
    for name in ('train', 'val', 'test'):
        loader = cfg[f'{name}_dataloader']
        loader.dataset.data_root = str(data / 'voc')
        loader.num_workers = 0
        loader.persistent_workers = False
    cfg.train_dataloader.dataset.pipeline[1].crop_size = (SIDE, SIDE // 2)
    cfg.train_cfg.max_iters = cfg.train_cfg.val_interval = 1
    cfg.work_dir = str(tmp_path)
    runner = Runner.from_cfg(cfg)
    runner.model.init_weights()
    before = {k: v.clone() for k, v in runner.model.named_parameters()}
    runner.train()

    losses = runner.message_hub.log_scalars
    for name in ('spatial', 'exposure', 'color', 'smoothness'):
        assert losses[f'train/loss_{name}'].current() > 0
    assert 0 < losses['val/enhance/brightness'].current() < 1
    for name, value in runner.model.named_parameters():
        assert not value.equal(before[name])
    batch = cfg.train_dataloader.batch_size
    iters = Config.fromfile(ROOT / path).train_cfg.max_iters
    assert f'_1xb{batch}-{iters}i_' in path


@pytest.mark.parametrize('path', CONFIGS)
def test_the_name_says_what_the_config_does(path):
    cfg = Config.fromfile(ROOT / path)
    assert cfg.default_scope == 'mmdet'
    assert 'mmsrn.models' in cfg.custom_imports.imports
    name = path.rsplit('/', 1)[1].removeprefix('zero-dce_')
    data = name.removesuffix('.py').split('_')[4]
    kinds = [
        kind_of(x) for x in innermost_datasets(cfg.train_dataloader.dataset)
    ]
    assert kinds == [
        KINDS[re.match('wider|dark|facem|synth', x)[0]]
        for x in SETS.get(data, [data])
    ]
    backbone = detector_of(cfg).backbone
    depth = re.search(r'_r(\d+)[_-]', name)
    if depth:
        assert (backbone.type, backbone.depth) == ('ResNet', int(depth[1]))
    else:
        assert backbone.type.lower() in name
    schedule = re.search(r'_(\d+)xb(\d+)-(\d+)e_', name)
    if schedule:
        processes, batch, epochs = map(int, schedule.groups())
        assert cfg.train_dataloader.batch_size == batch
        assert cfg.train_cfg.max_epochs == epochs
        if 'auto_scale_lr' in cfg:
            assert cfg.auto_scale_lr.base_batch_size == processes * batch
        if epochs == 130:  # published
            assert (processes, batch) == (8, 4)
            assert cfg.optim_wrapper.optimizer.lr == 0.01


DECKS = [x for x in CONFIGS if x.endswith('_deck.py')]


@pytest.mark.parametrize('path', DECKS)
def test_recipe_of_the_deck(path):
    """As the deck has it, line by line, and nothing else."""
    assert len(DECKS) == 4
    cfg = Config.fromfile(ROOT / path)
    assert (cfg.model.backbone.type, cfg.model.backbone.depth) == (
        'ResNet',
        101,
    )
    head = cfg.model.bbox_head
    assert head.loss_cls.type == 'FocalLoss' and head.loss_cls.use_sigmoid
    assert head.loss_bbox.type == 'SmoothL1Loss'
    assert head.anchor_generator.ratios == [1.25]
    assert head.anchor_generator.scales == [2, 2.828427]
    optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4)
    assert cfg.optim_wrapper == dict(
        type='OptimWrapper', optimizer=optimizer, clip_grad=None
    )
    assert cfg.param_scheduler == [
        dict(type='MultiStepLR', milestones=[100, 120], gamma=0.1)
    ]
    assert cfg.train_cfg.max_epochs == 130
    for dataset in innermost_datasets(cfg.train_dataloader.dataset):
        assert [x.type for x in dataset.pipeline] == [
            'LoadImageFromFile',
            'LoadAnnotations',
            'PhotoMetricDistortion',
            'RandomSquareCrop',
            'RandomFlip',
            'Resize',
            'PackDetInputs',
        ]
    # Three lines, apart from how they are wrapped.
    statements = ast.parse((ROOT / path).read_text()).body
    assert len(statements) <= 3 or 'configs/srn' in path


@pytest.mark.parametrize('path', PROTOCOLS)
def test_protocols_change_the_test_alone(path):
    cfg = Config.fromfile(ROOT / path)
    other = Config.fromfile(ROOT / f'{path.split("_widerface-")[0]}.py')
    keys = {'test_dataloader', 'test_pipeline', 'tta_pipeline'}
    assert {x for x in {*cfg, *other} if cfg.get(x) != other.get(x)} <= keys
    assert cfg.val_dataloader == other.val_dataloader
    del cfg.test_dataloader.dataset, other.test_dataloader.dataset
    assert cfg.test_dataloader == other.test_dataloader


def protocol_of(pipeline, image):
    """Protocol and sizes of what a pipeline makes of an image."""
    packed = Compose(pipeline)(dict(img_path=str(image), img_id=0))
    samples, inputs = packed['data_samples'], packed['inputs']
    if isinstance(inputs, torch.Tensor):
        samples, inputs = [samples], [inputs]
    (protocol,) = {x.protocol for x in samples}
    return protocol, [tuple(x.shape[1:]) for x in inputs]


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / 'photo.png'
    cv2.imwrite(str(path), np.zeros((60, 80, 3), np.uint8))
    return path


def test_protocols_are_what_they_are_said_to_be(photo):
    found = {}
    for path in PROTOCOLS:
        cfg = Config.fromfile(ROOT / path)
        name = path.split('_widerface-')[1].removesuffix('.py')
        pipeline = cfg.test_dataloader.dataset.pipeline
        if name == 'ms2100':
            assert cfg.tta_pipeline[2].pop('max_size') == 2100
            pipeline = [
                *cfg.tta_pipeline[:2],
                dict(cfg.tta_pipeline[2], max_size=100),
            ]
        found[name] = protocol_of(pipeline, photo)
    assert found == {
        'vga': ('V: long side 640, single scale', [(480, 640)]),
        '1100x1650': ('L: within 1100x1650, single scale', [(1100, 1467)]),
        'original': ('O: original size, single scale', [(60, 80)]),
        'ms2100': (
            'M: multi-scale and flip, max_size 100',
            [(60, 80), (60, 80), (30, 40), (87, 115)],
        ),
    }


@pytest.mark.parametrize('path', TRAINED + DARK_TESTS)
def test_multi_scale(path):
    """With the meaning that corners have for the detector."""
    cfg = Config.fromfile(ROOT / path)
    assert cfg.tta_model.type == 'BBoxVotingTTAModel'
    small = 'darkface' not in path.rsplit('_', 1)[1]
    assert cfg.tta_pipeline[2].max_size == (1400 if small else 2100)
    assert cfg.tta_model.offset == int('official-weights' in path)
    published = Config.fromfile(
        ROOT / 'configs/_base_/tta/multi_scale_1400.py'
    )
    assert published.tta_model.offset == 0
    assert dict(cfg.tta_model, offset=0) == published.tta_model
    assert 'offset' not in (ROOT / path).read_text() or 'official' in path
    defaults = inspect.signature(BBoxVotingTTAModel).parameters
    for key, value in published.tta_model.items():
        assert key == 'type' or defaults[key].default == value


@pytest.mark.parametrize('path', CONFIGS)
def test_backbone_starts_from_weights_that_exist(path):
    """Or the config says so: the demo's, and the one for testing alone."""
    cfg = Config.fromfile(ROOT / path)
    init = detector_of(cfg).backbone.get('init_cfg', {})
    if 'demo' in path or 'official-weights' in path:
        assert init is None
        return
    assert init['type'] == 'Pretrained'
    checkpoint = init['checkpoint']
    if checkpoint.startswith('open-mmlab://'):
        checkpoint = get_external_models()[checkpoint[len('open-mmlab://') :]]
    assert re.fullmatch(r'https://.*\.pth', checkpoint)


def test_every_config_is_in_the_metafile():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    files = [ROOT / file for file in index['Import']]
    models = chain.from_iterable(
        yaml.safe_load(file.read_text())['Models'] for file in files
    )
    listed = {model['Name']: model['Config'] for model in models}
    published = [
        str(path.relative_to(ROOT))
        for folder in (
            'ablation',
            'ainnoface',
            'darkface',
            'isrn',
            'mixing',
            'refineface',
            'srn',
        )
        for path in (ROOT / 'configs' / folder).glob('*.py')
    ]
    assert sorted(listed.values()) == sorted(published)
    for name, path in listed.items():
        assert Path(path).stem == name


COST = re.compile(r'Parameters \(M\): ([\d.]+)\n +GFLOPs: ([\d.]+)$', re.M)


@pytest.mark.parametrize(
    'folder', ['ainnoface', 'isrn', 'mixing', 'refineface']
)
def test_costs_of_the_metafile_are_those_of_the_readme(folder):
    """As texts: 53.40 is not 53.4."""
    folder = ROOT / 'configs' / folder
    rows = dict(
        re.findall(
            r'^\| \[.*\]\((\w[^/)]*)\.py\) \| (.*) \|$',
            (folder / 'README.md').read_text(),
            re.M,
        )
    )
    first, *models = (folder / 'metafile.yml').read_text().split('- Name: ')
    assert models and 'GFLOPs:' not in first
    for name, text in (x.split('\n', 1) for x in models):
        costs = COST.findall(text)
        assert costs == [tuple(rows[name].split(' | ')[1:3])], name


@pytest.mark.parametrize(
    'base',
    [
        'srn_mobilenetv2_fpn',
        'srn_mobilenetv2_fpn_short',
        'srn_parts',
        'srn_r101_fpn',
        'srn_r50-scratch_fpn_gn-all',
        'srn_r50_fpn',
        'srn_rpn',
    ],
)
def test_a_model_of_ours_among_bases_of_mmdet(base, tmp_path):
    """In a process that has not imported mmsrn."""
    file = tmp_path / 'config.py'
    file.write_text(
        f"""_base_ = [
    '{ROOT}/configs/_base_/models/{base}.py',
    'mmdet::_base_/datasets/coco_detection.py',
    'mmdet::_base_/schedules/schedule_1x.py',
    'mmdet::_base_/default_runtime.py',
]
"""
    )
    cfg = Config.fromfile(file, import_custom_modules=False)
    modules = {'mmsrn.models', 'mmsrn.datasets', 'mmsrn.engine'}
    assert modules < {*cfg.custom_imports.imports}


def test_imports_in_another_process(tmp_path):
    """A model of ours among mmdet's bases, and mmdet's among ours."""
    bases = ROOT / 'configs/_base_'
    for name, parts in dict(
        ours=[
            f'{bases}/models/srn_mobilenetv2_fpn.py',
            'mmdet::_base_/datasets/coco_detection.py',
            'mmdet::_base_/default_runtime.py',
        ],
        theirs=[
            f'{bases}/custom_imports.py',
            'mmdet::_base_/models/retinanet_r50_fpn.py',
            f'{bases}/datasets/widerface.py',
            f'{bases}/default_runtime.py',
        ],
    ).items():
        (tmp_path / f'{name}.py').write_text(f'_base_ = {parts}')
    code = f"""
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmdet.registry import DATASETS, HOOKS, MODELS
with DefaultScope.overwrite_default_scope('mmdet'):
    for name in ('ours', 'theirs'):
        cfg = Config.fromfile('{tmp_path}/' + name + '.py')
        for part in ('backbone', 'neck', 'bbox_head'):
            assert MODELS.get(cfg.model[part].type), part
        assert MODELS.get(cfg.model.type)
        assert DATASETS.get(cfg.train_dataloader.dataset.type)
        assert HOOKS.get(cfg.default_hooks.logger.type)
"""
    done = subprocess.run(
        [sys.executable, '-c', code],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_ema_can_be_added(tmp_path):
    base = ROOT / 'configs/srn/srn_r50_fpn_8xb4-130e_widerface.py'
    file = tmp_path / 'config.py'
    ema = ROOT / 'configs/_base_/ema.py'
    file.write_text(f"_base_ = ['{base}', '{ema}']\n")
    cfg = Config.fromfile(file)
    assert [hook.type for hook in cfg.custom_hooks] == ['EMAHook']
    assert cfg.model.type == 'SRN'
