"""Commands that look at a running pipeline: one report's life, a department's topic."""
