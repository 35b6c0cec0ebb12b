"""From the ledger to the pools and back: what runs next, and what becomes of it."""
