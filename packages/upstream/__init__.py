"""Packages of the upstream registry, mirrored on the way: asked for once, validated, verified, and kept.

registries says where to ask, ownership what is never asked; client asks, reading (pure) validates what came, comparing
(pure) says what is new, keeping writes it; mirroring leads through all of that. documents and fetching give clients
what they came for; audits, signing, attestations and finding ask about other things than packages.
"""
