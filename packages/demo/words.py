"""What the company's packages are about, in three trades (pure)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Trade:
    """An org: what it works on, and which kinds of packages that becomes.

    subjects: word: what it is, as the end of a sentence. kinds: suffix of a name: its description, with {what}.
    """

    org: str
    title: str
    subjects: dict[str, str]
    kinds: dict[str, str]
    teams: dict[str, str]
    keywords: tuple[str, ...]


PAYMENTS = Trade(
    org="acme",
    title="Acme Payments",
    subjects={
        "ledger": "double-entry bookkeeping",
        "invoices": "invoices and credit notes",
        "payouts": "payouts to merchants",
        "refunds": "refunds, whole and partial",
        "disputes": "chargebacks and disputes",
        "cards": "card payments",
        "sepa": "SEPA credit transfers and direct debits",
        "ach": "ACH transfers",
        "fx": "exchange rates and conversions",
        "tax": "VAT and sales tax",
        "kyc": "identity checks of merchants",
        "risk": "fraud signals and scores",
        "checkout": "the hosted checkout",
        "subscriptions": "recurring charges and trials",
        "billing": "metered billing",
        "reconciliation": "matching bank statements with the ledger",
        "money": "amounts that never lose a cent",
        "iban": "bank account numbers",
        "receipts": "receipts by mail and on paper",
        "terminals": "card terminals in shops",
        "wallets": "stored value",
        "fees": "fees and interchange",
    },
    kinds={
        "": "{What}, the core that every service shares.",
        "-client": "Typed client for {what}.",
        "-react": "React hooks and views for {what}.",
        "-types": "Shared TypeScript types for {what}.",
        "-cli": "Command line for {what}.",
        "-testing": "Fixtures and fakes for tests of {what}.",
        "-events": "Event schemas for {what}.",
    },
    teams={
        "payments": "Moves money, and proves where it went.",
        "finance-ro": "Reads everything, changes nothing.",
        "risk": "Fraud, disputes, identity checks.",
        "merchant-experience": "What merchants see.",
    },
    keywords=("payments", "fintech", "money", "accounting", "typescript"),
)
DESIGN = Trade(
    org="lumen",
    title="Lumen Design System",
    subjects={
        "button": "buttons",
        "dialog": "dialogs and sheets",
        "table": "tables with sorting and paging",
        "menu": "menus",
        "tooltip": "tooltips",
        "combobox": "comboboxes with suggestions",
        "date-picker": "date pickers",
        "tabs": "tabs",
        "toast": "notices that come and go",
        "form": "forms and validation messages",
        "avatar": "avatars",
        "chart": "small charts",
        "grid": "page grids",
        "tree": "trees",
        "stepper": "step-by-step flows",
        "upload": "file drop zones",
    },
    kinds={
        "": "Accessible {what}, without a framework.",
        "-react": "Accessible {what} for React.",
        "-vue": "Accessible {what} for Vue.",
        "-styles": "The CSS of {what}, tokens only.",
        "-testing": "Queries and matchers for tests of {what}.",
    },
    teams={
        "components": "Every component, in every framework.",
        "tokens": "Colour, type, space.",
        "accessibility": "Reviews each release.",
    },
    keywords=("design-system", "ui", "accessibility", "components", "css"),
)
INFRA = Trade(
    org="basalt",
    title="Basalt Infrastructure",
    subjects={
        "logger": "structured logs",
        "metrics": "counters and histograms",
        "tracing": "distributed traces",
        "queue": "work queues with retries",
        "cache": "a cache in two tiers",
        "config": "typed configuration from the environment",
        "flags": "feature flags",
        "secrets": "secrets and their rotation",
        "http": "HTTP with deadlines and retries",
        "health": "health checks",
        "scheduler": "jobs on a schedule",
        "migrations": "schema migrations",
        "postgres": "a PostgreSQL pool",
        "outbox": "a transactional outbox",
        "rate-limit": "rate limits",
        "circuit-breaker": "circuit breakers",
        "retry": "retries with jitter",
        "ids": "sortable identifiers",
    },
    kinds={
        "": "{What} for every Basalt service.",
        "-node": "{What}, the Node.js bindings.",
        "-cli": "Command line for {what}.",
        "-testing": "In-memory fakes of {what}.",
        "-middleware": "Middleware for {what}.",
    },
    teams={
        "platform": "Keeps the lights on.",
        "observability": "Logs, metrics, traces.",
        "data": "Stores and pipelines.",
        "on-call": "Whoever holds the pager.",
    },
    keywords=("infrastructure", "observability", "node", "platform", "reliability"),
)
TRADES = (PAYMENTS, DESIGN, INFRA)

# Packages of people's own scopes, and those without scope that everybody uses.
PERSONAL = {
    "dotfiles": "My shell, my editor, my way.",
    "scratch": "Things I try before they become something.",
    "eslint-config": "The rules I can live with.",
    "prettier-config": "Two spaces, no discussion.",
    "notes-cli": "Notes from the command line.",
    "release-notes": "Turns commit messages into something readable.",
    "bench": "Measures twice.",
    "git-tidy": "Deletes branches that were merged long ago.",
}
SHARED = {
    "acme-create-service": "Starts a new service with everything in place.",
    "acme-tsconfig": "One TypeScript configuration for all.",
    "acme-commitlint": "Commit messages that the changelog understands.",
    "tiny-deadline": "Give a promise so many milliseconds, and no more.",
    "plain-result": "Errors as values, in forty lines.",
    "cents-to-words": "Writes an amount out, as on a cheque.",
    "lumen-icons-subset": "Only the icons that you import.",
    "basalt-run": "Runs the services of a workspace side by side.",
    "csv-by-line": "Reads CSV of any size, a line at a time.",
    "human-bytes": "1536 is 1.5 kB.",
    "weekday-math": "Adds working days, holidays included.",
    "stable-sort-keys": "JSON with its keys in order.",
}
LIBRARIES = frozenset(  # of those without scope; the others are tools that nobody depends on
    {"tiny-deadline", "plain-result", "csv-by-line", "human-bytes", "weekday-math", "stable-sort-keys"}
)
LICENCES = ("UNLICENSED", "MIT", "Apache-2.0", "ISC", "BSD-3-Clause", "MPL-2.0")
NOTES = (
    "moved to {other}; this one gets no more fixes",
    "has a rounding bug; use {newest} or newer",
    "not maintained any more",
    "published by mistake; use {newest}",
)
