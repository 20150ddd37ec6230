# The light SRN behind a curve estimation network; both learn together, here
# on the dark copy of the set. To start from an enhancer that has learnt by
# itself, or to keep it so:
#   --cfg-options model.enhancer_checkpoint=FILE model.frozen=True
_base_ = [
    '../srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py',
    '../_base_/models/zero-dce.py',
]

model = dict(
    _delete_=True,
    type='EnhancedDetector',
    enhancer=_base_.enhancer,
    detector=_base_.model,
    frozen=False,
    enhancer_checkpoint=None,
)

# tools/dataset_converters/darken_dataset.py data/facemask data/facemask-dark
data_root = 'data/facemask-dark/'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    # The usual 32 would drown what there is in the dark.
    dict(type='PhotoMetricDistortion', brightness_delta=4),
    dict(
        type='RandomResize',
        scale=_base_.test_scale,
        ratio_range=_base_.train_ratio_range,
        keep_ratio=True,
    ),
    dict(
        type='RandomCrop',
        crop_size=_base_.train_crop,
        allow_negative_crop=True,
    ),
    dict(type='RandomFlip', prob=0.5),
    # No Pad: black borders would enter the losses of the enhancer; the data
    # preprocessor pads, and tells where.
    dict(type='PackDetInputs'),
]
train_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
