import threading

import pytest

from service.store.mutex import FairMutex


def test_threads_get_it_in_the_order_of_their_asking():
    mutex, order = FairMutex(), []

    def take(name):
        with mutex:
            order.append(name)

    threads = [threading.Thread(target=take, args=(name,)) for name in range(8)]
    mutex.acquire()
    for count, thread in enumerate(threads, 1):
        thread.start()
        while len(mutex._waiting) < count:  # the next one asks after this one
            pass
    mutex.release()
    for thread in threads:
        thread.join()

    assert order == list(range(8))


def test_a_thread_that_asks_twice_is_told_rather_than_stuck():
    mutex = FairMutex()

    with mutex, pytest.raises(RuntimeError, match="inside a write"):
        mutex.acquire()
    with mutex:
        pass  # it was given back once and is free


def test_one_thread_at_a_time_is_inside():
    mutex, inside, most = FairMutex(), [], []

    def take():
        for _ in range(200):
            with mutex:
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(most) == 1600 and set(most) == {1}
