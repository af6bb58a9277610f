//! Fills the sentences of a cause with what is known of a finding.
//!
//! Sentences may hold any text of the log: renderers escape them. Remedies are read as commands and
//! pasted into shells, so there only harmless characters are filled in; anything else stays a
//! `<placeholder>` for the reader to fill.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::classify::causes::Cause;
use crate::knowledge::roles::Roles;

/// What may be filled in: one field for each placeholder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) action: Option<String>,
    pub(crate) caller: Option<String>,
    pub(crate) client_ip: Option<String>,
    pub(crate) deny_assignment: Option<String>,
    pub(crate) expected_audience: Option<String>,
    pub(crate) found_audience: Option<String>,
    pub(crate) found_issuer: Option<String>,
    pub(crate) object: Option<String>,
    pub(crate) oid: Option<String>,
    pub(crate) operation: Option<String>,
    pub(crate) permission: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) throttle_reason: Option<String>,
    pub(crate) vault: Option<String>,
    pub(crate) vault_id: Option<String>,
}

impl Known {
    /// The value of a placeholder of [`crate::classify::message::PLACEHOLDERS`].
    fn get(&self, name: &str) -> Option<String> {
        match name {
            "action" => self.action.clone(),
            "caller" => self.caller.clone(),
            "client_ip" => self.client_ip.clone(),
            "deny_assignment" => self.deny_assignment.clone(),
            "expected_audience" => self.expected_audience.clone(),
            "found_audience" => self.found_audience.clone(),
            "found_issuer" => self.found_issuer.clone(),
            "object" => self.object.clone(),
            "oid" => self.oid.clone(),
            "operation" => self.operation.clone(),
            "permission" => self.permission.clone(),
            "permission_option" => self.permission.as_deref().and_then(permission_option),
            "role" => self.role.clone(),
            "scope" => self.scope.clone(),
            "status" => self.status.clone(),
            "throttle_reason" => self.throttle_reason.clone(),
            "vault" => self.vault.clone(),
            "vault_id" => self.vault_id.clone(),
            _ => None,
        }
    }
}

/// `secrets get` as an option of `az keyvault set-policy`.
fn permission_option(permission: &str) -> Option<String> {
    let (kind, word) = permission.split_once(' ')?;
    let option = match kind.to_ascii_lowercase().as_str() {
        "secrets" => "--secret-permissions",
        "keys" => "--key-permissions",
        "certificates" => "--certificate-permissions",
        "storage" => "--storage-permissions",
        _ => return None,
    };
    word.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| format!("{option} {word}"))
}

/// Something to be granted: as access policies and as roles name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Right {
    /// `secrets get`.
    pub(crate) permission: String,
    /// `secrets/getSecret/action`, without `Microsoft.KeyVault/vaults/`.
    pub(crate) action: String,
}

/// The `az` command that grants rights on a vault to an object id, for the vault's permission model
/// (`access-policies`, `rbac`, `hsm-roles`): the narrowest of the roles.
pub(crate) fn grant_command(
    roles: &Roles,
    model: &str,
    vault: Option<&str>,
    vault_id: Option<&str>,
    oid: &str,
    person: bool,
    rights: &BTreeSet<Right>,
) -> String {
    let safe = |value: Option<&str>, name: &str| {
        value.filter(|value| is_harmless(value)).map_or_else(|| format!("<{name}>"), str::to_owned)
    };
    let (name, oid) = (safe(vault, "vault"), safe(Some(oid), "oid"));
    match model {
        "rbac" => {
            let actions: Vec<&str> = rights.iter().map(|right| right.action.as_str()).collect();
            let role = roles.narrowest(&actions).filter(|_| !rights.is_empty()).unwrap_or("<role>");
            let kind = if person { "User" } else { "ServicePrincipal" };
            format!(
                "az role assignment create --role \"{role}\" --assignee-object-id {oid} --assignee-principal-type \
                 {kind} --scope {}",
                safe(vault_id, "vault_id")
            )
        }
        "hsm-roles" => format!(
            "az keyvault role assignment create --hsm-name {name} --role \"<local role>\" --assignee-object-id {oid} \
             --scope /keys"
        ),
        _ => format!("az keyvault set-policy --name {name} --object-id {oid} {}", permission_options(rights)),
    }
}

/// All options of `az keyvault set-policy`; a placeholder where no right is known.
fn permission_options(rights: &BTreeSet<Right>) -> String {
    let mut options: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for right in rights {
        if let Some((option, word)) =
            permission_option(&right.permission).as_ref().and_then(|text| text.split_once(' '))
        {
            options.entry(option.to_owned()).or_default().push(word.to_owned());
        }
    }
    let options: Vec<String> =
        options.into_iter().map(|(option, words)| format!("{option} {}", words.join(" "))).collect();
    if options.is_empty() { "<permission_option>".to_owned() } else { options.join(" ") }
}

