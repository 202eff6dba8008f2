"""Calendars: a version never changes, and whoever goes by one."""

from __future__ import annotations

import pytest

from libs.events.contracts.lead_routing import CalendarAssigned, CalendarPublished
from libs.events.errors import NotFound
from libs.events.testing import given
from libs.rules.calendar_documents import CalendarDocument
from services.lead_routing.calendars.domain import ASSIGN_CALENDAR, PUBLISH_CALENDAR, AssignCalendar, PublishCalendar
from services.lead_routing.tests.scenes import NOON

DOCUMENT = CalendarDocument(calendar_id="urumqi", version="1", zone="Asia/Urumqi")
PUBLISHED = CalendarPublished(calendar_id="urumqi", version="1", document=DOCUMENT.model_dump(mode="json"))


def test_a_published_version_of_a_calendar_never_changes() -> None:
    publish = PublishCalendar(calendar_id="urumqi", document=DOCUMENT)
    given(PUBLISH_CALENDAR).when(publish, NOON).then(PUBLISHED)
    given(PUBLISH_CALENDAR, PUBLISHED).when(publish, NOON).then()
    other = publish.model_copy(update={"document": DOCUMENT.model_copy(update={"zone": "Asia/Shanghai"})})
    given(PUBLISH_CALENDAR, PUBLISHED).when(other, NOON).then_rejected("CONFLICT_STATE")


def test_a_person_goes_by_a_calendar_that_exists() -> None:
    assign = AssignCalendar(calendar_id="urumqi", scope="person", subject_id="li")
    assigned = CalendarAssigned(scope="person", subject_id="li", calendar_id="urumqi")
    given(ASSIGN_CALENDAR, PUBLISHED).when(assign, NOON).then(assigned)
    given(ASSIGN_CALENDAR, PUBLISHED, assigned).when(assign, NOON).then()
    with pytest.raises(NotFound):
        given(ASSIGN_CALENDAR).when(assign, NOON)
    other = AssignCalendar(calendar_id="urumqi", scope="tenant", subject_id="othertenant")
    with pytest.raises(NotFound):
        given(ASSIGN_CALENDAR, PUBLISHED).when(other, NOON)
