"""``laksa migrate stats``: migrate the tables of LAKSA_DATABASE_URL to the newest revision."""

from pathlib import Path

from shared.db.migrating import migrate

MIGRATIONS = Path(__file__).parent / "migrations"

if __name__ == "__main__":
    migrate(MIGRATIONS)
