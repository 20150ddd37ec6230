from mmdet.datasets import XMLDataset
from mmdet.registry import DATASETS


@DATASETS.register_module()
class VOCFaceDataset(XMLDataset):
    METAINFO = {'classes': ('face',), 'palette': [(0, 255, 0)]}

    def __init__(
        self,
        class_map=None,
        img_subdir='images',
        ann_subdir='annotations',
        **kwargs,
    ):
        self.class_map = class_map or {}
        super().__init__(
            img_subdir=img_subdir, ann_subdir=ann_subdir, **kwargs
        )

    def _parse_instance_info(self, raw_ann_info, minus_one=True):
        for obj in raw_ann_info.findall('object'):
            name = obj.find('name')
            name.text = self.class_map.get(
                name.text, self.class_map.get('*', name.text)
            )
        return super()._parse_instance_info(raw_ann_info, minus_one)
