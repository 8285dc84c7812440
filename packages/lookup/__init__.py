"""The index that search reads: what packages are about, kept current by the database and asked of its own engine."""
