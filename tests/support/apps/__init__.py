"""Services inside the test's own process."""
