"""Packages and all that hangs on them, one subject a module."""

from packages.models.asking import MAX_MESSAGE, AccessRequest
from packages.models.core import BASE_MARK, Access, Content, DistTag, Package, TwoFactor, Version
from packages.models.dependencies import Dependency
from packages.models.documents import Document
from packages.models.downloads import DownloadCount
from packages.models.feeds import FeedKey
from packages.models.grants import Permission, PersonGrant, TeamGrant
from packages.models.mirror import Mirror, MirrorAlert, MirrorDocument, MirrorVersion
from packages.models.provenance import Attestation
from packages.models.staging import StagedVersion
from packages.models.stars import Star
from packages.models.token_use import TokenUse
from packages.models.trust import Issuer, RefusedExchange, SpentIdentity, TrustedPublisher
from packages.models.webhooks import Webhook, WebhookDelivery

__all__ = [
    "BASE_MARK",
    "MAX_MESSAGE",
    "Access",
    "AccessRequest",
    "Attestation",
    "Content",
    "Dependency",
    "DistTag",
    "Document",
    "DownloadCount",
    "FeedKey",
    "Issuer",
    "Mirror",
    "MirrorAlert",
    "MirrorDocument",
    "MirrorVersion",
    "Package",
    "Permission",
    "PersonGrant",
    "RefusedExchange",
    "SpentIdentity",
    "StagedVersion",
    "Star",
    "TeamGrant",
    "TokenUse",
    "TrustedPublisher",
    "TwoFactor",
    "Version",
    "Webhook",
    "WebhookDelivery",
]
