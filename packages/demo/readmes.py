"""What the company's readmes say: each kind of package in its own way (pure)."""

from __future__ import annotations

import random

from packages.demo.catalogue import Plan


def readme(dice: random.Random, plan: Plan) -> str:
    """The README of a package. dice: seeded with the package's name, so that its versions agree."""
    parts = [
        f"# {plan.base}",
        f"`npm {plan.releases[-1].number}` · `licence {plan.licence}` · `types included` · "
        f"`coverage {dice.randint(86, 100)} %`",
        f"> {plan.description}",
        _why(dice, plan),
        "## Install\n\n```sh\nnpm install " + plan.name + "\n```",
        "## Usage\n\n" + _usage(plan),
        _options(dice, plan),
    ]
    if plan.uses:
        used = "\n".join(f"- `{name}` {wanted}" for name, wanted in plan.uses.items())
        parts.append(f"## Built on\n\n{used}")
    if dice.random() < 0.6:
        parts.append(_guarantees(dice))
    if dice.random() < 0.5:
        parts.append(
            "## Development\n\n```sh\nnpm ci\nnpm test          # unit tests\n"
            "npm run test:types # the types, too\n```\n\n1. Branch from `main`.\n2. Write the test first.\n"
            "3. Add a line to `CHANGELOG.md`."
        )
    parts.append(_licence(plan))
    return "\n\n".join(part for part in parts if part) + "\n"


def camel(name: str) -> str:
    """A name as JavaScript writes it: rate-limit becomes rateLimit."""
    first, *rest = name.replace(".", "-").split("-")
    return first + "".join(word.capitalize() for word in rest)


def pascal(name: str) -> str:
    """A name as a class or a component: rate-limit becomes RateLimit."""
    return camel(name)[0].upper() + camel(name)[1:]


def _why(dice: random.Random, plan: Plan) -> str:
    return dice.choice(
        (
            f"One place for this, so that no service writes its own. Started as {dice.choice((40, 80, 120))} lines "
            "that three teams had copied; the differences turned out to be bugs.",
            "Small on purpose: no dependencies at run time beyond our own, no global state, and nothing happens when "
            "you import it.",
            f"In production since {dice.choice(('spring', 'the second rewrite', 'the great outage'))}, "
            f"**{dice.randint(2, 40)} million calls a day**. What it promises is [below](#guarantees).",
        )
    )


def _usage(plan: Plan) -> str:
    it, cls = camel(plan.base), pascal(plan.base)
    if plan.kind in ("react", "vue"):
        component = pascal(plan.base.removesuffix(f"-{plan.kind}"))
        return f"""```tsx
import {{ {component} }} from '{plan.name}'

export function Page() {{
  const [open, setOpen] = useState(false)
  return (
    <{component} open={{open}} onChange={{setOpen}} label="Choose one">
      Anything you like
    </{component}>
  )
}}
```

Every part takes `className` and passes `ref` on. Keyboard and screen reader behaviour follows the ARIA practices."""
    if plan.kind == "styles":
        return f"""```css
@import '{plan.name}';

.card {{
  --radius: 8px;
  color: var(--ink);
}}
```"""
    if plan.kind == "cli":
        return f"""```sh
npx {plan.name} --help
npx {plan.name} list --since 2w --json
npx {plan.name} check ./config.json
```

It ends with `0` when all is well, `1` when it found something, `2` when it could not look."""
    if plan.kind in ("types", "events"):
        return f"""```ts
import type {{ {cls} }} from '{plan.name}'

const one: {cls} = {{ id: 'evt_01hx', at: '2026-02-01T09:30:00Z', amount: 1200, currency: 'EUR' }}
```"""
    if plan.kind == "testing":
        return f"""```js
import {{ fake }} from '{plan.name}'

test('nothing is charged twice', async () => {{
  const it = fake({{ seed: 42 }})
  await it.replay('double-submit')
  expect(it.calls).toHaveLength(1)
}})
```"""
    return f"""```js
import {{ create{cls} }} from '{plan.name}'

const {it} = create{cls}({{ environment: 'production', timeout: 2_000 }})

const result = await {it}.run({{
  debit: {{ account: 'cash', amount: 1200 }},
  credit: {{ account: 'revenue', amount: 1200 }},
}})
console.log(result.id)
```"""


def _options(dice: random.Random, plan: Plan) -> str:
    rows = [
        ("`timeout`", "`2000`", "milliseconds before it gives up"),
        ("`retries`", "`3`", "with jitter, and only where it is safe to repeat"),
        ("`logger`", "none", "anything with `info` and `error`"),
        ("`signal`", "none", "an `AbortSignal` that ends it"),
        ("`currency`", "`'EUR'`", "of amounts that name none"),
        ("`locale`", "`'en'`", "how numbers and dates are written"),
        ("`strict`", "`true`", "throws instead of guessing"),
    ]
    if plan.kind in ("types", "events", "styles"):
        return ""
    chosen = [row for row in rows if dice.random() < 0.6] or rows[:2]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in chosen)
    return f"## Options\n\n| option | default | what it does |\n| --- | --- | --- |\n{lines}"


def _guarantees(dice: random.Random) -> str:
    all_of_them = [
        "Nothing is written unless everything is: a call that throws changed nothing.",
        "The same request twice is done once, as long as the key is the same.",
        "Patch versions never change what a call returns.",
        "No message in an error tells a secret.",
        "Types and documentation come from one source.",
    ]
    return "## Guarantees\n\n" + "\n".join(f"- {each}" for each in dice.sample(all_of_them, 3))


def _licence(plan: Plan) -> str:
    if plan.licence == "UNLICENSED":
        return "## Licence\n\nFor use inside the company only."
    return f"## Licence\n\n{plan.licence}. See [LICENSE](LICENSE)."
