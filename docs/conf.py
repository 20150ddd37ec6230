"""How Sphinx builds the documentation: ``make docs``.

The source is the whole repository, not this folder alone, so that the pages
beside the configs and the data belong to it, and one relative link serves the
built pages and a reader of the repository alike.
"""

import sys
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from docutils import nodes  # noqa: E402
from docutils.utils.math.latex2mathml import tex2mathml  # noqa: E402
from mmcv.transforms.utils import cache_randomness  # noqa: E402

from mmsrn import __version__, apis  # noqa: E402

project = 'mmsrn'
author = 'The mmsrn authors'
project_copyright = author
release = version = __version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.autosummary',
    'sphinx.ext.napoleon',
]
root_doc = 'docs/index'
include_patterns = [
    'docs/**',
    'configs/*/README.md',
    'data/README.md',
    'CHANGELOG.md',
    'mmsrn/zoo/*.md',
]
exclude_patterns = [
    'docs/README.md',  # docs/index.md has it
    'docs/images/README.md',  # for who looks into the folder
    'docs/_build',
    'docs/_templates',
    # Nothing to look for, and much to look through.
    '.*',
    'data/?*/**',
    'mmsrn/**.py',
    'tests',
    'tools',
    'work_dirs',
]
templates_path = [str(ROOT / 'docs/_templates')]
# A name in a docstring that leads nowhere is a mistake; types of other
# packages, and types made of several, have no page to lead to.
nitpicky = True
nitpick_ignore_regex = [('py:class', r'(?!mmsrn\.).*')]

myst_heading_anchors = 4

autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_member_order = 'groupwise'
autodoc_preserve_defaults = True
autodoc_typehints = 'none'  # the docstrings say them
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = 'furo'
html_title = f'mmsrn {version}'
html_theme_options = {'top_of_page_buttons': []}
html_static_path = ['_static']
html_css_files = ['formulas.css']
html_copy_source = False
html_math_renderer = 'mathml'
#: Old addresses, and where their content is now.
MOVED = {
    'index': 'docs/index.html',
    'docs/enhancement': 'low_light.html',
    'docs/install': 'get_started.html',
    'docs/quick_start': 'get_started.html',
}
html_additional_pages = dict.fromkeys(MOVED, 'redirect.html')
html_context = {'moved': MOVED}


TUPLE_FIELD = type(namedtuple('_', 'field').field)


def skip_fields(app, what, name, obj, skip, options) -> bool | None:
    """Leave out fields of named tuples, which their docstrings list."""
    return True if isinstance(obj, TUPLE_FIELD) else None


def write_mathml(translator, node) -> None:
    """Write a formula as browsers draw it; MathJax is fetched from the net."""
    block = isinstance(node, nodes.math_block)
    translator.body.append(tex2mathml(node.astext(), as_block=block))
    raise nodes.SkipNode


def setup(app) -> None:
    """Add what the extensions have no setting for."""
    # Names that are imported when first used are not seen before.
    for name in apis.__all__:
        setattr(apis, name, getattr(apis, name))
    app.connect('autodoc-skip-member', skip_fields)
    visitors = (write_mathml, None)
    app.add_html_math_renderer('mathml', visitors, visitors)
    # Napoleon takes each method from its class, where mmcv's wrapper knows no
    # instance to refer to.
    get = cache_randomness.__get__
    cache_randomness.__get__ = lambda self, instance, owner=None: (
        self if instance is None else get(self, instance, owner)
    )
