"""What the probe `refuses` is made of: forged credentials, and where they are shown."""
