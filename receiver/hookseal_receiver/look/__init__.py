"""The shared look of Hookseal's pages: one stylesheet, one script, one frame, one set of parts.

Knows templates, static files and the headers that keep a page safe. Must not know what any page
shows.
"""

from __future__ import annotations

from hookseal_receiver.look.forms import FormRefused, Forms, read_form, read_form_list
from hookseal_receiver.look.headers import PageHeaders
from hookseal_receiver.look.pages import STATIC_PATH, Pages, static_files

__all__ = [
    "STATIC_PATH",
    "FormRefused",
    "Forms",
    "PageHeaders",
    "Pages",
    "read_form",
    "read_form_list",
    "static_files",
]
