"""One probe's findings in full, for whoever asks about them."""

from bot.model import Verdict
from bot.report.markdown import templates
from bot.report.view import Links, View

MOST_FINDINGS = 30


def explanation(verdict: Verdict, probe: str, artifact: str, digest: str) -> str:
    """All that the verdict says of a probe, as Markdown. `artifact` and `digest` are the proof's.

    Raises:
        KeyError: the verdict has no finding on such a probe.
    """
    view = View(verdict, Links())
    group = next((each for each in view.groups if each.probe == probe), None)
    if group is None:
        raise KeyError(probe)
    findings = group.findings[:MOST_FINDINGS]
    return (
        templates()
        .get_template("explain.md.j2")
        .render(
            view=view,
            v=verdict,
            probe=probe,
            title=group.title,
            findings=findings,
            left=len(group.findings) - len(findings),
            commands=list(dict.fromkeys(each.reproduce for each in group.findings if each.reproduce))[:5],
            artifact=artifact,
            digest=digest,
        )
    )
