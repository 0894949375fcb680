"""Power cuts while the station writes to its flash: does it come back with a whole image and a whole store?

points.py        where to cut
branch.py        go on in a copy of the bench, and be where one was
walk.py          along a span of time, with a cut at each point
station.py       what is looked at after each of them
update.py        a firmware update; an update that is rolled back
certificates.py  certificates that are installed, replaced and deleted
"""

from __future__ import annotations

from bench.powercuts.certificates import Certificates, Replacement
from bench.powercuts.update import Rollback, Update

SPANS: dict[str, type[Update | Certificates]] = {
    span.name: span for span in (Update, Rollback, Certificates, Replacement)
}
