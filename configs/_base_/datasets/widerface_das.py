# WIDER FACE with data-anchor-sampling instead of expansion and crops.
_base_ = './widerface.py'

train_pipeline = [
    *_base_.train_pipeline[:3],  # load, distort colours
    dict(
        type='DataAnchorSampling',
        scales=(16, 32, 64, 128, 256, 512),
        crop_size=640,  # also the training size
        keep_rule='center',
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
