"""A page to look at: one HTML file that needs nothing else, with the charts and tables that the terminal shows.

No script and nothing from elsewhere, so that it can be attached to a ticket, opened from disk and kept; light or dark
as the reader's system is; every chart is a table too, for those who read with other means than their eyes.
"""

from meshclient.cli.page.document import Section, Text, page
from meshclient.cli.page.writing import must_be_writable, write_page

__all__ = ["Section", "Text", "must_be_writable", "page", "write_page"]
