"""What an ONNX file says about itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from mmsrn.utils.facts import check_facts, read_json

__all__ = ['FORMAT', 'ModelFacts']

#: Value of the key ``format``; the number grows if a reader must know.
FORMAT = 'mmsrn-onnx-1'
#: Facts that older files lack.
_OPTIONAL = {'vote_iou'}


@dataclass(frozen=True)
class ModelFacts:
    """Facts that travel in ``metadata_props`` of an ONNX file.

    Normalisation, the gate of STC and the threshold of candidates are part of
    the graph, and named for the reader; the rest is for what comes before and
    after the graph.

    Attributes:
        name (str): Name of the model.
        licence (str): Terms of the weights.
        classes (list[str]): Names, in the order of the scores.
        test_scale (int | str): Longer side, in pixels, to which photos are
            resized, or ``'original'``.
        score_thr (float): Least score of what is called a face.
        mean, std (list[float]): Of the channels, in the order in which the
            network sees them; empty if it takes pixels as they are.
        to_rgb (bool): Whether the network sees RGB. The graph takes BGR.
        theta (float): Threshold of STC.
        candidate_thr (float): What scores exceed on large maps.
        small_map_cells (int): Maps of fewer cells pass every score.
        nms_pre (int): Most candidates of a level; -1 for all.
        nms_iou (float): Overlap above which the lower score goes.
        nms_offset (int): 1 if boxes name their first and last pixel.
        max_per_img (int): Most faces; -1 for all.
        vote_iou (float, optional): IoU from which candidates vote for the box
            of a detection; None: NMS keeps boxes as they are.
        precision (str): ``'fp32'``, ``'fp16'`` or ``'int8'``.
        nms_in_graph (bool): Whether the graph ends after NMS.
    """

    name: str
    licence: str
    classes: list[str]
    test_scale: int | str
    score_thr: float
    mean: list[float]
    std: list[float]
    to_rgb: bool
    theta: float
    candidate_thr: float
    small_map_cells: int
    nms_pre: int
    nms_iou: float
    nms_offset: int
    max_per_img: int
    vote_iou: float | None = None
    precision: str = 'fp32'
    nms_in_graph: bool = False

    @property
    def limits(self) -> dict[str, int | float | None]:
        """Arguments of :func:`mmsrn.deployment.postprocess`."""
        return dict(
            nms_pre=self.nms_pre,
            iou_threshold=self.nms_iou,
            offset=self.nms_offset,
            max_per_img=self.max_per_img,
            vote_iou=self.vote_iou,
        )

    def to_metadata(self) -> dict[str, str]:
        """All facts as texts.

        Returns:
            dict[str, str]: ``format``, and each fact as json.
        """
        facts = {name: json.dumps(x) for name, x in asdict(self).items()}
        return dict(format=FORMAT, **facts)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> ModelFacts:
        """Read what :meth:`to_metadata` wrote.

        Args:
            metadata (Mapping[str, str]): It, and perhaps other keys.

        Returns:
            ModelFacts: The facts.

        Raises:
            ValueError: If a fact is missing, no json, or not what it should
                be.
        """
        if metadata.get('format') != FORMAT:
            raise ValueError(
                f"its key 'format' is {metadata.get('format')!r}, not "
                f'{FORMAT!r}'
            )
        facts = {}
        for name in (x.name for x in fields(cls)):
            if name not in metadata:
                if name in _OPTIONAL:
                    continue
                raise ValueError(f'its key {name!r} is missing')
            try:
                facts[name] = read_json(metadata[name])
            except ValueError as error:
                raise ValueError(f'its key {name!r} {error}') from None
        check_facts(facts)
        return cls(**facts)
