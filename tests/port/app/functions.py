"""Kinds of functions, some of which need no RAM (see firmware/port/frozen.c)."""

import gc

counts = [0]


def plain():
    counts[0] += 1
    return counts[0]


def made(n=3):
    return n


def generator():
    yield plain()
    yield plain()


async def coroutine(value):
    return value


class Thing:
    def method(self):
        def inner():
            return plain()

        return inner

    def closure(self, value):
        def inner():
            return value

        return inner


def results():
    """What they give, in order: nothing of it may depend on where they are kept."""
    del_me = Thing().closure(7)
    gc.collect()
    try:
        coroutine(5).send(None)
    except StopIteration as e:
        value = e.value
    return [plain(), made(), made(4), list(generator()), value, Thing().method()(), del_me()]


def places():
    """Addresses of function objects."""
    return {
        "plain": id(plain),
        "generator": id(generator),
        "coroutine": id(coroutine),
        "made": id(made),
        "closure": id(Thing().closure(1)),
        "inner": id(Thing().method()),
    }
