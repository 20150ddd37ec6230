"""What custom sets have in common: images to find, classes to fold."""

from pathlib import Path

from mmsrn.evaluation.readers import AnnotationError
from mmsrn.utils.file_finder import FileFinder
from mmsrn.utils.image_files import IMAGE_SUFFIXES

from .face_dataset import FaceDataset
from .face_labels import (
    ClassMap,
    Remarks,
    check_stated_sizes,
    place_boxes,
    refuse_shares,
)
from .image_sizes import read_headers


class CustomSet(FaceDataset):
    """A set of somebody's own.

    Args:
        class_map (dict[str, str | None], optional): Name in the annotations
            to class, or to None; see ``ClassMap``.
        **kwargs: Arguments of ``FaceDataset``.

    Attributes:
        names (ClassMap): Folds names, and counts them.
        remarks (Remarks): What was mended, which ``build`` tells.

    Raises:
        AnnotationError: If annotations or images are missing or malformed.
    """

    def __init__(
        self, *args, class_map: dict[str, str | None] | None = None, **kwargs
    ) -> None:
        self.class_map = dict(class_map or {})
        self.remarks = Remarks()
        super().__init__(*args, **kwargs)

    def full_init(self) -> None:
        """Read the annotations, unless that is done."""
        # The classes are known from here on.
        self.names = ClassMap(self.class_map, self._metainfo['classes'])
        super().full_init()

    @property
    def image_folder(self) -> Path:
        """Path: Folder of the images, ``data_root`` by default."""
        prefix = self.data_prefix
        folder = prefix.get('img') or prefix.get('img_path') or self.data_root
        return Path(folder or '')

    def find_images(self, named: list[tuple[str, str]]) -> list[Path]:
        """Find images in ``image_folder``.

        Args:
            named (list[tuple[str, str]]): The name of each, however it is
                written, and where it stands, for messages.

        Returns:
            list[Path]: Their paths.

        Raises:
            AnnotationError: If one is not there, or not the only one.
        """
        folder = self.image_folder
        if not folder.is_dir():
            raise AnnotationError(
                f'{folder}: no such folder of images; check data_root and '
                'data_prefix'
            )
        finder = FileFinder(folder, IMAGE_SUFFIXES)
        paths = []
        for name, where in named:
            found = finder.find(name)
            if len(found) > 1:
                raise AnnotationError(
                    f'{where}: {name} may mean {found[0]} or {found[1]} in '
                    f'{folder}; write its folder too'
                )
            if not found:
                raise AnnotationError(
                    f'{where}: {name} is no image in {folder} '
                    f'({", ".join(IMAGE_SUFFIXES)}); check data_root and '
                    'data_prefix'
                )
            paths.append(folder / found[0])
        return paths

    def build(self, images: list[dict]) -> list[dict]:
        """Compare annotations with the images, and mend what can be.

        Args:
            images (list[dict]): ``img_id``; ``path``; ``where`` it stands,
                for messages; the size ``stated``, if there is one;
                ``instances``, of which ``bbox`` are corners in pixels, or in
                shares of the image if ``shares`` is set.

        Returns:
            list[dict]: As mmdet keeps them.

        Raises:
            AnnotationError: See the class.
        """
        refuse_shares(
            (
                x['bbox']
                for image in images
                if not image.get('shares')
                for x in image['instances']
            ),
            self.ann_file or str(self.image_folder),
        )
        paths = [str(x['path']) for x in images]
        headers = dict(zip(paths, read_headers('', paths)))
        stated = {
            path: x['stated']
            for path, x in zip(paths, images)
            if x['instances'] and x.get('stated')
        }
        other = check_stated_sizes(stated, headers, self.ann_file)
        data_list = [
            self._info(x, path, headers[path].size, path not in other)
            for path, x in zip(paths, images)
        ]
        source = self.ann_file or str(self.image_folder)
        self.remarks.tell(source)
        total = sum(len(x['instances']) for x in images)
        self._log_counts(source, total, data_list)
        return data_list

    def _info(
        self, image: dict, path: str, size: tuple[int, int], trusted: bool
    ) -> dict:
        instances = image['instances']
        if image.get('shares'):
            # No size can be wrong, and centres are what must be inside.
            trusted = False
            for x in instances:
                x['bbox'] = [a * b for a, b in zip(x['bbox'], size * 2)]
        try:
            instances = place_boxes(
                instances, size, self.remarks, path, trusted
            )
        except ValueError as error:
            raise AnnotationError(f'{image["where"]}: {error}') from None
        least = self.min_box_size
        return dict(
            img_id=image['img_id'],
            img_path=path,
            width=size[0],
            height=size[1],
            instances=[
                x
                for x in instances
                if x['bbox'][2] - x['bbox'][0] >= least
                and x['bbox'][3] - x['bbox'][1] >= least
            ],
        )
