"""The log's tables and functions, migrated by Alembic."""
