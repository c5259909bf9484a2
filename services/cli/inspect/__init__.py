"""Commands that inspect a running pipeline: the history of a report, a department's topic, the processes."""
