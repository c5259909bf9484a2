"""What several tests share: fakes that pass the real ones' suites, whole stacks, loads, and readers of topics."""
