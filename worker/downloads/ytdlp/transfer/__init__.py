"""How the bytes of a chosen format are fetched: manifests, pieces, spans, and how much of it."""
