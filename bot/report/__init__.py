"""A verdict for people and for machines. Pure; every text of a service goes through bot.safety.escape."""

from bot.report.explaining import explanation
from bot.report.html import html
from bot.report.machine import junit, sarif
from bot.report.markdown import comment, summary
from bot.report.plain import check_title, status_line, text
from bot.report.view import Links
from bot.safety.escape import prose

__all__ = [
    "Links",
    "check_title",
    "comment",
    "explanation",
    "html",
    "junit",
    "prose",
    "sarif",
    "status_line",
    "summary",
    "text",
]
