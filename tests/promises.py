"""What Ghostcart promises, which tests show it, and which show that without the protection it goes wrong.

A run that holds all tests of a promise tells, in a table at its end, what they found. `make prove` runs them at their
full numbers, `make prove-quick` at those of `make test`. A promise of which a test fails, or is missing, is not kept.
"""

from dataclasses import dataclass, field

import pytest
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Promise:
    words: str
    shown: tuple[str, ...]
    guards: tuple[str, ...]
    """Tests in which the protection is off, and which pass because it goes wrong."""


PROMISES = (
    Promise(
        "No accepted change of a cart is lost or done twice, whenever a server dies",
        ("tests/journeys/test_kill.py::test_nothing_acknowledged_is_lost_or_doubled_when_the_server_is_killed",),
        ("tests/journeys/test_kill.py::test_a_server_that_says_done_before_the_commit_loses",),
    ),
    Promise(
        "Nor when the database dies",
        (
            "tests/journeys/test_database_kill.py::test_nothing_acknowledged_is_lost_or_doubled_when_the_database_is_killed",
        ),
        ("tests/journeys/test_database_kill.py::test_a_database_that_says_done_before_it_is_written_loses",),
    ),
    Promise(
        "Nor in a backup taken meanwhile",
        ("tests/carts/test_backup.py::test_a_backup_under_load_holds_all_that_was_acknowledged",),
        ("tests/carts/test_backup.py::test_tables_read_one_after_the_other_would_not_agree",),
    ),
    Promise(
        "Nor by who shops in two tabs, or sends it again",
        (
            "tests/carts/test_races.py::test_sixteen_threads_add_to_one_cart_and_all_is_there",
            "tests/carts/test_races.py::test_one_key_from_eight_threads_has_one_effect_and_one_answer",
            "tests/carts/test_races.py::test_a_line_added_during_checkout_is_in_the_order_or_in_the_next_cart",
        ),
        (
            "tests/carts/test_races.py::test_without_the_lock_on_the_head_lines_are_lost",
            "tests/carts/test_races.py::test_without_a_key_all_eight_count",
        ),
    ),
    Promise(
        "A failure at any step of what people do leaves nothing half done",
        (
            "tests/journeys/test_nth_failure.py::test_a_failure_at_any_step_leaves_nothing_half_done",
            "tests/journeys/test_nth_failure.py::test_a_failure_at_any_step_of_a_worker_sends_nothing_twice_and_forgets_nothing",
        ),
        ("tests/journeys/test_nth_failure.py::test_without_a_transaction_it_would",),
    ),
    Promise(
        "No reminder is sent twice, and none is lost in silence, whenever a worker dies",
        ("tests/mail/test_kill.py::test_killed_workers_send_nothing_twice_and_lose_nothing_in_silence",),
        ("tests/mail/test_kill.py::test_without_the_condition_of_the_claim_mail_is_sent_twice",),
    ),
    Promise(
        "No reminder is claimed after the order",
        ("tests/recovery/test_order_races.py::test_no_reminder_is_claimed_after_the_order",),
        ("tests/recovery/test_order_races.py::test_without_the_locks_of_people_one_would_be",),
    ),
    Promise(
        "A copy of the database, or a backup that was restored, writes to nobody",
        (
            "tests/config/test_restored.py::test_a_backup_that_was_restored_writes_to_nobody",
            "tests/config/test_restored.py::test_a_copy_elsewhere_writes_to_nobody",
        ),
        ("tests/config/test_restored.py::test_without_the_look_it_would_mail_again",),
    ),
    Promise(
        "Whoever unsubscribes hears no more, from that moment on",
        ("tests/mail/test_at_once.py::test_a_claim_after_an_unsubscription_never_goes_out",),
        ("tests/mail/test_at_once.py::test_a_claim_waits_for_nobody_and_an_unsubscription_waits_for_the_claim",),
    ),
    Promise(
        "Clocks that jump, and nights on which they are moved, send each step once",
        (
            "tests/recovery/test_scan.py::test_a_clock_that_jumps_and_comes_back_sends_each_step_once",
            "tests/recovery/test_scan.py::test_over_the_nights_on_which_clocks_are_moved_each_step_goes_once_and_wakes_nobody",
        ),
        ("tests/recovery/test_scan.py::test_without_the_check_a_leap_would_lose_them",),
    ),
    Promise(
        "A voucher for one use is used once",
        (
            "tests/vouchers/test_redeeming.py::test_a_voucher_for_one_use_is_used_once_by_fifty",
            "tests/vouchers/test_redeeming.py::test_one_customer_in_fifty_tabs_under_five_addresses_uses_it_once",
        ),
        (
            "tests/vouchers/test_redeeming.py::test_asking_first_and_counting_then_uses_it_too_often",
            "tests/vouchers/test_redeeming.py::test_addresses_that_nobody_joins_would_use_it_once_each",
        ),
    ),
    Promise(
        "Who abandons carts to be paid for it is not, and budgets hold",
        (
            "tests/recovery/test_scoring.py::test_honest_people_keep_their_vouchers_and_abusers_do_not",
            "tests/recovery/test_guard_races.py::test_fifty_mails_to_one_person_and_relatives_carry_one_voucher",
            "tests/recovery/test_guard_races.py::test_parallel_grants_keep_within_both_budgets",
        ),
        (
            "tests/recovery/test_scoring.py::test_without_weights_all_of_them_would_get_one",
            "tests/recovery/test_guard_races.py::test_without_locks_several_would_be_given",
            "tests/recovery/test_guard_races.py::test_looking_first_and_taking_then_passes_the_limit",
        ),
    ),
    Promise(
        "The live feed has no gap and no repeat",
        (
            "tests/carts/test_log.py::test_readers_that_come_and_go_see_each_entry_once",
            "tests/live/test_stream.py::test_a_screen_that_comes_back_gets_what_it_missed_once",
        ),
        ("tests/carts/test_log.py::test_following_by_the_number_alone_passes_it_by",),
    ),
    Promise(
        "Who may no longer see it is cut off within five seconds",
        ("tests/live/test_stream.py::test_who_may_no_longer_see_it_is_cut_off_within_five_seconds",),
        ("tests/live/test_stream.py::test_who_may_still_see_it_is_not",),
    ),
    Promise(
        "Nothing that a shopper types runs as a script, or as a formula",
        (
            "tests/journeys/test_hostile_shopper.py::test_nothing_that_a_shopper_wrote_runs_in_the_back_office",
            "tests/mail/test_drawing.py::test_what_people_typed_is_shown_and_does_nothing",
            "tests/backoffice/test_exports.py::test_no_cell_is_a_formula",
        ),
        (
            "tests/journeys/test_hostile_shopper.py::test_in_a_page_that_takes_markup_it_would_be_seen",
            "tests/mail/test_drawing.py::test_escaping_is_what_keeps_tags_out",
        ),
    ),
    Promise(
        "Opening a mailed link changes nothing and signs nobody in",
        (
            "tests/storefront/test_mailed.py::test_opening_a_link_changes_nothing",
            "tests/journeys/test_mailed.py::test_a_scanner_with_a_browser_changes_nothing",
            "tests/mail/test_links.py::test_no_other_text_opens_it",
        ),
        ("tests/storefront/test_mailed.py::test_a_button_does_change_what_opening_does_not",),
    ),
    Promise(
        "Nobody reaches what is not theirs",
        (
            "tests/backoffice/test_access.py::test_everyone_reaches_what_their_role_allows_and_nothing_else",
            "tests/api/test_routes.py::test_everyone_reaches_what_their_key_allows_and_nothing_else",
            "tests/api/test_routes.py::test_a_key_of_another_shop_changes_nothing",
        ),
        (
            "tests/backoffice/test_access.py::test_the_walk_notices_a_page_without_its_guard",
            "tests/backoffice/test_access.py::test_the_walk_notices_a_thing_shown_across_shops",
            "tests/api/test_routes.py::test_the_walk_notices_a_thing_shown_across_shops",
            "tests/api/test_routes.py::test_the_walk_notices_a_scope_that_is_not_asked",
        ),
    ),
    Promise(
        "Bad input gets a clear answer with a code, and stores nothing",
        (
            "tests/api/test_openapi.py::test_generated_calls_meet_no_server_error_and_are_answered_as_described",
            "tests/api/merchant/test_bad_input.py::test_bodies_that_kill_parsers_are_refused_and_store_nothing",
        ),
        ("tests/api/test_openapi.py::test_generated_calls_find_an_address_that_breaks",),
    ),
    Promise(
        "Money agrees to the minor unit with an independent model",
        (
            "tests/carts/test_pricing.py::test_random_carts_agree_with_the_model",
            "tests/carts/test_pricing.py::test_any_cart_agrees_with_the_model",
        ),
        ("tests/carts/test_pricing.py::test_guard_the_model_finds_a_broken_rule",),
    ),
    Promise(
        "Who is erased is nowhere any more",
        ("tests/recovery/test_privacy.py::test_after_the_erasure_no_table_holds_any_of_it",),
        ("tests/recovery/test_privacy.py::test_the_marks_are_everywhere_before",),
    ),
    Promise(
        "Webhooks come in order, and again until they are taken",
        (
            "tests/connectors/webhooks/test_order.py::test_all_arrive_in_order_per_cart_and_what_comes_again_can_be_recognised",
            "tests/connectors/webhooks/test_kill.py::test_a_killed_worker_loses_nothing_and_repeats_recognisably",
        ),
        ("tests/connectors/webhooks/test_order.py::test_without_the_wait_for_the_earlier_one_the_order_is_lost",),
    ),
    Promise(
        "No page, task or feed reads through a large table",
        ("tests/architecture/test_plans.py::test_every_statement_finds_its_rows_by_an_index",),
        ("tests/architecture/test_statements.py::test_a_statement_without_an_index_would_be_found",),
    ),
)


