"""The Dockerfile, as far as it can be judged without building it."""

import re
from pathlib import Path

from maintenance.findings import Level

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / ".container" / "Dockerfile").read_text("utf-8")
STEPS = [
    step.split(maxsplit=1)
    for step in re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
    if step
]


def values(instruction: str) -> list[str]:
    return [value for name, value in STEPS if name == instruction]


def test_all_that_the_bot_needs_is_copied_and_nothing_secret() -> None:
    copied = [name for value in values("COPY") for name in value.split()[:-1]]
    assert {"bot.py", "worker/", "maintenance/", "requirements.txt"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert ignored[0] == "*", "what is not named does not even reach the builder"
    assert {name.rstrip("/") for name in copied} == {
        line[1:] for line in ignored if line.startswith("!")
    }


def test_it_installs_what_the_readme_installs() -> None:
    (installing,) = [value for value in values("RUN") if "requirements.txt" in value]
    for part in installing.replace("--no-cache-dir ", "").split(" && "):
        assert part in (ROOT / "README.md").read_text("utf-8")
    (system,) = [value for value in values("RUN") if "apt-get" in value]
    assert "ffmpeg" in system


def test_it_does_not_run_as_root() -> None:
    order = [name for name, _ in STEPS]
    assert values("USER") == ["fetchbot"]
    assert order.index("USER") < order.index("CMD")
    assert values("CMD") == ['[".venv/bin/python", "bot.py"]'], "in no shell, which would get TERM"
    assert "-m 700 /data" in TEXT


def test_only_what_is_critical_is_unhealthy() -> None:
    (check,) = values("HEALTHCHECK")
    assert check.endswith(f"health --json >/dev/null || [ $? -eq {int(Level.WARNING)} ]")


def test_its_first_lines_survive_a_reboot_and_hide_the_token() -> None:
    usage = TEXT.partition("\nFROM ")[0]
    assert "--restart unless-stopped" in usage, "on-failure leaves it off when the daemon restarts"
    (directory,) = values("WORKDIR")
    assert f'-v "$PWD/.env:{directory}/.env:ro"' in usage
    user = re.search(r"--uid (\d+)", TEXT)
    assert user
    assert f"chown {user[1]} .env" in usage
    # --env-file would pass quotes as they stand.
    assert "docker run -d --init --name fetchbot -v" in usage
