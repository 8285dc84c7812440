"""Signing in with the company's directory (LDAP)."""
