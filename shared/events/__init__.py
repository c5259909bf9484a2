"""The events of the pipeline: what happened, in the past tense, as CloudEvents in binary mode. Pure."""
