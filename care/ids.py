"""What people, alerts and agreements are called in records: ids, and never names."""

from typing import Annotated, NewType

import msgspec

AlertId = NewType("AlertId", str)
StaffId = NewType("StaffId", str)
ContactId = NewType("ContactId", str)  # somebody who may be asked to go: of a resident "c-1a2b3c4d", of all a role
Asker = NewType("Asker", str)  # who asked: a member of staff, or the resident themself (`chains.RESIDENT`)
Place = NewType("Place", str)  # that something was agreed for: a home, a site, or the whole organisation "*"
Minutes = Annotated[float, msgspec.Meta(gt=0, le=720)]
BackTestId = NewType("BackTestId", str)
MessageId = NewType("MessageId", str)
