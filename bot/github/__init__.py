"""GitHub: events in, comments, statuses, checks and issues out."""
