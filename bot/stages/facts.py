"""What the event does not say, and what has to be known before it is clear what it asks for."""

from pathlib import Path
from urllib.parse import quote

from bot.github.client import Client, Missing
from bot.github.environment import Environment
from bot.github.event import Facts, in_question
from bot.model.errors import GitHubError, UsageError


def gather(environment: Environment) -> Facts:
    """The facts. Only the events that ask for one cost a request or a look at the spec.

    Raises:
        StabilityProofError: GitHub does not say, or the spec cannot be read.
    """
    commit = in_question(environment.event_name, environment.event, environment.inputs.get("commit"))
    contained = None if commit is None else _on_default_branch(environment, commit)
    if environment.event_name != "deployment_status":
        return Facts(on_default_branch=contained)
    from bot import spec
    from bot.deploy.url import UrlTarget

    home = Path(environment.inputs.get("working-directory", "."))
    # without its variables: what comes to nothing must not ask for secrets first
    loaded = spec.load(home / environment.inputs.get("spec", "stability.yml"))
    return Facts(
        on_default_branch=contained,
        environment=environment.inputs.get("environment", loaded.environment),
        url=loaded.target.url if isinstance(loaded.target, UrlTarget) else None,
        hosts=loaded.target.hosts if isinstance(loaded.target, UrlTarget) else (),
        server_url=environment.server_url,
    )


def _on_default_branch(environment: Environment, commit: str) -> bool:
    repository = environment.event.get("repository")
    default = repository.get("default_branch") if isinstance(repository, dict) else None
    if not isinstance(default, str):
        raise UsageError(f"the event {environment.event_name!r} is not as GitHub sends it: it names no default branch")
    client = Client(environment.api_url, environment.token, environment.repository)
    between = f"{commit}...{quote(default, safe='')}"
    try:
        compared = client.json("contents: read", "GET", f"/repos/{environment.repository}/compare/{between}")
    except Missing:
        return False
    except GitHubError as error:
        raise GitHubError(f"it cannot be seen whether {commit} is on {default}: {error}") from None
    return isinstance(compared, dict) and compared.get("status") in ("ahead", "identical")
