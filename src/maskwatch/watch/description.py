"""What `maskwatch watch` would do, in lines without passwords."""

from __future__ import annotations

from maskwatch.io.addresses import shown_address
from maskwatch.watch.config import WatchConfig, store_path
from maskwatch.watch.hours import Hours
from maskwatch.watch.rules import Rule


def describe(config: WatchConfig) -> list[str]:
    """What would be done, in lines without passwords."""
    lines = ["cameras:"]
    for one in config.cameras:
        zones = ", ".join(f"{zone.name} ({zone.kind})" for zone in one.zones)
        lines.append(f"  {one.name}: {shown_address(one.address)}{zones and '; zones: '}{zones}")
    lines.append(f"events and counts: {store_path(config)}")
    evidence = config.evidence
    lines.append(
        f"evidence: a {evidence.picture} picture of each violation in {evidence.folder}, "
        f"deleted after {evidence.keep_days:g} days"
        if evidence
        else "evidence: none is kept"
    )
    lines += _describe_corrections(config)
    lines.append("alerts:" if config.rules else "alerts: none")
    lines += [f"  {_describe_rule(rule)}" for rule in config.rules]
    return lines + _describe_sinks(config) + _describe_page(config)


def _describe_corrections(config: WatchConfig) -> list[str]:
    corrections = config.corrections
    if corrections is None:
        return []
    kept = f"{corrections.folder}, deleted after {corrections.keep_days:g} days"
    if config.is_correctable:
        return [f"corrections: faces that owners correct in {kept}"]
    return [f"corrections: none, for evidence.picture is not whole; older ones in {kept}"]


def _describe_rule(rule: Rule) -> str:
    where = ", ".join(rule.cameras) or "every camera"
    zones = f", zone {' and zone '.join(rule.zones)}" if rule.zones else ""
    people = f"{rule.min_people} people with " if rule.min_people > 1 else ""
    stay = f", once they have stayed {rule.min_stay_s:g} s" if rule.min_stay_s else ""
    clear = ", and the all-clear" if rule.all_clear else ""
    return (
        f"{rule.name}: {people}{' or '.join(rule.states)} for {rule.min_duration_s:g} s "
        f"at {where}{zones}{stay}, then silent for {rule.cool_down_s:g} s{clear}"
        f"{f', {_describe_hours(rule.hours)}' if rule.hours else ''}"
    )


def _describe_hours(hours: Hours) -> str:
    where = hours.time_zone or "this computer's time"
    off = f" but on {', '.join(hours.holidays)}" if hours.holidays else ""
    return f"only {', '.join(hours.weekly)} ({where}){off}"


def _describe_sinks(config: WatchConfig) -> list[str]:
    lines = [
        f"alerts go to: {webhook.name}: {shown_address(webhook.url)}, "
        f"{'signed' if webhook.secret else 'not signed'}{_with_pictures(webhook.picture)}"
        for webhook in config.webhooks
    ]
    for one in config.apprise:
        scheme = one.url.partition(":")[0]  # what stands behind it may be all that is secret
        lines.append(
            f"alerts go to: {one.name}: {scheme}:, by Apprise{_with_pictures(one.picture)}"
        )
    if mqtt := config.mqtt:
        host, port = mqtt.address
        tls = "with TLS" if mqtt.tls else "without TLS"
        user = "a user name" if mqtt.username else "no user name"
        topics = f"topics {mqtt.topic}/...{_with_pictures(mqtt.picture)}"
        lines.append(f"alerts go to: mqtt: {host}:{port}, {tls} and {user}, {topics}")
    return lines


def _with_pictures(told: bool) -> str:
    return ", with pictures" if told else ""


def _describe_page(config: WatchConfig) -> list[str]:
    if config.page is None:
        return []
    owners, viewers = len(config.page.owner_keys), len(config.page.viewer_keys)
    return [f"page, with --page: keys of owners: {owners}, of viewers: {viewers}"]
