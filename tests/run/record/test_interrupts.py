"""Interrupts: how a run is asked to stop."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from vqclip.run.record.interrupts import SIGNALS, catch_interrupts


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_is_noted_and_the_next_one_does_what_it_did(number: int) -> None:
    heard: list[int] = []
    before = signal.signal(number, lambda each, frame: heard.append(each))
    try:
        mine = signal.getsignal(number)
        with catch_interrupts() as asked:
            assert not asked
            os.kill(os.getpid(), number)
            assert asked and asked.signal == number and heard == []
            os.kill(os.getpid(), number)
            assert heard == [number]
        assert signal.getsignal(number) is mine
    finally:
        signal.signal(number, before)


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as nohup does with SIGHUP
    try:
        with catch_interrupts() as asked:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not asked
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_hears_nothing_and_changes_nothing() -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    seen: list[bool] = []

    def work() -> None:
        with catch_interrupts() as asked:
            seen.append([signal.getsignal(each) for each in SIGNALS] == before and not asked)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]
