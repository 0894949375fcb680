"""What the station needs of the scheduler besides sleeping: timed waits and serial ports."""

from asyncio import core


class Signal:
    """A flag that one task at a time waits for."""

    def __init__(self):
        self.flag = False
        self._task = None

    def set(self):
        """Raise the flag and wake the task."""
        self.flag = True
        task = self._task
        if task:
            self._task = None
            core._task_queue.remove(task)
            core._task_queue.push(task)

    async def wait(self, ms):
        """Wait for the flag, `ms` at most (less than six days): is it up?"""
        if not self.flag:
            self._task = core.cur_task
            await core.sleep_ms(ms)
            self._task = None
        return self.flag


class Port:
    """A board.UART for tasks: one reader, one writer."""

    def __init__(self, uart):
        self._uart = uart
        self._overruns = 0
        self.wait = uart.wait

    def lost(self):
        """Have received bytes been lost since this was last asked?"""
        before = self._overruns
        self._overruns = self._uart.overruns
        return self._overruns != before

    def readinto(self, buffer):
        """Number of bytes read, once there are enough (see `wait`); awaitable."""
        yield core._io_queue.queue_read(self._uart)
        return self._uart.readinto(buffer)

    def write(self, data):
        """Write all of a buffer; awaitable."""
        data = memoryview(data)
        while True:
            n = self._uart.write(data)
            if n == len(data):
                return
            data = data[n or 0 :]
            yield core._io_queue.queue_write(self._uart)
