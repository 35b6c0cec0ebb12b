"""What runs next, on which worker, and what becomes of it."""
