//! What a token was issued for: which of Key Vault's audiences it names, or whose instead.

use std::fmt;

use serde_json::Value;

use super::{Check, Claims, cut};

/// Key Vault's own application, which its AKV10022 text names as an audience (facts A4).
pub(super) const VAULT_APP_ID: &str = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093";

/// The same in Azure US Government, and Managed HSM's. The facts are silent on these two, and no
/// error text names them as audiences: they make notes, never verdicts.
pub(super) const GOVERNMENT_APP_ID: &str = "7e7c393b-45d0-48b1-a35e-2905ddf8183c";
pub(super) const HSM_APP_ID: &str = "589d5083-6f11-4d30-a62a-a4b316a14abf";

/// A cloud of Azure: each has its own vaults and its own Entra ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cloud {
    Public,
    China,
    UsGovernment,
    Germany,
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "Azure public",
            Self::China => "Azure China",
            Self::UsGovernment => "Azure US Government",
            Self::Germany => "Azure Germany",
        })
    }
}

/// What a token for Key Vault opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    Vault,
    ManagedHsm,
}

/// The audiences of Key Vault: `https://` and the host, and nothing behind it.
const OURS: &[(&str, Store, Cloud)] = &[
    ("vault.azure.net", Store::Vault, Cloud::Public),
    ("vault.azure.cn", Store::Vault, Cloud::China),
    ("vault.usgovcloudapi.net", Store::Vault, Cloud::UsGovernment),
    ("vault.microsoftazure.de", Store::Vault, Cloud::Germany),
    ("managedhsm.azure.net", Store::ManagedHsm, Cloud::Public),
    ("managedhsm.azure.cn", Store::ManagedHsm, Cloud::China),
    ("managedhsm.usgovcloudapi.net", Store::ManagedHsm, Cloud::UsGovernment),
];

const ARM: &str = "Azure Resource Manager (which manages vaults and does not open them)";
const GRAPH: &str = "Microsoft Graph (users, groups and applications)";
const OLD_GRAPH: &str = "Azure AD Graph (retired)";
const STORAGE: &str = "Azure Storage (blobs, queues, tables, files)";
const EXCHANGE: &str = "an exchange at Entra ID (workload identity federation)";

/// What else tokens are asked for: a host (with all below it), the name of an `api://`, or an
/// application id. The first that fits counts.
pub(super) const OTHERS: &[(&str, &str)] = &[
    ("management.azure.com", ARM),
    ("management.core.windows.net", ARM),
    ("management.chinacloudapi.cn", ARM),
    ("management.core.chinacloudapi.cn", ARM),
    ("management.usgovcloudapi.net", ARM),
    ("management.core.usgovcloudapi.net", ARM),
    ("797f4846-ba00-4fd7-ba43-dac1f8f63013", ARM),
    ("graph.microsoft.com", GRAPH),
    ("microsoftgraph.chinacloudapi.cn", GRAPH),
    ("graph.microsoft.us", GRAPH),
    ("00000003-0000-0000-c000-000000000000", GRAPH),
    ("graph.windows.net", OLD_GRAPH),
    ("00000002-0000-0000-c000-000000000000", OLD_GRAPH),
    ("storage.azure.com", STORAGE),
    ("core.windows.net", STORAGE),
    ("core.chinacloudapi.cn", STORAGE),
    ("core.usgovcloudapi.net", STORAGE),
    ("database.windows.net", "Azure SQL"),
    ("api.loganalytics.io", "Log Analytics"),
    ("azureadtokenexchange", EXCHANGE),
    ("azureadtokenexchangechina", EXCHANGE),
    ("azureadtokenexchangeusgov", EXCHANGE),
    ("vault.keyvault.net", "a resource known only as a misprint in Microsoft's error pages"),
];

/// What to ask for, where the token does not tell in which cloud the vault is.
const ASK: &str = "Ask for a token with scope https://vault.azure.net/.default \
    (Managed HSM: https://managedhsm.azure.net/.default, Azure China: https://vault.azure.cn/.default, \
    Azure US Government: https://vault.usgovcloudapi.net/.default).";

/// Judges `aud`; of several audiences the first that is right counts, else the first.
pub(super) fn audience_check(claims: &Claims) -> (Check, Option<Cloud>) {
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(audience)) => vec![audience],
        Some(Value::Array(audiences)) => audiences.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let judged: Vec<_> = audiences.into_iter().map(judge_audience).collect();
    let right = judged.iter().position(|(check, _)| check.ok == Some(true)).unwrap_or_default();
    let none = || (wrong_audience("The token names no audience.".to_owned(), ASK), None);
    judged.into_iter().nth(right).unwrap_or_else(none)
}

