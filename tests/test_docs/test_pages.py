"""The documentation: links, paths, options, settings and examples."""

import inspect
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MULTI_SCALE = ROOT / 'docs/multi_scale_test.md'
EXAMPLES = ROOT / 'docs/use_in_your_detector.md'
CONFIG = ROOT / 'configs/srn/srn_r50_fpn_8xb4-130e_widerface.py'
FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.DOTALL | re.MULTILINE)
INLINE = re.compile(r'`([^`]+)`')
LINK = re.compile(r'\[[^\]]*\]\(([^)\s]+)\)')
# Not a part of a longer path.
OURS = re.compile(
    r'(?<![\w./$}])(?:benchmarks|configs|tools|mmsrn|tests)/[\w./-]*\w'
)
# A config that a page tells to write.
YOURS = 'configs/srn/srn_mobilenetv2_fpn_1xb16-10e_mine.py'
OPTION = re.compile(r'(?<!\S)--[a-z][\w-]*')
SETTING = re.compile(
    r'(?<![\w.:/])(?:model|optim_wrapper|default_hooks|param_scheduler|'
    r'(?:train|val|test)_(?:dataloader|cfg))(?:\.\w+)+'
)


def _pages():
    try:
        names = subprocess.check_output(
            ['git', 'ls-files', '*.md'], cwd=ROOT, text=True
        ).split()
    except (OSError, subprocess.CalledProcessError):
        names = ['README.md', 'CHANGELOG.md', 'data/README.md']
        names += [f'docs/{x.name}' for x in ROOT.glob('docs/*.md')]
        found = ROOT.glob('configs/*/*.md')
        names += [str(x.relative_to(ROOT)) for x in found]
    return sorted(names)


@pytest.fixture(params=_pages())
def page(request):
    """Path of a page."""
    return ROOT / request.param


def prose(page):
    """Text without blocks of code."""
    return FENCE.sub('', page.read_text(encoding='utf-8'))


def anchors(page):
    """Anchors that GitHub makes of the headings."""
    found = set()
    for title in re.findall(r'^#+ +(.+?) *$', prose(page), re.MULTILINE):
        title = LINK.sub(lambda x: x[0][1 : x[0].index(']')], title)
        words = re.sub(r'[^\w\- ]', '', title.lower())
        found.add(words.replace(' ', '-'))
    return found


def code(page):
    """All code: blocks with continued lines joined, and spans of code."""
    text = page.read_text(encoding='utf-8')
    blocks = [x[1].replace('\\\n', ' ') for x in FENCE.findall(text)]
    return [*blocks, *INLINE.findall(FENCE.sub('', text))]


def test_links(page):
    broken = []
    for target in LINK.findall(INLINE.sub('', prose(page))):
        if '://' in target:
            continue
        name, _, anchor = target.partition('#')
        file = (page.parent / name).resolve() if name else page
        if not file.exists():
            broken.append(target)
        elif anchor and anchor not in anchors(file):
            broken.append(f'{target}: no such heading')
    assert not broken


def test_paths(page):
    named = {x for text in code(page) for x in OURS.findall(text)}
    named.discard(YOURS)
    assert not [x for x in sorted(named) if not (ROOT / x).exists()]


def _source(tool):
    """Source of a tool and of what it takes its options from."""
    text = (ROOT / tool).read_text(encoding='utf-8')
    for name in ('train', 'test'):
        if f'tools/{name}.py' in text and tool.endswith('.sh'):
            text += (ROOT / f'tools/{name}.py').read_text(encoding='utf-8')
    if 'from .options import' in text:
        text += (ROOT / tool).with_name('options.py').read_text('utf-8')
    names = set(re.findall(r'from mmsrn\.cli\.(\w+) import', text))
    if 'main' in names or 'from mmsrn.cli import' in text:
        names = {'*'}
    for name in sorted(names):
        for file in sorted(ROOT.glob(f'mmsrn/cli/{name}.py')):
            text += file.read_text(encoding='utf-8')
    return text


def test_options(page):
    unknown = []
    for line in '\n'.join(code(page)).splitlines():
        tool = re.search(r'tools/[\w/]+\.(?:py|sh)|benchmarks(?:\.\w+)+', line)
        if tool is None:
            continue
        path = tool[0]
        if path.startswith('benchmarks.'):
            path = path.replace('.', '/')
            path += '/__main__.py' if (ROOT / path).is_dir() else '.py'
        if not (ROOT / path).is_file():
            continue
        source = _source(path)
        for option in OPTION.findall(line[tool.end() :].split(' #')[0]):
            if option == '--help':
                continue
            names = [option]
            if 'BooleanOptionalAction' in source:
                names.append(option.replace('--no-', '--'))
            if 'dataclasses' in source:  # an option for each field
                names.append(option[2:].replace('-', '_'))
            if not any(re.search(rf"'{x}'", source) for x in names):
                unknown.append(f'{path} {option}')
    assert not unknown


@pytest.fixture(scope='module')
def config():
    """The config of the paper, whose settings the pages name."""
    from mmengine.config import Config

    return Config.fromfile(CONFIG)


def test_settings(page, config):
    """What settings belong to is there; the last part may be new.

    `execution` is no part of the config: its settings are arguments.
    """
    from mmsrn.models.selective import SelectiveExecution

    missing = []
    for name in {x for text in code(page) for x in SETTING.findall(text)}:
        place, execution = config, 'model.bbox_head.execution.'
        if name.startswith(execution):
            known = inspect.signature(SelectiveExecution).parameters
            if name.removeprefix(execution).split('.')[0] not in known:
                missing.append(name)
            continue
        for part in name.split('.')[:-1]:
            try:
                place = place[int(part) if part.isdigit() else part]
            except (IndexError, KeyError, TypeError):
                missing.append(name)
                break
    assert not missing


