"""`python -m chat --port 8000`: run the service until it is told to stop."""

import argparse
import signal
import sys

import uvicorn

from chat import logs
from chat.app import create_app
from chat.settings import Settings, SettingsError


def main() -> int:
    """Return the exit code: 0 after SIGTERM or SIGINT, 2 when the environment is incomplete."""
    parser = argparse.ArgumentParser(prog="python -m chat", description="Run the chat service.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()

    # uvicorn raises the signal again once it has shut down; without this the exit code would be that of a kill
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logs.configure()
    try:
        settings = Settings.from_environ()
    except SettingsError as error:
        logs.write("settings_refused", level="error", reason=str(error))
        return 2
    try:
        uvicorn.run(
            create_app(settings),
            host=arguments.host,
            port=arguments.port,
            ws="websockets-sansio",
            ws_max_size=64 * 1024,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=3,
        )
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
