"""The table of roles: every method is in it, and nobody gets more by rank than it says."""

import pytest

from orchestrator.consultation.view import Role
from orchestrator.identity.principal import Principal
from orchestrator.protocol.signalling import METHODS, Command
from orchestrator.web.signalling.commands import COMMANDS, actor_of
from orchestrator.web.signalling.roles import PERMITTED, acting_role, may_call


def account(*roles: Role) -> Principal:
    return Principal(roles=frozenset(roles), account="someone")


VENUE = Principal(roles=frozenset({"venue"}), session_id="s", venue_id="a", link_id="l")


def test_every_method_has_a_rule_and_no_rule_is_left_over() -> None:
    assert PERMITTED.keys() == METHODS.keys()


def test_exactly_the_methods_with_a_key_are_commands() -> None:
    keyed = {name for name, schema in METHODS.items() if issubclass(schema, Command)}
    assert COMMANDS.keys() == keyed


@pytest.mark.parametrize("method", sorted(METHODS))
def test_nobody_means_nobody(method: str) -> None:
    nobody = Principal(roles=frozenset())
    assert may_call(method, nobody) == (method == "client.ping")
    assert not may_call(f"{method}x", account("admin"))


@pytest.mark.parametrize("method", sorted(METHODS))
def test_an_admin_may_what_accounts_may_but_is_no_venue(method: str) -> None:
    by_some_account = any(
        may_call(method, account(role)) for role in ("host", "technician", "archivist")
    )
    assert may_call(method, account("admin")) == by_some_account


def test_a_venue_stays_a_venue_whatever_roles_it_is_given() -> None:
    odd = Principal(roles=frozenset({"venue", "admin", "host"}), session_id="s", venue_id="a")
    assert not may_call("floor.grant", odd)
    assert acting_role(odd) == "venue"


@pytest.mark.parametrize(
    ("principal", "role"),
    [
        (account("admin"), "host"),
        (account("technician", "host"), "host"),
        (account("technician"), "technician"),
        (account("archivist"), "archivist"),
        (account("public"), None),
        (account("system"), None),
        (VENUE, "venue"),
    ],
)
def test_the_role_in_which_somebody_looks_on(principal: Principal, role: Role | None) -> None:
    assert acting_role(principal) == role


def test_nobody_from_outside_is_the_server() -> None:
    assert not actor_of(account("system", "host")).may("system")
    assert not may_call("session.open", account("system"))
