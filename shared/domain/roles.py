"""The role of a department towards a report."""

OWNER = "owner"  # one per report: its clock, its status, the department in the statistics
INFORMED = "informed"  # any number: pushed to, without a clock
