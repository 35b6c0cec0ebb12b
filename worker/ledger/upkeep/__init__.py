"""The ledger as maintenance and the operator use it: questions, orders, removal of old rows."""
