"""The target `docker`: a revision is a container on this machine's engine."""