@dataclass(eq=False)
class Found:
    """What the tests of this run had to say, by test."""

    outcomes: dict[str, str] = field(default_factory=dict)
    figures: dict[str, list[str]] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report) -> None:
        test = report.nodeid.partition("[")[0]
        if report.failed or (report.when == "call" and self.outcomes.get(test) != "failed"):
            self.outcomes[test] = report.outcome
        if report.when == "call":
            said = [line.strip() for line in report.capstdout.splitlines() if line.strip()]
            told = self.figures.setdefault(test, [])
            told += [line for line in said[-1:] if line not in told]

    def tell(self, promise: Promise) -> tuple[str, str, bool]:
        """What was shown, what the guards showed, and whether the promise is kept."""
        is_kept = all(self.outcomes.get(test) == "passed" for test in (*promise.shown, *promise.guards))
        return self._told(promise.shown), self._told(promise.guards), is_kept

    def _told(self, tests: tuple[str, ...]) -> str:
        return "\n".join(
            f"{self.outcomes.get(test, 'not run')}: {'; '.join(self.figures.get(test, [])) or in_words(test)}"
            for test in tests
        )

    def pytest_terminal_summary(self, terminalreporter) -> None:
        told = [
            (promise, *self.tell(promise))
            for promise in PROMISES
            if {*promise.shown, *promise.guards} <= set(self.outcomes)
        ]
        if not told:
            return
        table = Table("promise", "shown", "without the protection", "", title="Promises", show_lines=True)
        for promise, shown, guards, is_kept in told:
            table.add_row(promise.words, shown, guards, "kept" if is_kept else "BROKEN")
        Console(width=180).print(table)


def in_words(test: str) -> str:
    return test.rpartition("::test_")[2].replace("_", " ")


def all_tests() -> list[str]:
    return [test for promise in PROMISES for test in (*promise.shown, *promise.guards)]


@pytest.hookimpl
def pytest_configure(config) -> None:
    config.pluginmanager.register(Found(), "ghostcart-promises")


if __name__ == "__main__":
    print(*all_tests())
