"""Face evaluation: published protocols in numpy, and metrics for mmdet.

``mmsrn.evaluation.protocols`` holds one file for each benchmark and needs
numpy alone, ``mmsrn.evaluation.readers`` what they read; importing
``mmsrn.evaluation.metrics`` registers the metrics in mmdet.
"""
