"""What is observed of a revision: one file per kind of probe, steps/ for journeys, and the engine that runs them."""
