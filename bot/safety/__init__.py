"""What keeps untrusted text and secrets from doing harm. It stands beside the ground floor; every room may use it."""
