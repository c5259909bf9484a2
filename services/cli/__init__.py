"""The operator's command line: starts everything, sends the reference data, reports, watches."""
