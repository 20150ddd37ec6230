"""The documentation is built without a warning, and works offline."""

import importlib
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """Folder of the built pages."""
    folder = tmp_path_factory.mktemp('docs')
    shutil.rmtree(ROOT / 'docs/api', ignore_errors=True)
    command = [sys.executable, '-m', 'sphinx', '--fail-on-warning', '--quiet']
    command += ['--keep-going', '--conf-dir', 'docs', '.', str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_pages(built):
    """Every page is there, and its links to other pages lead somewhere."""
    sources = [ROOT / 'CHANGELOG.md', ROOT / 'data/README.md']
    sources += {*ROOT.glob('docs/*.md')} - {ROOT / 'docs/README.md'}
    sources += ROOT.glob('configs/*/README.md')
    for source in sources:
        page = built / source.relative_to(ROOT).with_suffix('.html')
        text = page.read_text(encoding='utf-8')
        links = re.findall(r'href="([^"#:?]+)[^":]*"', text)
        assert len(links) > 30  # those of the sidebar alone
        for link in links:
            assert (page.parent / link).exists(), f'{page}: {link}'
    first = (built / 'index.html').read_text(encoding='utf-8')
    assert 'url=docs/index.html' in first


@pytest.mark.parametrize('old', ['enhancement', 'install', 'quick_start'])
def test_old_addresses(built, old):
    """A page that was merged leads to the one that has its content."""
    text = (built / f'docs/{old}.html').read_text(encoding='utf-8')
    (target,) = re.findall(r'; url=([^"]+)"', text)
    assert (built / 'docs' / target).is_file()


def test_nothing_from_the_net(built):
    """No script, style, font or picture is loaded from elsewhere."""
    loaded = re.compile(
        r'<(?:script|img|iframe)[^>]*src="((?:https?:)?//[^"]*)"|'
        r'<link[^>]*href="((?:https?:)?//[^"]*)"'
    )
    for page in built.rglob('*.html'):
        assert not loaded.findall(page.read_text(encoding='utf-8')), page
    for style in built.rglob('*.css'):
        text = style.read_text(encoding='utf-8')
        assert not re.search(r'(?:@import|url\()\s*["\']?https?:', text)


@pytest.mark.parametrize('package, formulas', [('losses', 5), ('two_step', 2)])
def test_formulas(built, package, formulas):
    page = built / f'docs/api/mmsrn.models.{package}.html'
    text = page.read_text(encoding='utf-8')
    assert text.count('<math ') == text.count('</math>') >= formulas
    assert 'frac{' not in text


def test_public_names_are_documented(built):
    """All that the packages of the API reference name in `__all__`."""
    data = (built / 'objects.inv').read_bytes().split(b'\n', 4)[4]
    lines = zlib.decompress(data).decode().splitlines()
    documented = {x.split(' ')[0] for x in lines if ' py:' in x}
    text = (ROOT / 'docs/api.md').read_text(encoding='utf-8')
    packages = re.findall(r'^ +(mmsrn[\w.]+)$', text, re.MULTILINE)
    assert len(packages) > 20
    for package in packages:
        module = importlib.import_module(package)
        names = {x for x in module.__all__ if callable(getattr(module, x))}
        assert names, package
        assert {f'{package}.{x}' for x in names} <= documented, package
