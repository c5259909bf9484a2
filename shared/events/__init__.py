"""The events of the pipeline as CloudEvents in binary mode, named in the past tense. Pure."""
