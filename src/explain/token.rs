//! What an access token says about itself, and whether Key Vault could take it.
//!
//! Input: a token that somebody pasted, and the time. Output: a [`TokenReport`]. Nothing leaves the
//! machine, and no permission can be seen from here: a token that passes may still meet a 401 or 403.
//! Must not decode, keep or show the signature, nor quote the token in an error. The texts of claims
//! are the token's own, in [`Check::says`] as well: escape before showing.

mod audience;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;

use audience::{Cloud, audience_check};

/// No access token of Entra ID comes near this.
const MAX_BYTES: usize = 64 * 1024;

/// How much of a claim is shown.
const MAX_VALUE_CHARS: usize = 300;

/// A token that ends sooner than this may end before it is used.
const SOON_SECONDS: i64 = 5 * 60;

/// The claims that are shown, in order; of the names in one row the first that is present.
const SHOWN: &[&[&str]] = &[
    &["aud"],
    &["iss"],
    &["tid"],
    &["appid", "azp"],
    &["oid"],
    &["idtyp"],
    &["upn", "unique_name"],
    &["scp"],
    &["roles"],
    &["xms_mirid"],
    &["nbf"],
    &["iat"],
    &["exp"],
];

/// What a token says, and what Key Vault would make of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenReport {
    /// Name and value of the claims worth showing, in fixed order, times in RFC 3339. The values are
    /// raw, cut to 300 characters.
    pub claims: Vec<(&'static str, String)>,
    /// What was checked, in fixed order.
    pub checks: Vec<Check>,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Right or wrong; `None`: worth knowing, or not to be told from the token.
    pub ok: Option<bool>,
    /// The claim it is about.
    pub claim: &'static str,
    /// One sentence on this token. It may hold raw text of claims.
    pub says: String,
    /// The id of the cause that such a token meets.
    pub cause: Option<&'static str>,
    /// What to do.
    pub fix: Option<String>,
}

/// Why a text could not be read as a token. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It has not the shape of a token.
    NotAToken,
    /// It is an encrypted token (JWE).
    Encrypted,
    /// A part is not base64url.
    BadBase64 {
        /// `header` or `payload`.
        part: &'static str,
    },
    /// A part is not a JSON object.
    BadJson {
        /// `header` or `payload`.
        part: &'static str,
    },
    /// It is longer than 64 KiB.
    TooLong,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = "copy all of it, from eyJ to the end";
        match self {
            Self::NotAToken => f.write_str(
                "not an access token: one is header.payload.signature, in base64url, and begins with eyJ",
            ),
            Self::Encrypted => {
                f.write_str("the token is encrypted: only the service it is meant for can read it")
            }
            Self::BadBase64 { part } => write!(f, "the token's {part} is not base64url: {whole}"),
            Self::BadJson { part } => write!(f, "the token's {part} is not a JSON object: {whole}"),
            Self::TooLong => f.write_str("longer than 64 KiB: no access token is; paste it alone"),
        }
    }
}

impl std::error::Error for TokenError {}

/// Reads a token and checks what can be checked without the vault.
///
/// Takes the token alone, with `Authorization:` or `Bearer` in front, in quotes, or the JSON that
/// `az account get-access-token` and the managed identity endpoint print.
pub fn inspect(token: &str, now: DateTime<Utc>) -> Result<TokenReport, TokenError> {
    if token.len() > MAX_BYTES {
        return Err(TokenError::TooLong);
    }
    let (header, claims) = decode(token)?;
    let (audience, cloud) = audience_check(&claims);
    let to_be_replaced = audience.ok == Some(false);
    let mut checks = vec![audience, expiry_check(claims.get("exp"), now)];
    checks.extend(start_check(claims.get("nbf"), now));
    checks.extend(issuer_checks(&claims));
    checks.extend(cloud_check(&claims, cloud).filter(|_| !to_be_replaced));
    checks.extend(caller_checks(&claims));
    checks.extend(version_check(&claims));
    checks.extend(algorithm_check(&header));
    Ok(TokenReport { claims: shown_claims(&claims), checks })
}

// Reading

/// The members of a header or payload.
type Claims = serde_json::Map<String, Value>;

/// Header and payload of a pasted token.
fn decode(pasted: &str) -> Result<(Claims, Claims), TokenError> {
    let mut bare = strip(pasted);
    let from_json;
    if bare.starts_with('{') {
        from_json = token_of_json(bare).ok_or(TokenError::NotAToken)?;
        bare = strip(&from_json);
    }
    let parts: Vec<&str> = bare.split('.').take(6).collect();
    match parts.as_slice() {
        [header, payload] | [header, payload, _] => {
            Ok((object(header, "header")?, object(payload, "payload")?))
        }
        [header, _, _, _, _] if object(header, "header").is_ok() => Err(TokenError::Encrypted),
        _ => Err(TokenError::NotAToken),
    }
}

