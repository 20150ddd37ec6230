"""``mmsrn detect --ray``: detection in many processes."""

from __future__ import annotations

import argparse

from mmsrn.utils.errors import UserError

from .arguments import positive
from .bulk_export import export
from .model_options import detector_settings
from .progress import Progress

__all__ = ['add_bulk_options', 'run_bulk']


def add_bulk_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a job on Ray.

    Args:
        parser (argparse.ArgumentParser): The parser of ``mmsrn detect``.
    """
    group = parser.add_argument_group(
        'many photos',
        "runs on Ray; install it with pip install 'mmsrn[ray]'. A source may "
        'also be a .tar or .parquet file of photos, a .txt list, or an '
        'address such as s3://bucket/photos. See docs/at_scale.md',
    )
    group.add_argument(
        '--ray',
        nargs='?',
        const='local',
        metavar='ADDRESS',
        help='run in several processes: on all cores of this machine, or on '
        'the Ray cluster at ADDRESS (auto: the cluster this machine '
        'belongs to); repeat the command to continue after an '
        'interruption',
    )
    group.add_argument(
        '--parquet',
        metavar='DIR',
        help='folder or address for the results of --ray; --json, --csv and '
        '--wider are written from it at the end',
    )
    group.add_argument(
        '--actors',
        type=positive,
        metavar='N',
        help='detectors that run at once (default: as many as fit)',
    )
    group.add_argument(
        '--actor-cpus',
        type=positive,
        default=1,
        metavar='N',
        help='cores per detector (default: 1)',
    )
    group.add_argument(
        '--actor-gpus',
        type=float,
        default=0,
        metavar='N',
        help='GPUs per detector, such as 1 or 0.5 (default: 0)',
    )
    group.add_argument(
        '--path-column',
        default='path',
        metavar='NAME',
        help='column of a .parquet source with the names of the photos '
        '(default: path)',
    )
    group.add_argument(
        '--bytes-column',
        default='bytes',
        metavar='NAME',
        help='column of a .parquet source with the image files (default: '
        'bytes)',
    )


def run_bulk(args: argparse.Namespace) -> int:
    """Detect on Ray.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        int: 1 if a photo could not be used, else 0.
    """
    if args.parquet is None:
        raise UserError(
            '--ray needs --parquet DIR, the folder for the results'
        )
    if args.out is not None or args.frames is not None:
        raise UserError(
            '--out and --frames do not work with --ray; draw single photos '
            'with mmsrn detect PHOTO --out DIR'
        )
    if args.trust_checkpoint:
        raise UserError(
            '--trust-checkpoint does not work with --ray; pack the model '
            'with tools/model_converters/pack_weights.py'
        )
    try:
        from mmsrn import bulk
    except ImportError as error:
        raise UserError(
            f"--ray needs more packages ({error}): pip install 'mmsrn[ray]'"
        ) from error
    settings = detector_settings(args)
    settings.update(model=args.model, config=args.config)
    if args.actor_gpus and args.device == 'auto':
        settings['device'] = 'cuda'
    with Progress() as progress:
        state = dict(done=0)

        def show(done: int, total: int | None) -> None:
            if not state['done']:
                progress.start('Photos', total)
            progress.advance(done - state['done'])
            state['done'] = done

        try:
            summary = bulk.detect(
                args.sources,
                args.parquet,
                address=args.ray,
                actors=args.actors,
                actor_cpus=args.actor_cpus,
                actor_gpus=args.actor_gpus,
                path_column=args.path_column,
                bytes_column=args.bytes_column,
                on_rows=show,
                **settings,
            )
        except (bulk.BulkError, OSError, ValueError) as error:
            raise UserError(str(error)) from error
    print(summary)
    if args.json or args.csv or args.wider:
        export(args.parquet, args)
    return 1 if summary.errors or summary.lost else 0
