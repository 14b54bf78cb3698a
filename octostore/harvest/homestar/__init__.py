"""What Homestar reports: receipts, from files or from its database."""
