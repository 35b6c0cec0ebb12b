"""The file behind the ledger: its tables, its versions, its transactions, and copies of it."""
