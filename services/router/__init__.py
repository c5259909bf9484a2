"""The router: reads reports, writes each to the departments' topics and publishes one decision per report."""
