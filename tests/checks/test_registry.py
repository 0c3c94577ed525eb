from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import pytest

from dockerflow_mw import checks
from dockerflow_mw.checks import DuplicateCheckError, Registry, UnknownCheckError
from dockerflow_mw.checks.builtin.base import BuiltInCheck
from dockerflow_mw.checks.registry import pick
from dockerflow_mw.settings import SettingsError


def database(*args: object) -> None: ...


def other() -> None: ...


class Service:
    def up(self) -> None: ...

    def __call__(self) -> None: ...


def _copy_of_other() -> Any:
    def other() -> None: ...

    return other


def test_register_is_a_decorator_with_and_without_arguments() -> None:
    registry = Registry()
    assert registry.register(database) is database
    assert registry.register(name="second")(other) is other
    assert registry.register(other, name="third") is other
    assert registry.get_checks() == {
        "database": database,
        "second": other,
        "third": other,
    }


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (database, "database"),
        (Service().up, "up"),
        (Service(), "Service"),
        (functools.partial(database), "database"),
        (functools.partial(functools.partial(Service())), "Service"),
    ],
)
def test_a_check_has_the_name_of_its_function(function: Any, name: str) -> None:
    registry = Registry()
    registry.register(function)
    assert list(registry.get_checks()) == [name]


def test_a_lambda_needs_a_name() -> None:
    with pytest.raises(ValueError, match="A lambda has no name of its own"):
        Registry().register(lambda: None)


def test_registering_a_value_that_is_not_callable_raises_a_type_error() -> None:
    not_callable: Any = "x"
    with pytest.raises(TypeError, match="func is 'x'; it must be callable"):
        Registry().register(not_callable)


@pytest.mark.parametrize("name", ["", b"x", ("a",), 3])
def test_a_name_of_another_type_raises_a_type_error(name: Any) -> None:
    with pytest.raises(TypeError, match=r"^name is .+; it must be a string"):
        Registry().register(database, name=name)


def test_the_replacement_of_a_check_by_another_object_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    registry = Registry()
    service = Service()
    registry.register(service.up)
    registry.register(service.up)
    assert caplog.records == []
    registry.register(Service().up)
    assert "Check up is registered again" in caplog.text


def test_registering_a_different_function_under_a_used_name_raises() -> None:
    registry = Registry()
    registry.register(database, name="db")
    with pytest.raises(DuplicateCheckError) as caught:
        registry.register(other, name="db")
    first, second = database.__code__, other.__code__
    assert str(caught.value) == (
        "A check named 'db' is already registered:"
        f" {__name__}.database ({__file__}:{first.co_firstlineno});"
        f" give {__name__}.other ({__file__}:{second.co_firstlineno})"
        " another name with name=, or use replace=True."
    )
    assert registry.get_checks() == {"db": database}


def test_replace_allows_a_different_function_under_a_used_name() -> None:
    registry = Registry()
    registry.register(database, name="db")
    registry.register(other, name="db", replace=True)
    registry.register(name="db", replace=True)(database)
    assert registry.get_checks() == {"db": database}


def built_in(target: str, bound_to: object = None) -> BuiltInCheck:
    return BuiltInCheck("database", list, target, bound_to)


def test_a_built_in_check_of_another_target_is_another_check() -> None:
    registry = Registry()
    registry.register(built_in("one", "secret"))
    registry.register(built_in("one", "secret"))
    for other in (built_in("two", "secret"), built_in("one", "another secret")):
        with pytest.raises(DuplicateCheckError) as caught:
            registry.register(other)
        message = f"<database of one>; give {other!r} another name"
        assert message in str(caught.value)
        assert "secret" not in str(caught.value)
    registry.register(built_in("two"), name="second")
    assert list(registry.get_checks()) == ["database", "second"]


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("critical", "perhaps", "true or false"),
        ("fail_level", "info", "warning, error or critical"),
        ("failures_before_error", 0, "a number from 1"),
        ("tags", [3], "names"),
        ("timeout", 0, "a number of seconds above 0"),
        ("cache_seconds", -1, "a number of seconds, 0 or more"),
    ],
)
def test_an_invalid_option_raises_an_error_that_names_it(
    option: str, value: object, allowed: str
) -> None:
    options: Any = {option: value}
    with pytest.raises(SettingsError) as caught:
        Registry().register(database, **options)
    expected = f"{option} of check 'database' is {value!r}; it must be {allowed}."
    assert str(caught.value) == expected


