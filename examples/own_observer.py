import queue

from hookseal.observe import Note, NoteName

alarms: queue.SimpleQueue[Note] = queue.SimpleQueue()  # emptied by a thread that may wait


class AlarmObserver:
    def wants(self, name: NoteName) -> bool:
        return name in {"settle_failed", "lease_lost", "ledger_failed"}

    def __call__(self, note: Note) -> None:
        alarms.put(note)
