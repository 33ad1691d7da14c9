"""`rollout`: what users got while traffic moved. Judged by itself: it needs no baseline, the time before is its own."""
