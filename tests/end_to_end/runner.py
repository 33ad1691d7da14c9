"""Starts a docker action as GitHub's runner does: the same `docker build`, the same `docker run`, the same files.

What the runner does is read from its source (actions/runner, v2.336): `ContainerActionHandler.cs` and
`DockerCommandManager.cs` for the command lines, `Handler.cs` for `INPUT_*`, `FileCommandManager.cs` for the files that
carry outputs and state, `ProcessInvoker.cs` for how a job is cancelled.
"""

import ipaddress
import json
import os
import re
import secrets
import signal
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SIGINT_SECONDS, SIGTERM_SECONDS = 7.5, 2.5
"""How long the runner waits after each signal when a job is cancelled."""

FILE_COMMANDS = {
    "GITHUB_OUTPUT": "set_output_",
    "GITHUB_STATE": "save_state_",
    "GITHUB_STEP_SUMMARY": "step_summary_",
    "GITHUB_ENV": "set_env_",
    "GITHUB_PATH": "add_path_",
}
RUNTIME_VARIABLES = ("ACTIONS_RUNTIME_URL", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_RESULTS_URL", "ACTIONS_CACHE_URL")


@dataclass(frozen=True)
class Ended:
    """What is left of one `docker run`: `log` is what the job's log shows, both streams in order."""

    exit_code: int
    log: str
    outputs: Mapping[str, str]
    state: Mapping[str, str]
    summary: str


@dataclass
class Runner:
    """One job on one machine, with one docker action in it.

    `temp` becomes the runner's temp folder, `workspace` the checkout. `environment` is what the workflow and the runner
    set (`GITHUB_*`, `ACTIONS_*`, secrets in `env:`); what the runner derives itself need not be in it.
    """

    action: Path
    workspace: Path
    temp: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    event: bytes = b"{}"
    token: str = "a-token-of-the-job"
    image: str = ""
    layers: list[str] = field(default_factory=list)
    stages: "list[Started]" = field(default_factory=list)

    def build(self) -> str:
        """Build the action's image with the runner's command line, and return its name."""
        self.image = f"{secrets.token_hex(3)}:{uuid.uuid4().hex}"
        command = ["docker", "build", "-t", self.image, "-f", str(self.action / "Dockerfile"), str(self.action)]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]
        self.layers = re.findall(r"^ ---> ([0-9a-f]{12})$", built.stdout, re.MULTILINE)
        return self.image

    def unbuild(self) -> None:
        """Remove the image, and what Docker's older builder leaves of the stages before: images without a name."""
        nameless = subprocess.run(
            ["docker", "images", "--quiet", "--filter", "dangling=true"], capture_output=True, text=True, check=True
        ).stdout.split()
        words = ["docker", "rmi", "--force", self.image, *set(nameless).intersection(self.layers)]
        subprocess.run(words, capture_output=True, check=False)

    def main(
        self, inputs: Mapping[str, str] | None = None, *, entrypoint: str = "", arguments: Sequence[str] = ()
    ) -> Ended:
        """The step itself, to its end."""
        return self.start(inputs, entrypoint=entrypoint, arguments=arguments).wait()

    def post(self, before: Ended, inputs: Mapping[str, str] | None = None) -> Ended:
        """The step after the job: a new container with the action's `post-entrypoint` and the state that was saved."""
        entrypoint = str(self._description()["runs"]["post-entrypoint"])
        return self.start(inputs, entrypoint=entrypoint, state=before.state).wait()

    def start(
        self,
        inputs: Mapping[str, str] | None = None,
        *,
        entrypoint: str = "",
        arguments: Sequence[str] = (),
        state: Mapping[str, str] | None = None,
    ) -> "Started":
        """`docker run`, and return while it runs. `entrypoint` is `runs.entrypoint` or `runs.post-entrypoint`."""
        files = self._files()
        variables = {
            **self.environment,
            **self._inputs(inputs or {}),
            **{f"STATE_{name}": value for name, value in (state or {}).items()},
            **{variable: f"/github/file_commands/{file.name}" for variable, file in files.items()},
            "HOME": "/github/home",
            "GITHUB_WORKSPACE": "/github/workspace",
            "GITHUB_EVENT_PATH": "/github/workflow/event.json",
            "RUNNER_TEMP": "/github/runner_temp",
            "RUNNER_OS": "Linux",
        }
        name = f"{re.sub('[^a-zA-Z0-9]', '', self.image)}_{secrets.token_hex(3)}"
        command = ["docker", "run", "--name", name, "--label", secrets.token_hex(3)]
        command += ["--workdir", "/github/workspace", "--rm"]
        for variable in variables:  # names only: the values come from the docker client's own environment
            command += ["-e", variable]
        command += ["-e", "GITHUB_ACTIONS=true", "-e", "CI=true"]
        if entrypoint:
            command += ["--entrypoint", entrypoint]
        for source, target in {
            Path("/var/run/docker.sock"): "/var/run/docker.sock",
            self.temp: "/github/runner_temp",
            self.temp / "_github_home": "/github/home",
            self.temp / "_github_workflow": "/github/workflow",
            self.temp / "_runner_file_commands": "/github/file_commands",
            self.workspace: "/github/workspace",
        }.items():
            command += ["-v", f"{source}:{target}"]
        command += [self.image, *arguments]
        client = {key: os.environ[key] for key in ("PATH", "DOCKER_HOST") if key in os.environ}
        process = subprocess.Popen(
            command,
            env={**client, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.stages.append(Started(process, name, files))
        return self.stages[-1]

    def end(self) -> None:
        """End what a test that failed left running."""
        for each in self.stages:
            if each.process.poll() is None:
                each.kill()

    def _files(self) -> dict[str, Path]:
        """Lay out the folders that are mounted, and this stage's own, empty command files."""
        for name in ("_github_home", "_github_workflow", "_runner_file_commands"):
            (self.temp / name).mkdir(parents=True, exist_ok=True)
        (self.temp / "_github_workflow" / "event.json").write_bytes(self.event)
        folder, stage = self.temp / "_runner_file_commands", uuid.uuid4()
        files = {variable: folder / f"{prefix}{stage}" for variable, prefix in FILE_COMMANDS.items()}
        for file in files.values():
            file.touch()
        return files

    def _inputs(self, given: Mapping[str, str]) -> dict[str, str]:
        """`INPUT_*`: upper case, spaces to underscores, hyphens kept; an input without a default is empty."""
        declared: dict[str, dict[str, str]] = self._description()["inputs"]
        unknown = set(given) - set(declared)
        assert not unknown, f"the runner would warn: unexpected inputs {sorted(unknown)}"
        values = {name: str(about.get("default", "")) for name, about in declared.items()} | dict(given)
        return {
            "INPUT_" + name.replace(" ", "_").upper(): value.replace("${{ github.token }}", self.token)
            for name, value in values.items()
        }

    def _description(self) -> dict[str, Any]:
        description: dict[str, Any] = yaml.safe_load((self.action / "action.yml").read_text())
        return description


@dataclass
class Started:
    """A stage that runs."""

    process: subprocess.Popen[bytes]
    container: str
    files: Mapping[str, Path]

    def cancel(self) -> Ended:
        """Cancel the job: SIGINT to the docker client, later SIGTERM, then the container is given up."""
        for number, seconds in ((signal.SIGINT, SIGINT_SECONDS), (signal.SIGTERM, SIGTERM_SECONDS)):
            self.process.send_signal(number)
            try:
                return self.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
        return self.kill()

    def kill(self) -> Ended:
        """The container's process gone at once, as when memory runs out."""
        subprocess.run(["docker", "kill", self.container], capture_output=True, check=False)
        return self.wait()

    def wait(self, seconds: float | None = None) -> Ended:
        """Wait for its end, and read what it left."""
        log, _ = self.process.communicate(timeout=seconds)
        return Ended(
            self.process.returncode,
            log.decode(errors="replace"),
            pairs(self.files["GITHUB_OUTPUT"].read_text()),
            pairs(self.files["GITHUB_STATE"].read_text()),
            self.files["GITHUB_STEP_SUMMARY"].read_text(),
        )


def pairs(text: str) -> dict[str, str]:
    """The pairs of a command file: `NAME=VALUE`, or `NAME<<DELIMITER`, lines, `DELIMITER`.

    Raises:
        ValueError: where the runner would fail the step.
    """
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if not line:
            continue
        heredoc, equals = line.find("<<"), line.find("=")
        if heredoc >= 0 and (equals < 0 or heredoc < equals):
            name, delimiter = line.split("<<", 1)
            value: list[str] = []
            for each in lines:
                if each == delimiter:
                    break
                value.append(each)
            else:
                raise ValueError(f"Invalid value. Matching delimiter not found '{delimiter}'")
            found[name] = "\n".join(value)
        elif equals > 0:
            name, found[name] = line.split("=", 1)[0], line.split("=", 1)[1]
        else:
            raise ValueError(f"Invalid format '{line}'")
    return found


def host_address() -> str:
    """Where a server on this machine answers a container on the default bridge: not on `localhost`."""
    command = ["docker", "network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}"]
    config = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)[0]
    # an engine that has not yet been asked for it leaves the gateway out; it is the first address then
    return str(config.get("Gateway") or ipaddress.ip_network(config["Subnet"])[1])
