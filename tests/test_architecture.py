"""Who imports whom inside mmsrn, and how large things may become."""

import ast
from collections import defaultdict

import pytest

MAX_FILE = 320
MAX_FUNCTION = 80  # lines without docstring


@pytest.fixture(scope='module')
def sources(root):
    """Syntax tree and number of lines of every file."""
    texts = {x: x.read_text('utf-8') for x in (root / 'mmsrn').rglob('*.py')}
    return {
        x.relative_to(root): (ast.parse(text), text.count('\n'))
        for x, text in texts.items()
    }


def imported(file, tree):
    """Dotted names that a file imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (x.name for x in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = file.parts[: -node.level] if node.level else ()
            base = '.'.join((*parts, *filter(None, [node.module])))
            yield from (f'{base}.{x.name}' for x in node.names)


def part(name, depth):
    """The package a file or module belongs to."""
    return '.'.join(name.split('.')[:depth])


def graph(sources, depth):
    """Packages that each package imports, up to a depth of names."""
    modules = {'.'.join(x.with_suffix('').parts) for x in sources}
    found = defaultdict(set)
    for file, (tree, _) in sources.items():
        mine = part('.'.join(file.with_suffix('').parts), depth)
        for name in imported(file, tree):
            while name and not {name, f'{name}.__init__'} & modules:
                name = name.rpartition('.')[0]
            other = part(name, depth)
            if other.startswith('mmsrn.') and other != mine:
                found[mine].add(other)
    return found


def circle(found):
    """A way from a package back to itself, if there is one."""

    def walk(way):
        for other in sorted(found.get(way[-1], ())):
            if other == way[0]:
                return [*way, other]
            if other not in seen:
                seen.add(other)
                longer = walk([*way, other])
                if longer:
                    return longer
        return None

    for start in sorted(found):
        seen = {start}
        way = walk([start])
        if way:
            return ' -> '.join(way)
    return None


def test_no_circle_between_packages(sources):
    """None over two packages, and none over more."""
    found = graph(sources, 2)
    assert {'mmsrn.evaluation', 'mmsrn.structures'} <= found[
        'mmsrn.cli'
    ] | found['mmsrn.datasets']
    assert circle(found) is None


@pytest.mark.parametrize('package', ['evaluation'])
def test_no_circle_inside(sources, package):
    """Nor between the packages and files of a package."""
    inside = {
        file: source
        for file, source in sources.items()
        if file.parts[1] == package and file.name != '__init__.py'
    }
    assert circle(graph(inside, 3)) is None


def test_circle_is_found():
    """The check itself."""
    assert circle({'a': {'b'}, 'b': {'c'}, 'c': {'b'}}) == 'b -> c -> b'
    assert circle({'a': {'b', 'c'}, 'b': {'c'}}) is None


def test_nothing_imports_the_programs(sources):
    for file, (tree, _) in sources.items():
        heads = {x.split('.')[0] for x in imported(file, tree)}
        assert not heads & {'benchmarks', 'tools', 'tests', 'demo'}, file


def length(function):
    """Lines of a function without its docstring."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        doc = function.body[0]
        lines -= doc.end_lineno - doc.lineno + 1
    return lines


def test_sizes(sources):
    long = {
        file.as_posix()
        for file, (_, lines) in sources.items()
        if lines > MAX_FILE
    }
    long |= {
        f'{file.as_posix()}:{node.name}'
        for file, (tree, _) in sources.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and length(node) > MAX_FUNCTION
    }
    assert not long


def test_programs_stay_small(root):
    """Tools and benchmarks, and files that reach beside their package.

    The drill of `benchmarks/reliability` damages things and measures nothing:
    it does not count.
    """

    def lines(*folders):
        files = [x for f in folders for x in (root / f).rglob('*.py')]
        drill = root / 'benchmarks/reliability'
        files = [x for x in files if drill not in x.parents]
        return sum(x.read_text('utf-8').count('\n') for x in files)

    assert lines('tools') <= 2500
    assert lines('tools', 'benchmarks') <= 7000
    folders = ('benchmarks', 'demo', 'docs', 'mmsrn', 'tests', 'tools')
    reach = 'sys.path.' + 'insert'
    found = [
        x
        for folder in folders
        for x in (root / folder).rglob('*.py')
        if reach in x.read_text('utf-8')
    ]
    assert len(found) <= 3
