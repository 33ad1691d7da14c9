"""What nobody foresaw, in words: such a thing is the bot's failure, and says nothing of the service."""

import traceback

from bot.safety.escape import shown_line, terminal


def in_words(error: Exception) -> str:
    """One message. What the machine refused, a full disk say, can be mended; the rest is a fault of ours."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return terminal(f"{where}{error.strerror}; mend that, and run it again")
    return terminal(f"there is no verdict, by a fault of stability-proof itself: {type(error).__name__}: {error}")


def trace(error: Exception) -> str:
    """Where a fault of ours is, for whoever reports it; nothing for what the machine refused."""
    if isinstance(error, OSError) and error.strerror:
        return ""
    return "".join(f"{shown_line(line)}\n" for line in "".join(traceback.format_exception(error)).splitlines())
