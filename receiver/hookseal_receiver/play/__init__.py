"""Play: a private URL that shows every request it gets, with the verdict on its signature.

Knows nothing by itself; this is what others may import.
"""

from __future__ import annotations

from hookseal_receiver.play.app import Play, create_play
from hookseal_receiver.play.expiring import expiring
from hookseal_receiver.play.model import Answer, Bin, Captured, Reply, Verdict
from hookseal_receiver.play.sending import NotSent, Outgoing, Send, guarded_send, open_send
from hookseal_receiver.play.settings import PlaySettings
from hookseal_receiver.play.store import PlayStore, Sealer, TooManyBins

__all__ = [
    "Answer",
    "Bin",
    "Captured",
    "NotSent",
    "Outgoing",
    "Play",
    "PlaySettings",
    "PlayStore",
    "Reply",
    "Sealer",
    "Send",
    "TooManyBins",
    "Verdict",
    "create_play",
    "expiring",
    "guarded_send",
    "open_send",
]
