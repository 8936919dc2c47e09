"""`hiir keys create | list | revoke`, or `python -m service.keys`: manages API keys in Redis.

It does not use the API: access to Redis authorizes its user.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from service.errors import ServiceError
from service.keys.key import ApiKey, Scope
from service.keys.store import KeyLimitError, KeyStore
from service.settings import Settings

_DEFAULT_SCOPES = (Scope.READ, Scope.WRITE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    keys = KeyStore.from_settings(_settings(options.data_dir))
    command: Callable[[KeyStore, argparse.Namespace], int] = options.run
    try:
        return command(keys, options)
    except (ValueError, KeyLimitError, ServiceError) as error:
        sys.stderr.write(f"hiir keys: {error}\n")
        return 1
    finally:
        keys.close()


def _create(keys: KeyStore, options: argparse.Namespace) -> int:
    key, token = keys.create(
        tenant=options.tenant,
        scopes=frozenset(map(Scope, options.scope or _DEFAULT_SCOPES)),
        name=options.name,
        days=options.days,
    )
    # Only the token is written to standard output, so that programs can read it.
    sys.stderr.write(f"{_line(key)}\nSave the key now; it cannot be shown again:\n")
    sys.stdout.write(f"{token}\n")
    return 0


def _list(keys: KeyStore, options: argparse.Namespace) -> int:
    for key in keys.live(options.tenant):
        sys.stdout.write(f"{_line(key)}\n")
    return 0


def _revoke(keys: KeyStore, options: argparse.Namespace) -> int:
    if not keys.revoke(options.key_id):
        raise ValueError(f"there is no live key with the id {options.key_id}")
    sys.stderr.write(f"{options.key_id} has been revoked\n")
    return 0


def _line(key: ApiKey) -> str:
    until = "without expiry" if key.expires_at is None else f"until {_day(key.expires_at)}"
    scopes = ",".join(sorted(key.scopes))
    return f"{key.id}  {key.tenant}  {scopes}  from {_day(key.created_at)} {until}  {key.name}"


def _day(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")


def _settings(data_dir: Path) -> Settings:
    """Return the settings; Redis defaults to the one of the running embedded stack."""
    settings = Settings()
    state = data_dir / "stack.json"
    if "redis_url" in settings.model_fields_set or not state.exists():
        return settings
    return Settings(redis_url=json.loads(state.read_text())["redis_url"])


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer, not {text!r}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hiir keys",
        description="Create, list and revoke API keys. The command writes to Redis directly.",
        epilog="example: hiir keys create --tenant museum --name scanner --days 365",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(".hiir"),
        help="data directory of a running `hiir up`, whose Redis is used unless HIIR_REDIS_URL "
        "is set (default: .hiir)",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    create = commands.add_parser("create", help="create a key and print it to standard output")
    create.add_argument("--tenant", required=True, help="tenant that owns the key and its jobs")
    create.add_argument(
        "--scope",
        choices=[scope.value for scope in Scope],
        action="append",
        help=f"permission of the key; can be repeated (default: {' and '.join(_DEFAULT_SCOPES)})",
    )
    create.add_argument("--name", default="", help="label: the program or machine that uses it")
    create.add_argument("--days", type=_positive, help="lifetime in days (default: unlimited)")
    create.set_defaults(run=_create)

    show = commands.add_parser("list", help="list the live keys, without their secrets")
    show.add_argument("--tenant", help="list only the keys of this tenant")
    show.set_defaults(run=_list)

    revoke = commands.add_parser("revoke", help="revoke a key, effective at once")
    revoke.add_argument("key_id", metavar="ID", help="id of the key, as printed by `list`")
    revoke.set_defaults(run=_revoke)
    return parser


if __name__ == "__main__":
    sys.exit(main())
