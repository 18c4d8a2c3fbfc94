"""An audit of an account whose owner writes into every name what a careless page would obey."""

from dataclasses import replace

from pullguard.domain.findings import Remedy
from pullguard_cli.audit_result import Audit
from tests.report.sample import sample_audit

ATTACKS = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "' onmouseover='alert(1)",
    "</style><script>document.title='owned'</script>",
    "</code></pre></title></svg><script>document.title='owned'</script>",
    "javascript:document.title='owned'",
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "<!-- --!><script>document.title='owned'</script>",
    "\u202egnp.exe \x1b[31m \x00 \ud800 \x7f",
    "&lt;script&gt;&#x6a;avascript&colon;",
)


def hostile_audit() -> Audit:
    """Return the sample with an attack in every text, each attack in each kind of text."""
    audit = sample_audit()
    findings = tuple(
        replace(
            finding,
            task_definition=f"{finding.task_definition}{attack}",
            check=attack if index % 3 == 0 else finding.check,
            container=attack,
            image=attack,
            secret=attack,
            role=attack,
            key=attack,
            cause=f"{attack} {finding.cause}",
            evidence=attack,
            remedy=Remedy(action="none", text=attack, snippet=attack),
            source=attack,
        )
        for index, finding in enumerate(audit.findings[:40])
        for attack in (ATTACKS[index % len(ATTACKS)],)
    )
    attacked = {each.task_definition: ATTACKS for each in findings[::2]}
    return replace(audit, account=ATTACKS[0], region=ATTACKS[1], findings=findings, in_use=attacked, unfinished=ATTACKS)
