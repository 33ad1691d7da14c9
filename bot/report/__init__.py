"""A verdict for people and for machines. Pure; every text of a service goes through bot.safety.escape."""
