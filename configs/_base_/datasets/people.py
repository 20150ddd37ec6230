# Photos of people from several sources, labelled by people or by detectors
# (docs/pseudo_labels.md). Each source has SOURCE_train_bbx_gt.txt in WIDER
# FACE's layout beside images/, but facemask, which is in VOC's layout.
data_root = 'data/people/'
facemask_root = 'data/facemask/'
# How often each source is drawn, relative to the others.
shares = dict(
    webfaces=21,
    facemask_hires=13,
    facemask=13,
    macwin_mask=11,
    karan_actors=10,
    crowds=10,
    streets=7,
    lspet_sports=5,
    portraits=8,
    ccp_street=2,
    phone=2,
)
# Sources of small photos with few faces: half of them go into mosaics of four.
in_mosaics = ('webfaces', 'portraits', 'lspet_sports', 'ccp_street')
crop = (640, 640)
photo_side = 640  # longer side of test photos
ratio_range = (0.5, 1.6)  # of photo_side
mosaic_ratio_range = (0.4, 1.1)  # of twice the crop
mosaic_prob = 0.5
low_light_prob = 0.15
batch_size = 4
num_workers = 2

test_scale = (photo_side, photo_side)
looks = [
    dict(type='RandomLowLight', prob=low_light_prob),
    dict(
        type='RandomGrayscale',
        prob=0.1,
        keep_channels=True,
        channel_weights=(0.114, 0.587, 0.299),
    ),
    dict(type='PhotoMetricDistortion'),
]
cut = [
    dict(type='RandomCrop', crop_size=crop, allow_negative_crop=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=crop),
    dict(type='PackDetInputs'),
]
load = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
]
resize = dict(
    type='RandomResize',
    scale=test_scale,
    ratio_range=ratio_range,
    keep_ratio=True,
)
resize_mosaic = dict(
    type='RandomResize',
    scale=(2 * crop[0], 2 * crop[1]),
    ratio_range=mosaic_ratio_range,
    keep_ratio=True,
)
mosaic = dict(type='Mosaic', img_scale=crop, prob=mosaic_prob, pad_val=114.0)

sources = []
for source in shares:
    dataset = dict(
        type='WiderFaceDataset',
        data_root=data_root,
        ann_file=f'{source}_train_bbx_gt.txt',
        data_prefix=dict(img='images/'),
    )
    if source == 'facemask':
        dataset = dict(
            type='VOCFaceDataset',
            data_root=facemask_root,
            ann_file='train.txt',
            data_prefix=dict(sub_data_root=''),
            class_map={'*': 'face'},
        )
    if source in in_mosaics:
        dataset = dict(
            type='MultiImageMixDataset',
            dataset=dict(dataset, pipeline=load),
            pipeline=[mosaic, *looks, resize_mosaic, *cut],
        )
    else:
        dataset['pipeline'] = [*load, *looks, resize, *cut]
    sources.append(dataset)
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=False,
    sampler=dict(
        type='SourceRatioSampler', source_ratio=list(shares.values())
    ),
    dataset=dict(type='ConcatDataset', datasets=sources),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='WiderFaceDataset',
        data_root=data_root,
        ann_file='webfaces_val_bbx_gt.txt',
        data_prefix=dict(img='images/'),
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='ProtocolResize', scale=test_scale),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(
                type='PackDetInputs',
                meta_keys=(
                    'img_id',
                    'img_path',
                    'ori_shape',
                    'img_shape',
                    'scale_factor',
                    'protocol',
                    'instances',
                ),
            ),
        ],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type='CocoMetric',
    metric='bbox',
    ann_file=None,  # take the ground truth from the dataset
    proposal_nums=(100, 300, 1000),
)
test_evaluator = val_evaluator
