"""Backups of a running registry, and the way back: the database, then the tarballs that it names, last a manifest."""
