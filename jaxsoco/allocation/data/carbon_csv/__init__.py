"""Reading carbon intensity from the CSV layouts that sources publish."""
