# The action's image. A runner builds it with `docker build` and no arguments, with either of Docker's builders.
# A release passes BASE by digest, and action.yml then names the finished image by digest: nobody builds on use.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
COPY requirements/runtime.txt /tmp/runtime.txt
# An environment of its own: a deployed service that installs packages into /usr/local cannot change the bot's.
RUN python -m venv --without-pip /opt/stability-proof \
 && pip --python /opt/stability-proof/bin/python install --no-cache-dir --no-deps --no-compile --require-hashes \
      --requirement /tmp/runtime.txt
COPY bot /opt/stability-proof/bot
# unchecked-hash: the container starts for every verdict, and this way Python compiles and compares nothing when it does
RUN mv /opt/stability-proof/bot /opt/stability-proof/lib/python3*/site-packages/ \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/stability-proof/lib

FROM ${BASE}
# git: the process target checks commits out. The workspace belongs to another user than root, hence safe.directory.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/apt /var/log/dpkg.log /usr/share/doc/* /usr/share/man/* \
 && git config --system safe.directory '*' \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '/(site-packages|test|idlelib|tkinter|turtledemo|ensurepip|lib2to3|pydoc_data)/' \
      "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/stability-proof /opt/stability-proof
COPY container /usr/local/bin

# No USER and no WORKDIR: the runner mounts files that only root may write, and sets /github/workspace itself.
# -I: neither the workspace (a folder `bot`, a file `yaml.py`) nor PYTHONPATH may put code in the bot's way.
ENTRYPOINT ["/opt/stability-proof/bin/python", "-I", "-u", "-m", "bot.action"]
