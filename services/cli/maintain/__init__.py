"""Commands for developers and maintainers: schemas, AsyncAPI, routing tables, lock files."""
