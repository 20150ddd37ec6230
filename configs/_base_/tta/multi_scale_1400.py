# The published multi-scale test: `tools/test.py CONFIG CHECKPOINT --tta`.
tta_model = dict(
    type='BBoxVotingTTAModel',
    vote_iou=0.5,
    keep_single=False,  # True or 'last': keep boxes without support
    max_per_img=750,
    offset=0,  # corners are edges, as in mmdet; 1 for converted weights
    max_pixels=None,  # of one forward pass; larger views are tiled
)
tta_pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='MultiScaleTestTimeAug',
        max_size=1400,
        transforms=[
            dict(
                type='PackDetInputs',
                meta_keys=(
                    'img_id',
                    'img_path',
                    'ori_shape',
                    'img_shape',
                    'scale_factor',
                    'flip',
                    'flip_direction',
                    'instances',
                ),
            )
        ],
    ),
]
