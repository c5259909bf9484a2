"""HTTP that every service shares: problems, page or document, operations' routes, bodies, metrics, API documents."""