/// The text without the white space, quotes and header words around a token.
fn strip(text: &str) -> &str {
    let around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '\u{feff}');
    let mut rest = text.trim_matches(around);
    while let Some(behind) = ["authorization:", "bearer"].iter().find_map(|word| behind_word(rest, word)) {
        rest = behind.trim_matches(around);
    }
    rest
}

/// What stands behind an ASCII word at the front, whatever its case.
fn behind_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    text.get(..word.len())
        .filter(|front| front.eq_ignore_ascii_case(word))
        .and_then(|_| text.get(word.len()..))
}

/// The token in `{"accessToken": …}`, `{"access_token": …}` or PowerShell's `{"Token": …}`.
fn token_of_json(text: &str) -> Option<String> {
    let members: Claims = serde_json::from_str(text).ok()?;
    let names = ["accessToken", "access_token", "token", "Token", "AccessToken"];
    names.iter().find_map(|name| members.get(*name)).and_then(Value::as_str).map(str::to_owned)
}

/// The JSON object of one part; padding and line breaks from a terminal are left out.
fn object(segment: &str, part: &'static str) -> Result<Claims, TokenError> {
    let segment: String = segment.split_whitespace().collect();
    let bytes = URL_SAFE_NO_PAD.decode(segment.trim_end_matches('='));
    let bytes = bytes.map_err(|_| TokenError::BadBase64 { part })?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::BadJson { part })
}

/// The claims to show.
fn shown_claims(claims: &Claims) -> Vec<(&'static str, String)> {
    let present = |name: &&'static str| {
        let value = claims.get(*name).filter(|value| !value.is_null())?;
        let instant = time(value).filter(|_| matches!(*name, "nbf" | "iat" | "exp"));
        Some((*name, instant.map_or_else(|| text(value), rfc3339)))
    };
    SHOWN.iter().filter_map(|names| names.iter().find_map(present)).collect()
}

/// A claim's value as text, cut.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => cut(text),
        Value::Array(items) => cut(&items.iter().map(text).collect::<Vec<_>>().join(", ")),
        other => cut(&other.to_string()),
    }
}

/// A text of at most [`MAX_VALUE_CHARS`], with an ellipsis where it was cut.
fn cut(text: &str) -> String {
    if text.chars().nth(MAX_VALUE_CHARS).is_none() {
        return text.to_owned();
    }
    text.chars().take(MAX_VALUE_CHARS - 1).chain(['…']).collect()
}

/// A claim that is a text with something in it.
fn string<'c>(claims: &'c Claims, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

// Time

/// The instant of a claim: a number of seconds since 1970, fractions dropped.
fn time(value: &Value) -> Option<DateTime<Utc>> {
    let Value::Number(number) = value else { return None };
    let text = number.to_string();
    let (seconds, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let plain = fraction.bytes().all(|byte| byte.is_ascii_digit());
    DateTime::from_timestamp(seconds.parse().ok().filter(|_| plain)?, 0)
}

/// `2026-08-22T10:00:00Z`.
fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Seconds in words, in the two largest units: `3 h 12 min`.
fn in_words(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let large = match (days, hours, minutes) {
        (0, 0, 0) => return format!("{seconds} s"),
        (0, 0, _) => return format!("{minutes} min"),
        (0, _, _) => [(hours, "h"), (minutes, "min")],
        (1, _, _) => [(1, "day"), (hours, "h")],
        _ => [(days, "days"), (hours, "h")],
    };
    let words = large.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}"));
    words.collect::<Vec<_>>().join(" ")
}

/// Whether the token has ended.
fn expiry_check(exp: Option<&Value>, now: DateTime<Utc>) -> Check {
    let fresh = "Get a fresh token.";
    let Some(end) = exp.and_then(time) else {
        let says =
            if exp.is_some() { "is not a number of seconds" } else { "is missing; Entra ID always sets it" };
        return Check::wrong("exp", format!("The token's expiry (exp) {says}."), None, fresh);
    };
    let (left, at) = (end.signed_duration_since(now).num_seconds(), rfc3339(end));
    if now >= end {
        let says = format!("The token expired {} ago, at {at}.", in_words(-left));
        let fix = "Get a fresh token: let the Azure SDK renew it instead of keeping it, and check the clock.";
        return Check::wrong("exp", says, Some("expired-token"), fix);
    }
    if left < SOON_SECONDS {
        return Check::note("exp", format!("The token expires in {}, at {at}.", in_words(left)))
            .fixed_by(fresh);
    }
    Check::right("exp", format!("The token is good for another {}, until {at}.", in_words(left)))
}

