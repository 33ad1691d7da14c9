"""The target `kubernetes`: a candidate Deployment beside the stable one, then the stable one's own rollout."""
