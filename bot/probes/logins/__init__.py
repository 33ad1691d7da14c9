"""One file for each kind of login."""
