"""Every block of code on every page runs, or says why it does not.

The blocks of a page run in their order, in a folder with photos and a copy of
the configs: Python in one namespace, configs through `Config.fromfile`, and
commands in bash.  Nothing is replaced by a stand-in.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *['README.md', 'data/README.md'],
    *sorted(str(x.relative_to(ROOT)) for x in ROOT.glob('docs/*.md')),
    *sorted(str(x.relative_to(ROOT)) for x in ROOT.glob('configs/*/*.md')),
    *sorted(str(x.relative_to(ROOT)) for x in ROOT.glob('mmsrn/zoo/*.md')),
]
BLOCK = re.compile(
    r'(?:^<!-- not run: (?P<reason>.+?) -->\n+)?'
    r'^```(?P<language>python|bash|text)\n(?P<code>.*?)^```$',
    re.DOTALL | re.MULTILINE,
)
# Pages about a set that nobody may ship say it once for all commands.
NO_COMMANDS = re.compile(r'^<!-- commands not run: .+ -->$', re.MULTILINE)
# Blocks that a test of their own runs, with the data that they need.
OWN_TESTS = {
    ('docs/evaluation.md', 'python'): (
        'test_docs/test_pages.py::test_examples_of_the_evaluation'
    ),
    ('docs/low_light.md', 'python'): (
        'test_docs/test_pages.py::test_examples_of_the_enhancement'
    ),
    ('docs/multi_scale_test.md', 'config'): (
        'test_docs/test_pages.py::test_multi_scale_example'
    ),
    ('docs/pseudo_labels.md', 'config'): (
        'test_docs/test_guides.py::test_photos_that_nobody_labelled'
    ),
    ('docs/train_your_own.md', 'config'): (
        'test_docs/test_guides.py::test_layouts_of_labels'
    ),
    ('docs/use_in_your_detector.md', 'python'): (
        'test_docs/test_pages.py::test_examples'
    ),
    ('docs/use_in_your_detector.md', 'config'): (
        'test_docs/test_pages.py::test_inheriting_examples'
    ),
}
pytestmark = pytest.mark.slow


def kind(match):
    """`python`, `bash`, `config`; None for what is not to be run."""
    if match['code'].startswith('_base_ = '):
        return 'config'
    return None if match['language'] == 'text' else match['language']


def to_run(page):
    """Position, kind and code of the blocks of a page that run here."""
    text = (ROOT / page).read_text(encoding='utf-8')
    silent = {'bash'} if NO_COMMANDS.search(text) else set()
    return [
        (match.start('code'), kind(match), match['code'])
        for match in BLOCK.finditer(text)
        if kind(match)
        and not match['reason']
        and kind(match) not in silent
        and (page, kind(match)) not in OWN_TESTS
    ]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Folder of a user: photos, a video, five labelled photos, the tools."""
    group = cv2.imread(str(ROOT / 'docs/images/group.jpg'))
    group = cv2.resize(group, (640, 640 * group.shape[0] // group.shape[1]))
    left, right = group[:, :320], group[:, 320:]
    for name, photo in {
        'photo.jpg': group,
        'other.png': right,
        'photos/a.jpg': left,
        'photos/2026/b.jpg': right,
        **{f'data/mine/images/photo_{i}.jpg': group for i in range(5)},
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / name), photo)
    labels = tmp_path / 'data/mine/annotations'
    labels.mkdir()
    height, width = group.shape[:2]
    for i in range(5):
        (labels / f'photo_{i}.xml').write_text(
            f'<annotation><size><width>{width}</width><height>{height}</height>'
            '</size><object><name>face</name><bndbox><xmin>11</xmin>'
            '<ymin>6</ymin><xmax>51</xmax><ymax>56</ymax></bndbox></object>'
            '</annotation>'
        )
    codec = cv2.VideoWriter_fourcc(*'mp4v')
    film = cv2.VideoWriter(str(tmp_path / 'clip.mp4'), codec, 25, (320, 240))
    for _ in range(4):
        film.write(cv2.resize(left, (320, 240)))
    film.release()
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    for name in ('benchmarks', 'demo', 'docs', 'mmsrn', 'tools'):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    programs = Path(sys.executable).parent
    monkeypatch.setenv('PATH', f'{programs}{os.pathsep}{os.environ["PATH"]}')
    return tmp_path


def run_commands(code, settings):
    """Run bash, with the variables that blocks before have set."""
    script = '\n'.join(['set -eo pipefail', *settings, code])
    done = subprocess.run(
        ['bash', '-c', script], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f'{code}\n{done.stdout}\n{done.stderr}'
    settings += re.findall(r'^[A-Z_]+=.*$', code, re.MULTILINE)


def load_config(code, before):
    """Load a config, at the path that the text before names last, if any."""
    from mmengine.config import Config

    named = re.findall(r'`((?:configs|work_dirs)/\S+\.py)`', before[-600:])
    folders = [Path('work_dirs'), *sorted(Path('configs').iterdir())]
    bases = re.findall(r"'(\.\.?/\S+\.py)'", code.partition('\n\n')[0])
    fitting = [
        x for x in folders if all((x / base).is_file() for base in bases)
    ]
    file = Path(named[-1]) if named else fitting[0] / 'from_the_page.py'
    file.parent.mkdir(exist_ok=True)
    file.write_text(code, encoding='utf-8')
    assert Config.fromfile(file).model


@pytest.mark.parametrize('page', [x for x in PAGES if to_run(x)])
def test_blocks(page, folder):
    """A page from its first block to its last."""
    text = (ROOT / page).read_text(encoding='utf-8')
    names, settings = {'__name__': '__main__'}, []
    for start, what, code in to_run(page):
        if what == 'bash':
            run_commands(code, settings)
        elif what == 'config':
            load_config(code, text[:start])
        else:
            source = '\n' * text[:start].count('\n') + code
            exec(compile(source, page, 'exec'), names)


@pytest.mark.parametrize('page, what', OWN_TESTS)
def test_own_tests(page, what):
    """The test is there and reads the page, which has such blocks."""
    file, name = OWN_TESTS[page, what].split('::')
    source = (ROOT / 'tests' / file).read_text(encoding='utf-8')
    assert f'\ndef {name}(' in source and Path(page).name in source
    text = (ROOT / page).read_text(encoding='utf-8')
    assert what in [kind(x) for x in BLOCK.finditer(text)]


def test_reasons_are_for_blocks():
    """A reason stands right before a block, where it is seen."""
    for page in PAGES:
        text = (ROOT / page).read_text(encoding='utf-8')
        used = [x['reason'] for x in BLOCK.finditer(text) if x['reason']]
        assert len(used) == text.count('<!-- not run:'), page
