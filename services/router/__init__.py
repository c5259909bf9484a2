"""The router: report in, department's topic out, and one decision record per report."""
