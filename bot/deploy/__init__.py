"""Where a revision goes: one file per target."""
