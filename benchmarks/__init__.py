"""How fast the pipeline is, as ratios against a named baseline of the same run: ``make bench``."""
