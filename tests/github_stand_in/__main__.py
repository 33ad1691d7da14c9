"""Start the stand-in by itself: `python -m tests.github_stand_in --port 8080 --state kept.json --repository octo/chat`."""

import argparse
import signal
import sys
from pathlib import Path

from tests.github_stand_in.stand_in import StandIn


def main() -> int:
    """Serve until a signal; 1 if anything was not as GitHub's API is described."""
    parser = argparse.ArgumentParser(prog="python -m tests.github_stand_in", description="A stand-in for GitHub.")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; 0.0.0.0 for containers")
    parser.add_argument("--public-host", help="the host in printed addresses, as a container sees it")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--results-port", type=int, default=0, help="for artifacts and their blobs")
    parser.add_argument("--state", type=Path, help="a JSON file that everything is read from and kept in")
    parser.add_argument("--repository", action="append", default=[], metavar="OWNER/NAME", help="make it, with a token")
    parser.add_argument("--git", type=Path, help="the git repository that the first --repository is read from")
    given = parser.parse_args()
    github = StandIn(
        host=given.host,
        port=given.port,
        public_host=given.public_host,
        results_port=given.results_port,
        state=given.state,
    )
    # blocked before the servers' threads start, so that the signal waits for sigwait below
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with github:
        for place, name in enumerate(given.repository):
            github.repository(name, **({"git": given.git} if given.git and place == 0 else {}))
        print(f"GITHUB_API_URL={github.url}\nACTIONS_RESULTS_URL={github.results_url}")
        for name in github.world.repositories:
            print(f"GITHUB_TOKEN={github.token(name)}  # {name}")
        sys.stdout.flush()
        github.save()
        signal.sigwait(signals)
    for violation in github.violations:
        print(violation, file=sys.stderr)
    return 1 if github.violations else 0


if __name__ == "__main__":
    sys.exit(main())
