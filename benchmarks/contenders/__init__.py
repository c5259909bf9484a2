"""What the services are compared with: small programs that do the same job, each in a process of its own."""