/// What one audience is, and its cloud.
fn judge_audience(audience: &str) -> (Check, Option<Cloud>) {
    let host = host(audience.strip_prefix("spn:").unwrap_or(audience));
    let ours = OURS.iter().find(|(known, ..)| host == *known || is_below(&host, known));
    if let Some((known, store, cloud)) = ours {
        let check = if is_below(&host, known) {
            own_url(audience, known, *store)
        } else if audience.strip_prefix("https://") == Some(known) {
            our_audience(known, *store, *cloud)
        } else {
            misspelt(audience, known, *store)
        };
        return (check, Some(*cloud));
    }
    let by_id = |service| format!("The token is for {service}, by its application id {host}");
    let unsure =
        |service| Check::note("aud", by_id(service) + "; whether it takes that is not known.").fixed_by(ASK);
    match host.as_str() {
        VAULT_APP_ID if host == audience => (Check::right("aud", by_id("Key Vault") + "."), None),
        VAULT_APP_ID => (misspelt(audience, "vault.azure.net", Store::Vault), None),
        HSM_APP_ID => (unsure("Managed HSM"), None),
        GOVERNMENT_APP_ID => (unsure("Key Vault in Azure US Government"), Some(Cloud::UsGovernment)),
        _ => (other_audience(audience, &host), None),
    }
}

/// One of ours, exactly.
fn our_audience(host: &str, store: Store, cloud: Cloud) -> Check {
    let (what, other) = match store {
        Store::Vault => ("key vaults", "a Managed HSM"),
        Store::ManagedHsm => ("Managed HSMs", "a key vault"),
    };
    let says = format!("The token is for {what} in {cloud} (https://{host})");
    if cloud == Cloud::Germany {
        return Check::note("aud", says + ", a cloud that closed in 2021.").fixed_by(ASK);
    }
    Check::right("aud", format!("{says}; {other} wants another."))
}

/// One of ours, but for a slash, a prefix or the like. That vaults refuse this is known from their
/// AKV10022 texts; of Managed HSM there are none.
fn misspelt(audience: &str, host: &str, store: Store) -> Check {
    let (how, what_to_do) = if audience.starts_with("spn:") {
        ("with spn: in front", "Remove the spn: prefix")
    } else if audience.trim_end_matches('/').strip_prefix("https://") == Some(host) {
        ("with a slash at the end", "Remove the slash")
    } else {
        ("spelt in another way", "Spell it exactly so")
    };
    let (whose, verdict) = match store {
        Store::Vault => ("Key Vault's", "which a vault refuses"),
        Store::ManagedHsm => ("Managed HSM's", "which vaults refuse and an HSM may refuse too"),
    };
    let says = format!("The audience {} is {whose} {how}, {verdict}.", cut(audience));
    let fix = format!("{what_to_do}: ask for scope https://{host}/.default (as a resource: https://{host}).");
    match store {
        Store::Vault => wrong_audience(says, fix),
        Store::ManagedHsm => Check::note("aud", says).fixed_by(fix),
    }
}

/// `https://NAME.vault.azure.net`.
fn own_url(audience: &str, host: &str, store: Store) -> Check {
    let what = if store == Store::Vault { "vault" } else { "Managed HSM" };
    let shown = cut(audience);
    wrong_audience(
        format!("The audience {shown} is a {what}'s own URL; the audience of all of them is https://{host}."),
        format!("Ask for scope https://{host}/.default; the {what}'s URL is for the request only."),
    )
}

/// Something that is not ours.
fn other_audience(audience: &str, host: &str) -> Check {
    let known = OTHERS.iter().find(|(known, _)| host == *known || is_below(host, known));
    let what = match known {
        Some((_, what)) => what,
        None if is_guid(host) => {
            "another application (its own client id: an ID token, or one for its own API)"
        }
        None => "a resource that akvlens does not know",
    };
    let shown = cut(audience);
    wrong_audience(format!("The token is for {what}, not for Key Vault: {shown}."), ASK)
}

/// A wrong audience.
fn wrong_audience(says: String, fix: impl Into<String>) -> Check {
    Check::wrong("aud", says, Some("wrong-audience"), fix)
}

/// The host of a URL in lower case; of anything else the text up to its first slash or colon.
pub(super) fn host(text: &str) -> String {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.split(['/', ':', '?', '#']).next().unwrap_or(rest).to_ascii_lowercase()
}

/// Whether a host lies below a domain.
pub(super) fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|name| name.ends_with('.'))
}

/// `8-4-4-4-12` hexadecimal digits.
pub(super) fn is_guid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}
