"""`python -m service.keys create | list | revoke`, or `hiir keys ...`: who may use the service.

It talks to Redis, not to the API: whoever can reach the one is who decides on the other.
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
        scopes=frozenset(options.scope or _DEFAULT_SCOPES),
        name=options.name,
        days=options.days,
    )
    # The token alone on standard output, for a program; what is said to a person beside it.
    sys.stderr.write(f"{_line(key)}\nThis is the only time that the key is shown:\n")
    sys.stdout.write(f"{token}\n")
    return 0


def _list(keys: KeyStore, options: argparse.Namespace) -> int:
    for key in keys.live(options.tenant):
        sys.stdout.write(f"{_line(key)}\n")
    return 0


def _revoke(keys: KeyStore, options: argparse.Namespace) -> int:
    if not keys.revoke(options.key_id):
        raise ValueError(f"no live key has the id {options.key_id}")
    sys.stderr.write(f"{options.key_id} is revoked\n")
    return 0


def _line(key: ApiKey) -> str:
    until = "for ever" if key.expires_at is None else f"until {_day(key.expires_at)}"
    scopes = ",".join(sorted(key.scopes))
    return f"{key.id}  {key.tenant}  {scopes}  from {_day(key.created_at)} {until}  {key.name}"


def _day(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")


def _settings(data_dir: Path) -> Settings:
    """Settings from the environment; Redis is the running embedded stack's unless one is named."""
    settings = Settings()
    state = data_dir / "stack.json"
    if "redis_url" in settings.model_fields_set or not state.exists():
        return settings
    return Settings(redis_url=json.loads(state.read_text())["redis_url"])


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hiir keys", description=__doc__)
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(".hiir"),
        help="of a running `hiir up`, whose Redis is used unless HIIR_REDIS_URL is set (.hiir)",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    create = commands.add_parser("create", help="make a key, and write it to standard output")
    create.add_argument("--tenant", required=True, help="whose key: jobs belong to a tenant")
    create.add_argument(
        "--scope",
        type=Scope,
        action="append",
        metavar="SCOPE",
        help=f"{', '.join(Scope)}; may be given again ({' and '.join(_DEFAULT_SCOPES)})",
    )
    create.add_argument("--name", default="", help="which program or machine has it, for people")
    create.add_argument("--days", type=_positive, help="after which it ends by itself")
    create.set_defaults(run=_create)

    show = commands.add_parser("list", help="list the live keys, without their secrets")
    show.add_argument("--tenant", help="one tenant's alone")
    show.set_defaults(run=_list)

    revoke = commands.add_parser("revoke", help="end a key at once")
    revoke.add_argument("key_id", metavar="ID", help="as `list` shows it")
    revoke.set_defaults(run=_revoke)
    return parser


if __name__ == "__main__":
    sys.exit(main())
