"""A compose project whose services are named as those of the watched applications.

`docker compose` is what runbooks say; Debian 12 brings `docker-compose` 1.29 in its place.
`WRAPPER` stands on PATH as `docker` and hands over, but for two commands. `logs` of 1.29 knows no
`--since`, so it goes to `docker logs`, whose options are the same. `exec` looks for the service,
and runs its command in the container where the image of the tests has it, and else on this machine,
where the real program asks a real server.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.support.docker import FIRST

WRAPPER = """\
#!/bin/bash
set -euo pipefail
[ "${{1-}}" = compose ] || exec {docker} "$@"
shift
containers() {{
    {docker} ps --all --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" \\
        ${{1:+--filter "label=com.docker.compose.service=$1"}} | grep .
}}
case $1 in
    logs)
        shift
        options=() found=()
        while [ $# != 0 ]; do
            case $1 in
                --since | --until | --tail) options+=("$1" "$2"); shift ;;
                -*) options+=("$1") ;;
                *) found+=($(containers "$1")) ;;
            esac
            shift
        done
        [ ${{#found[@]}} != 0 ] || found=($(containers ""))
        for one in "${{found[@]}}"; do {docker} logs "${{options[@]}}" "$one"; done ;;
    exec)
        shift
        [ "$1" != -T ] || shift
        container=$(containers "$1")
        shift
        if {docker} exec "$container" test -e "/bin/$1"; then
            exec {docker} exec "$container" "$@"
        fi
        exec "$@" ;;
    *) exec {compose} "$@" ;;
esac
"""

HOST = "shop.example"
ONCE = ("migrate", "metrics-init", "agledger-migrate")
SERVICES = (
    *("server", "worker"),  # pullapprove
    *("app", "postgres", "rabbitmq", "redis", "celery-worker", "celery-beat"),  # kodiai, tripl
    *("api", "git-server", "builder", "orchestrator", "proxy-controller", "cert-manager", "nginx"),
    *("agledger-api", "agledger-worker"),
    *("sidewatch", "prometheus", "alertmanager"),
)

RUNNING = ("server", "sidewatch", "postgres", "nginx")  # the first stands for all in `alike`
_COMMAND = re.compile(r"docker compose (?:restart|up|stop|kill|logs|ps) ")
_NAMES = "|".join(sorted(SERVICES, key=len, reverse=True))
_NAMED = re.compile(rf"(?<![\w-])(?:{_NAMES})(?![\w-])(?: (?:{_NAMES})(?![\w-]))*")


def alike(command: str) -> str:
    """The command for one service in place of those it names: they differ in nothing but names."""
    return _NAMED.sub(RUNNING[0], command) if _COMMAND.match(command) else command


def project(folder: Path, docker: Path, compose: Path) -> None:
    """Write the project's file and, in `bin`, the command `docker`."""
    services = {name: _service(name) for name in SERVICES} | {
        name: {"image": FIRST, "network_mode": "none", "command": ["true"]} for name in ONCE
    }
    # JSON is YAML.
    (folder / "compose.yaml").write_text(json.dumps({"services": services}))
    (folder / "sites").mkdir()
    # As paas writes it for a host without a healthy container.
    (folder / f"sites/{HOST}.conf").write_text("upstream shop { server 127.0.0.1:1 down; }\n")
    wrapper = folder / "bin/docker"
    wrapper.parent.mkdir()
    wrapper.write_text(WRAPPER.format(docker=docker, compose=compose))
    wrapper.chmod(0o755)


def _service(name: str) -> dict[str, Any]:
    return {
        "image": FIRST,
        "network_mode": "none",
        "stop_signal": "SIGKILL",
        "command": ["sh", "-c", f"echo {name} began; exec sleep 100000"],
        # The others are known to compose, and not run: one is like the other, and each costs time.
        "scale": int(name in RUNNING),
        "healthcheck": {"test": ["CMD", "true"], "interval": "1m"},
        "volumes": ["./sites:/etc/nginx/conf.d:ro"],
    }
