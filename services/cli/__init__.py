"""The operator's command line: starts the pipeline, sends reference data and reports, shows status."""