/// What happened: the first sentence of which everything is known, else the cause's meaning.
pub(crate) fn fill_why(cause: &Cause, known: &Known) -> String {
    let sentence = cause.why.iter().find_map(|text| fill(text, |name| known.get(name)));
    sentence.unwrap_or_else(|| cause.meaning.clone())
}

/// What to do, with what is known.
pub(crate) fn fill_fix(cause: &Cause, known: &Known) -> Vec<String> {
    fill_steps(&cause.remedy, known)
}

/// Steps, with what is known.
pub(crate) fn fill_steps(steps: &[String], known: &Known) -> Vec<String> {
    // These two are made here, of words that are known.
    let own = ["role", "permission_option"];
    let value = |name: &str| {
        let value = known.get(name).filter(|value| own.contains(&name) || is_harmless(value));
        Some(value.unwrap_or_else(|| format!("<{name}>")))
    };
    steps.iter().filter_map(|step| fill(step, value)).collect()
}

/// So many things: `1 address`, `2 addresses`.
pub(crate) fn numbered(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

/// Whether a value can stand in a command line as it is: one word in which no shell on any system
/// reads more, which is no option and (as `@` in front would be for `az`) no file to read.
pub(crate) fn is_harmless(value: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/' | b'@');
    value.bytes().all(plain) && value.bytes().next().is_some_and(|first| !matches!(first, b'-' | b'@'))
}

/// Replaces `{name}`; `None` when a value is not known.
fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut filled = String::new();
    let mut parts = text.split('{');
    filled.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let Some((name, rest)) = part.split_once('}') else {
            let _ = write!(filled, "{{{part}");
            continue;
        };
        filled.push_str(&value(name)?);
        filled.push_str(rest);
    }
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::causes::Causes;
    use crate::classify::message::PLACEHOLDERS;

    fn known() -> Known {
        Known {
            vault: Some("kv-orders".into()),
            oid: Some("o-1".into()),
            permission: Some("secrets get".into()),
            ..Known::default()
        }
    }

    #[test]
    fn remedies_are_filled_with_what_is_harmless() {
        let causes = Causes::built_in();
        let cause = causes.find("missing-policy").unwrap();
        assert!(
            fill_fix(cause, &known())[0]
                .contains("--name kv-orders --object-id o-1 --secret-permissions get")
        );
        for hostile in [
            "kv; rm -rf /",
            "$(x)",
            "`x`",
            "a\nb",
            "--yes",
            "a|b",
            "a&b",
            "'",
            "\"",
            "%PATH%",
            "a>b",
            "ü",
            "a --yes",
            "@file",
            "",
        ] {
            let known = Known { vault: Some(hostile.into()), ..known() };
            assert!(fill_fix(cause, &known)[0].contains("--name <vault> "), "{hostile}");
        }
    }

    #[test]
    fn grants_name_all_rights_and_nothing_harmful() {
        let right =
            |permission: &str, action: &str| Right { permission: permission.into(), action: action.into() };
        let rights: BTreeSet<Right> = [
            right("secrets list", "secrets/readMetadata/action"),
            right("secrets get", "secrets/getSecret/action"),
            right("keys sign", "keys/sign/action"),
        ]
        .into();
        assert_eq!(
            grant_command(Roles::built_in(), "access-policies", Some("kv"), None, "o-1", false, &rights),
            "az keyvault set-policy --name kv --object-id o-1 --key-permissions sign --secret-permissions get list"
        );
        let command =
            grant_command(Roles::built_in(), "rbac", Some("kv"), Some("/s/kv"), "o-1; rm", true, &rights);
        assert!(
            command.contains("--role \"Key Vault Administrator\" --assignee-object-id <oid> "),
            "{command}"
        );
        let hostile: BTreeSet<Right> = [right("secrets get;rm", "x")].into();
        assert!(
            grant_command(Roles::built_in(), "access-policies", Some("$(x)"), None, "o", false, &hostile)
                .ends_with("--name <vault> --object-id o <permission_option>")
        );
    }

    #[test]
    fn a_sentence_is_left_out_when_something_is_not_known() {
        let causes = Causes::built_in();
        let cause = causes.find("wrong-audience").unwrap();
        assert_eq!(fill_why(cause, &known()), cause.meaning);
        let known =
            Known { found_audience: Some("x".into()), expected_audience: Some("y".into()), ..known() };
        assert_eq!(fill_why(cause, &known), "The token was issued for x; the vault takes y.");
    }

    #[test]
    fn every_placeholder_has_a_value_when_all_is_known() {
        let all = || Some("secrets get".to_owned());
        let known = Known {
            action: all(),
            caller: all(),
            client_ip: all(),
            deny_assignment: all(),
            expected_audience: all(),
            found_audience: all(),
            found_issuer: all(),
            object: all(),
            oid: all(),
            operation: all(),
            permission: all(),
            role: all(),
            scope: all(),
            status: all(),
            throttle_reason: all(),
            vault: all(),
            vault_id: all(),
        };
        assert!(PLACEHOLDERS.iter().all(|name| known.get(name).is_some()));
    }
}