def test_an_unknown_option_raises_a_type_error() -> None:
    options: Any = {"tag": "deep"}
    with pytest.raises(TypeError, match="A check has no option 'tag'; it has critical"):
        Registry().register(database, **options)


def test_checks_are_selected_by_name_and_by_tag() -> None:
    registry = Registry()
    registry.register(database, tags="ready, deep")
    registry.register(other, tags=["deep"])
    registry.register(Service().up)

    def selected(*wanted: str) -> list[str]:
        return [check.name for check in pick(registry.checks().values(), wanted)]

    assert selected("up", "ready") == ["database", "up"]
    assert selected("deep") == ["database", "other"]
    assert selected() == []
    with pytest.raises(UnknownCheckError) as caught:
        selected("up", "nowhere")
    assert str(caught.value) == (
        "There is no check and no tag 'nowhere';"
        " there are database, other, up, deep, ready."
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (database, database),
        (Service().up, Service().up),
        (Service(), Service()),
        (functools.partial(database, 1), functools.partial(database, 1)),
        (_copy_of_other(), _copy_of_other()),
    ],
)
def test_the_same_function_replaces_itself(first: Any, second: Any) -> None:
    registry = Registry()
    registry.register(first, name="x")
    registry.register(second, name="x")
    assert registry.get_checks() == {"x": second}


def test_the_arguments_of_a_duplicate_are_shown_without_credentials() -> None:
    registry = Registry()
    registry.register_partial(database, "redis://me:secret@one")
    with pytest.raises(DuplicateCheckError) as caught:
        registry.register_partial(database, "redis://me:secret@two")
    assert "database('redis://***@one')" in str(caught.value)
    assert "database('redis://***@two')" in str(caught.value)


def test_a_registry_lists_and_clears_the_checks_of_listed_registries() -> None:
    parent = Registry()
    first, second = (Registry(parent, listed=True) for _ in range(2))
    first.register_partial(database, 1)
    second.register_partial(database, 2)
    parent.register(other)
    assert list(parent.get_checks()) == ["other", "database"]
    assert parent.get_checks()["database"] == second.get_checks()["database"]
    assert list(first.get_checks()) == ["other", "database"]
    assert list(parent.checks()) == ["other"]
    parent.clear_checks()
    assert first.get_checks() == second.get_checks() == parent.get_checks() == {}


def test_a_registry_lists_no_registry_that_its_application_has_dropped() -> None:
    parent = Registry()
    child = Registry(parent, listed=True)
    child.register(other)
    assert list(parent.get_checks()) == ["other"]
    del child
    gc.collect()
    assert parent.get_checks() == {}


class Array:
    """An object whose comparison has no truth value, as that of an array."""

    def __eq__(self, other: object) -> Any:
        raise ValueError("ambiguous")


@pytest.mark.parametrize("kind", [Array, MagicMock, list])
def test_arguments_that_are_no_values_replace_each_other(
    kind: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    registry = Registry()
    registry.register_partial(database, kind())
    registry.register_partial(database, kind())
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_partial_is_called_with_its_arguments() -> None:
    seen: list[int] = []
    registry = Registry()
    registry.register_partial(seen.append, 3, name="partial")
    registry.get_checks()["partial"]()
    assert seen == [3]


def test_the_checks_of_a_parent_come_first_and_stay_in_the_parent() -> None:
    parent = Registry()
    child = Registry(parent)
    child.register(other)
    parent.register(database)
    assert list(child.get_checks()) == ["database", "other"]
    with pytest.raises(DuplicateCheckError):
        child.register(other, name="database")
    child.clear_checks()
    assert list(child.get_checks()) == ["database"]


def test_changing_the_result_of_get_checks_leaves_the_registry_unchanged() -> None:
    registry = Registry()
    registry.get_checks()["x"] = database
    assert registry.get_checks() == {}


def test_the_repr_names_the_checks() -> None:
    registry = Registry()
    assert repr(registry) == "<Registry of no checks>"
    registry.register(database)
    registry.register(other)
    assert repr(registry) == "<Registry of database, other>"


def test_the_functions_of_the_package_use_the_default_registry() -> None:
    checks.register(database)
    checks.register_partial(other, name="partial")
    try:
        assert checks.default_registry.get_checks() == checks.get_checks()
        assert list(checks.get_checks()) == ["database", "partial"]
    finally:
        checks.clear_checks()
    assert checks.get_checks() == {}
