"""Services and whole pipelines as processes of their own."""
