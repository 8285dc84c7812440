"""Packages and all that hangs on them, one subject a module."""

from packages.models.advisories import Advisory, AdvisoryCheck, Severity, UpstreamAttestations, UpstreamKeys
from packages.models.asking import MAX_MESSAGE, AccessRequest
from packages.models.core import BASE_MARK, Access, Content, DistTag, Package, TwoFactor, Version
from packages.models.dependencies import Dependency
from packages.models.documents import Document, DocumentPart
from packages.models.downloads import DownloadCount
from packages.models.feeds import FeedKey
from packages.models.grants import Permission, PersonGrant, TeamGrant
from packages.models.mirror import Mirror, MirrorAlert, MirrorDocument, MirrorVersion
from packages.models.provenance import Attestation
from packages.models.quotas import Quota
from packages.models.records import DownloadRecord
from packages.models.rules import Rule, RuleException, RuleSet, RulesStamp
from packages.models.staging import StagedVersion
from packages.models.stars import Star
from packages.models.stores import KnownStorage
from packages.models.token_use import TokenUse
from packages.models.trust import Issuer, RefusedExchange, SpentIdentity, TrustedPublisher
from packages.models.used import UsedNumber
from packages.models.webhooks import Webhook, WebhookDelivery

__all__ = [
    "BASE_MARK",
    "MAX_MESSAGE",
    "Access",
    "AccessRequest",
    "Advisory",
    "AdvisoryCheck",
    "Attestation",
    "Content",
    "Dependency",
    "DistTag",
    "Document",
    "DocumentPart",
    "DownloadCount",
    "DownloadRecord",
    "FeedKey",
    "Issuer",
    "KnownStorage",
    "Mirror",
    "MirrorAlert",
    "MirrorDocument",
    "MirrorVersion",
    "Package",
    "Permission",
    "PersonGrant",
    "Quota",
    "RefusedExchange",
    "Rule",
    "RuleException",
    "RuleSet",
    "RulesStamp",
    "Severity",
    "SpentIdentity",
    "StagedVersion",
    "Star",
    "TeamGrant",
    "TokenUse",
    "TrustedPublisher",
    "TwoFactor",
    "UpstreamAttestations",
    "UpstreamKeys",
    "UsedNumber",
    "Version",
    "Webhook",
    "WebhookDelivery",
]