def _examples():
    """Blocks of Python and what they print, and configs, by their line."""
    text = EXAMPLES.read_text(encoding='utf-8')
    block = r'^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?'
    found = re.compile(block, re.M | re.S).finditer(text)
    return {text[: x.start(1)].count('\n'): x.groups() for x in found}


def test_examples(monkeypatch):
    """Run all examples in order: they print what the page shows."""
    monkeypatch.chdir(ROOT)
    printed, outputs = [], []
    names = {'print': lambda *x: printed.append(' '.join(map(str, x)))}
    for line, (code, output) in _examples().items():
        if code.startswith('_base_ = '):
            continue
        exec(compile('\n' * line + code, str(EXAMPLES), 'exec'), names)
        outputs += (output or '').splitlines()
    assert printed == outputs and len(outputs) == 3


def test_examples_of_the_evaluation(tmp_path, monkeypatch, shared):
    """The config builds, and the lines of Python print a number."""
    from mmdet.registry import METRICS
    from mmengine.registry import HOOKS

    page = ROOT / 'docs/evaluation.md'
    config, lines = re.findall(
        r'^```python\n(.*?)^```$', page.read_text(), re.M | re.S
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'data').symlink_to(shared / 'data')
    (tmp_path / 'pred.zip').symlink_to(
        shared / 'data/widerface/retinaface_mnet_predictions.zip'
    )
    names = {}
    exec(config, names)
    __import__(names['custom_imports']['imports'][0])
    metric = METRICS.build(names['val_evaluator'])
    assert len(metric.ground_truth.names) == 3226
    hook = dict(names['default_hooks']['checkpoint'], type='CheckpointHook')
    hook = HOOKS.build(hook)
    assert hook.rules == ['greater']
    exec(lines, names)
    assert names['result'].ap['hard'] == pytest.approx(0.3953288594)


def test_examples_of_the_enhancement():
    """The pipeline builds, and the functions do what is said."""
    from mmdet.registry import TRANSFORMS
    from mmdet.utils import register_all_modules

    register_all_modules()
    __import__('mmsrn.datasets')
    page = ROOT / 'docs/low_light.md'
    enhanced, functions, darkened = re.findall(
        r'^```python\n(.*?)^```$', page.read_text(), re.M | re.S
    )
    names = {}
    for pipeline in (enhanced, darkened):
        exec(pipeline, names)
        for part in names['train_pipeline']:
            TRANSFORMS.build(part)
    exec(functions, names)
    assert names['bright'].mean() > 2 * names['dark'].mean()


@pytest.mark.slow
def test_inheriting_examples(tmp_path):
    """Configs load and learn; the last is the one that ships."""
    from mmdet.registry import MODELS

    from mmsrn.testing.models import load_model_cfg, random_batch

    heads = []
    for code, _ in _examples().values():
        if not code.startswith('_base_ = '):
            continue
        file = tmp_path / f'example_{len(heads)}.py'
        code = code.replace("'../configs/", f"'{ROOT}/configs/")
        file.write_text(code)
        config = load_model_cfg(file)
        model = MODELS.build(config)
        model.init_weights()
        batch = model.data_preprocessor(random_batch(2), True)
        loss, _ = model.parse_losses(model(**batch, mode='loss'))
        loss.backward()
        assert 0 < loss < 100
        unused = [k for k, v in model.named_parameters() if v.grad is None]
        assert not [x for x in unused if not x.startswith('backbone')]
        heads.append(config.bbox_head.type)
    assert heads == [
        'STCRetinaHead',
        'RetinaHead',
        'STRATSSHead',
        'FCOSHead',
        'SRNHead',
    ]
    ships = load_model_cfg(ROOT / 'configs/mixing/srn_r50_fpn_1x_coco.py')
    config = load_model_cfg(file)  # as it was before it was built
    assert config.neck.items() < ships.neck.items()
    assert config.bbox_head == ships.bbox_head


def test_multi_scale_example(tmp_path):
    """The config of another detector can be loaded, and its test built."""
    from mmdet.registry import MODELS, TRANSFORMS
    from mmengine.config import Config

    text = MULTI_SCALE.read_text(encoding='utf-8')
    (block,) = re.findall(r'^```text\n(_base_ = .*?)^```$', text, re.M | re.S)
    file = tmp_path / 'example.py'
    file.write_text(block)
    cfg = Config.fromfile(file)
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(dict(cfg.tta_model, module=cfg.model))
    assert model.voting['offset'] == 0
    assert TRANSFORMS.build(cfg.tta_pipeline[2]).max_size == 1400


def test_multi_scale_table():
    """Worked examples are what the schedule gives."""
    from mmsrn.structures import published_passes

    text = MULTI_SCALE.read_text(encoding='utf-8')
    rows = re.findall(r'^\| (\d+) x (\d+) \| (\d+) \| (.*) \|$', text, re.M)
    assert len(rows) == 3
    for width, height, max_size, scales in rows:
        passes = published_passes(int(height), int(width), int(max_size))
        words = scales.split(', ')
        assert [i for i, x in enumerate(passes) if x.flip] == [
            words.index('flipped')
        ]
        for word, one in zip(words, passes, strict=True):
            if word != 'flipped':
                assert float(word) == pytest.approx(one.scale, abs=5e-5)
