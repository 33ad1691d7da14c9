"""The target `cloud_run`: a revision of a service on Google Cloud Run, by the Admin API v2."""
