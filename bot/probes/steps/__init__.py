"""One file per kind of step of a journey."""