/// Whether the token has begun.
fn start_check(nbf: Option<&Value>, now: DateTime<Utc>) -> Option<Check> {
    let Some(start) = time(nbf?) else {
        return Some(Check::note("nbf", "The token's start (nbf) is not a number of seconds."));
    };
    let at = rfc3339(start);
    if start <= now {
        return Some(Check::right("nbf", format!("The token's validity began at {at}.")));
    }
    let wait = in_words(start.signed_duration_since(now).num_seconds());
    let says = format!("The token is not valid before {at}, {wait} from now.");
    let fix = "Check the clock (NTP) of this machine and of the one that uses the token.";
    Some(Check::wrong("nbf", says, Some("token-not-yet-valid"), fix))
}

// Issuer

/// What stands before and behind the tenant in an issuer of Entra ID, and its clouds. Azure US
/// Government issues version 1 tokens under sts.windows.net, as the public cloud does.
const ISSUERS: &[(&str, &str, &[Cloud])] = &[
    ("https://sts.windows.net/", "/", &[Cloud::Public, Cloud::UsGovernment]),
    ("https://sts.chinacloudapi.cn/", "/", &[Cloud::China]),
    ("https://sts.microsoftonline.de/", "/", &[Cloud::Germany]),
    ("https://login.microsoftonline.com/", "/v2.0", &[Cloud::Public]),
    ("https://login.microsoftonline.us/", "/v2.0", &[Cloud::UsGovernment]),
    ("https://login.partner.microsoftonline.cn/", "/v2.0", &[Cloud::China]),
    ("https://login.chinacloudapi.cn/", "/v2.0", &[Cloud::China]),
];

/// The tenant in an issuer, and the clouds that issue under its name.
fn read_issuer(issuer: &str) -> Option<(&str, &'static [Cloud])> {
    ISSUERS.iter().find_map(|(before, behind, clouds)| {
        let tenant = issuer.strip_prefix(before)?.strip_suffix(behind)?;
        (!tenant.is_empty() && !tenant.contains('/')).then_some((tenant, *clouds))
    })
}

/// Judges `iss`, against `tid` as well.
fn issuer_checks(claims: &Claims) -> Vec<Check> {
    let wrong = |says| {
        let fix = "Send an access token of Entra ID; any other must first be exchanged for one.";
        vec![Check::wrong("iss", says, Some("wrong-issuer"), fix)]
    };
    let Some(issuer) = string(claims, "iss") else { return wrong("The token names no issuer.".to_owned()) };
    let Some((tenant, _)) = read_issuer(issuer) else {
        let form = "Entra ID's form, https://sts.windows.net/TENANT/";
        return wrong(format!("The issuer {} is not of {form}.", cut(issuer)));
    };
    let shown = cut(tenant);
    let says =
        format!("The tenant {shown} must be the vault's, or one that it trusts: the token cannot tell.");
    let fix = "Compare with `az keyvault show --name VAULT --query properties.tenantId`; \
               if they differ, sign in to the vault's tenant.";
    vec![tenant_check(tenant, string(claims, "tid")), Check::note("tid", says).fixed_by(fix)]
}

/// Whether issuer and `tid` name the same tenant.
fn tenant_check(tenant: &str, tid: Option<&str>) -> Check {
    let shown = cut(tenant);
    let Some(tid) = tid else {
        let says = format!("The token has no tid to compare with its issuer's tenant {shown}.");
        return Check::note("tid", says);
    };
    if tid.eq_ignore_ascii_case(tenant) {
        return Check::right("iss", format!("Issuer and tid name the same tenant, {shown}."));
    }
    let says =
        format!("The issuer is tenant {shown} but tid is {}: Entra ID issues no such token.", cut(tid));
    let fix = "Get a fresh token; this one was put together or altered.";
    Check::wrong("iss", says, Some("wrong-issuer"), fix)
}

/// Whether the issuer belongs to the cloud that the audience is in.
fn cloud_check(claims: &Claims, wanted: Option<Cloud>) -> Option<Check> {
    let (_, clouds) = read_issuer(string(claims, "iss")?)?;
    let issuing = clouds.iter().map(Cloud::to_string).collect::<Vec<_>>().join(" or ");
    let Some(cloud) = wanted else {
        let says = format!("The issuer is that of {issuing}; the audience does not tell its cloud.");
        return Some(Check::note("iss", says));
    };
    if clouds.contains(&cloud) {
        return Some(Check::right("iss", format!("The issuer fits the audience's cloud, {cloud}.")));
    }
    let says = format!("The issuer is that of {issuing}, but the audience is in {cloud}.");
    let fix = format!("Sign in to {cloud} (`az cloud set`), or ask for the audience of the issuer's cloud.");
    Some(Check::wrong("iss", says, Some("wrong-issuer"), fix))
}

