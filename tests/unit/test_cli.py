"""The command line: what it loads, and that every documented command is there."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"pydantic", "httpx", "websockets", "github", "jinja2", "yaml", "requests", "asyncio"}


def python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)


def test_help_loads_nothing_heavy() -> None:
    ended = python(
        "import sys\nfrom bot.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print('loaded:', sorted({HEAVY!r} & set(sys.modules)))"
    )
    assert ended.stdout.splitlines()[-1] == "loaded: []"


def test_judging_loads_no_client() -> None:
    ended = python(
        "import sys, bot.judge, bot.report\nprint(sorted({'httpx', 'github', 'websockets', 'jinja2'} & set(sys.modules)))"
    )
    assert ended.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["run", "probe", "judge", "report", "verify", "check", "schema", "recover", "demo"])
def test_each_command_is_there_and_documents_the_exit_codes(command: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bot", command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0
    assert "exit codes:" in ended.stdout
    assert "--format" in ended.stdout


def test_every_module_can_be_loaded_by_itself() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "bot").rglob("*.py"))
        if path.name != "__main__.py"
    ]
    ended = python(
        "import importlib\n"
        + "".join(f"importlib.import_module({name.removesuffix('.__init__')!r})\n" for name in modules)
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("RuntimeError('a\\x1b[31mb')", "there is no verdict, by a fault of stability-proof itself: RuntimeError: ab"),
        ("OSError(28, 'No space left on device', 'out/x')", "out/x: No space left on device; mend that"),
        ("KeyboardInterrupt()", "stopped"),
    ],
)
def test_what_nobody_foresaw_never_ends_in_the_exit_code_of_a_verdict(raised: str, said: str) -> None:
    ended = python(
        "import sys\nfrom bot import cli, commands\n"
        f"def fail(_arguments):\n    raise {raised}\n"
        "commands.check = fail\nsys.exit(cli.main(['check']))"
    )
    assert ended.returncode == 4
    assert ended.stderr.splitlines()[-1].startswith(f"stability-proof: {said}")
    assert ("Traceback" in ended.stderr) == ("RuntimeError" in raised)
