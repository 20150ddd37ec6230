"""``mmsrn bulk-export``: results of a bulk detection as ``detect`` writes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from mmsrn.apis.faces import Faces
from mmsrn.utils.errors import UserError

from .outputs import Result, add_file_options, file_outputs
from .sources import Source

__all__ = ['add_arguments', 'export', 'run']

_DESCRIPTION = """\
Convert the Parquet files of mmsrn detect --ray to the json, csv or text files
that mmsrn detect writes, with identical faces in the order of the sources.
"""
_EXAMPLES = """
examples:
  %(prog)s faces/ --json faces.json --csv faces.csv
  %(prog)s s3://bucket/faces --wider results
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Set the parser up.

    Args:
        parser (argparse.ArgumentParser): The parser of the command.
    """
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        'results', metavar='DIR', help='folder or address of the Parquet files'
    )
    add_file_options(parser)


def run(args: argparse.Namespace) -> int:
    """Export.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        int: 0.
    """
    if not (args.json or args.csv or args.wider):
        raise UserError('nothing to write; add --json, --csv or --wider')
    export(args.results, args)
    return 0


def export(results: str, args: argparse.Namespace) -> None:
    """Write results in other forms.

    Args:
        results (str): Folder or address of the Parquet files.
        args (argparse.Namespace): See ``add_file_options``.

    Raises:
        UserError: If there are no results, or two photos would share a text
            file.
    """
    with ExitStack() as stack:
        outputs = file_outputs(args, stack)
        for result in _results(results, unique_texts=args.wider is not None):
            for output in outputs:
                output(result)


def _results(folder: str, unique_texts: bool) -> Iterator[Result]:
    """Results of photos without an error, in the order of the sources."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from mmsrn.bulk import FaceTable

    try:
        parts = [*FaceTable(folder).read()]
    except ValueError as error:
        raise UserError(str(error)) from error
    if not parts:
        return
    rows = pa.concat_tables(parts)
    rows = rows.filter(pc.is_null(rows['error']))
    rows = rows.sort_by([('place', 'ascending'), ('member', 'ascending')])
    if unique_texts:
        counts = pc.value_counts(rows['text']).to_pylist()
        twice = [x['values'] for x in counts if x['counts'] > 1]
        if twice:
            raise UserError(
                f'--wider: {len(twice)} names are shared by several photos '
                f'(first: {twice[0]}); use --json or --csv'
            )
    for batch in rows.to_batches(max_chunksize=1000):
        yield from map(_result, batch.to_pylist())


def _result(row: dict) -> Result:
    timing = row['seconds']
    timing['read'] += timing.pop('decode')
    faces = Faces(
        np.array(row['boxes'], np.float32).reshape(-1, 4),
        np.array(row['scores'], np.float32),
        # Only its size is asked for.
        np.broadcast_to(np.uint8(0), (row['height'], row['width'], 3)),
        row['path'],
        timing,
        row['enhancement'],
        row['incomplete'],
        row['limit'],
    )
    text = Path(row['text'])
    return Result(Source('photo', row['path'], text, text), faces)