// Caller

/// Who calls: user or application, under which object id, and which managed identity.
fn caller_checks(claims: &Claims) -> Vec<Check> {
    let oid = string(claims, "oid").map(cut);
    let kind = kind_check(claims, oid.as_deref());
    let object = if let Some(oid) = oid {
        let says = "This is the object id that an access policy or role assignment must name";
        Check::right("oid", format!("{says}: {oid}."))
    } else {
        let fix = "Give the application a service principal in this tenant: `az ad sp create --id APPID`.";
        let says = "The token has no object id, and an access policy or role assignment must name one.";
        Check::note("oid", says).fixed_by(fix)
    };
    let managed = string(claims, "xms_mirid").map(managed_identity);
    [kind, object].into_iter().chain(managed).collect()
}

/// Delegated or application token.
fn kind_check(claims: &Claims, oid: Option<&str>) -> Check {
    let application = string(claims, "idtyp") == Some("app");
    let client = client(claims);
    let Some(scope) = string(claims, "scp").map(cut) else {
        let kind = if application {
            "Application token"
        } else {
            "Without scp this looks like an application token"
        };
        return Check::note("idtyp", format!("{kind}: the caller is {client}, and no user."));
    };
    if application {
        let says = "The token has a user's scp and an application's idtyp: Entra ID issues no such token.";
        return Check::note("idtyp", says);
    }
    let user = oid.unwrap_or("without an object id");
    let says =
        format!("Delegated token ({scope}): the caller is the user {user}, and {client} only the client.");
    Check::note("scp", says)
}

/// The client application.
fn client(claims: &Claims) -> String {
    match string(claims, "appid").or_else(|| string(claims, "azp")) {
        Some(id) => format!("application {}", cut(id)),
        None => "an application that the token does not name".to_owned(),
    }
}

/// The managed identity behind `xms_mirid`.
fn managed_identity(id: &str) -> Check {
    let name = cut(id.trim_end_matches('/').rsplit('/').next().unwrap_or(id));
    let user_assigned = id.to_ascii_lowercase().contains("/userassignedidentities/");
    let kind = if user_assigned { "user-assigned managed identity" } else { "system-assigned identity of" };
    Check::note("xms_mirid", format!("The caller is the {kind} {name}."))
}

// Form

/// The version: the resource decides it, and Key Vault's is 1.0.
fn version_check(claims: &Claims) -> Option<Check> {
    let version = text(claims.get("ver")?);
    if version == "1.0" {
        let says = "The token is of version 1.0, as Entra ID issues them for Key Vault.";
        return Some(Check::right("ver", says));
    }
    let says = format!("The token is of version {version}; for Key Vault Entra ID issues version 1.0.");
    Some(Check::note("ver", says))
}

/// The algorithm of the signature, which itself is not looked at.
fn algorithm_check(header: &Claims) -> Option<Check> {
    let wrong = |says| {
        let fix = "Get the token from Entra ID; this one was put together by hand or by a test.";
        Some(Check::wrong("alg", says, None, fix))
    };
    let Some(algorithm) = string(header, "alg") else {
        return wrong("The header names no signature algorithm.");
    };
    let shown = cut(algorithm);
    match algorithm.to_ascii_lowercase().as_str() {
        "none" => wrong("The token says that it is not signed (alg none), and no vault takes that."),
        "rs256" | "ps256" => None,
        _ => Some(Check::note("alg", format!("The algorithm is {shown}; Entra ID signs with RS256."))),
    }
}

impl Check {
    fn note(claim: &'static str, says: impl Into<String>) -> Self {
        Self { ok: None, claim, says: says.into(), cause: None, fix: None }
    }

    fn right(claim: &'static str, says: impl Into<String>) -> Self {
        Self { ok: Some(true), ..Self::note(claim, says) }
    }

    fn wrong(
        claim: &'static str,
        says: impl Into<String>,
        cause: Option<&'static str>,
        fix: impl Into<String>,
    ) -> Self {
        Self { ok: Some(false), cause, ..Self::note(claim, says) }.fixed_by(fix)
    }

    fn fixed_by(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

#[cfg(test)]
mod tests;
