"""An AI-chat backend: sign-in, threads of messages, and an agent that answers over a WebSocket."""

VERSION = "2.3.0"
