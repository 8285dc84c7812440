"""People, the names they hold, the credentials that speak for them, and the record of what was done."""

from accounts.models.company import Absence, DirectoryPerson
from accounts.models.credentials import MAX_MACHINE, Approval, Device, OneTimePass, Token, WebLogin
from accounts.models.modes import ReadOnly
from accounts.models.people import MAX_PASSWORD, Invitation, Scope, TwoFactorMode, User, validate_name
from accounts.models.records import AuditEvent, AuditSeal, RefusedRequest

__all__ = [
    "MAX_MACHINE",
    "MAX_PASSWORD",
    "Absence",
    "Approval",
    "AuditEvent",
    "AuditSeal",
    "Device",
    "DirectoryPerson",
    "Invitation",
    "OneTimePass",
    "ReadOnly",
    "RefusedRequest",
    "Scope",
    "Token",
    "TwoFactorMode",
    "User",
    "WebLogin",
    "validate_name",
]
