"""Benchmarks of the pipeline, as ratios to a named baseline of the same run: ``make bench``."""
