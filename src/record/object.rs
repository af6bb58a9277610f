//! Which vault and which object a request was about.
//!
//! Input: `resourceId`, `properties.id` and `requestUri`, each as odd as facts §1.9 says. Output:
//! [`VaultName`] and the object as `collection/name` without version (`secrets/db-password`), in
//! lower case, because Key Vault compares names without case.

use std::borrow::Cow;

use crate::redact::redact;

/// A vault or Managed HSM as its ARM id or its URL names it; parts keep the log's own case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultName<'a> {
    /// The vault's name, unique in its cloud.
    pub name: &'a str,
    /// True for a Managed HSM pool.
    pub hsm: bool,
    /// Subscription id, where the ARM id holds one.
    pub subscription: Option<&'a str>,
    /// Resource group, where the ARM id holds one.
    pub resource_group: Option<&'a str>,
}

/// Reads an ARM id such as `/SUBSCRIPTIONS/…/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/NAME`.
pub fn vault_of_resource_id(resource_id: &str) -> Option<VaultName<'_>> {
    let mut parts = resource_id.split('/').filter(|part| !part.is_empty());
    let (mut subscription, mut resource_group) = (None, None);
    while let Some(part) = parts.next() {
        if part.eq_ignore_ascii_case("subscriptions") {
            subscription = parts.next();
        } else if part.eq_ignore_ascii_case("resourcegroups") {
            resource_group = parts.next();
        } else if part.eq_ignore_ascii_case("vaults") || part.eq_ignore_ascii_case("managedhsms") {
            let name = parts.next()?;
            return Some(VaultName {
                name,
                hsm: part.eq_ignore_ascii_case("managedhsms"),
                subscription,
                resource_group,
            });
        }
    }
    None
}

/// The vault a URL's host names: the first label of `NAME.vault.azure.net`, of any cloud.
pub fn vault_of_url(url: &str) -> Option<VaultName<'_>> {
    let (host, _) = host_and_path(url)?;
    let (name, hsm) = vault_of_host(host)?;
    Some(VaultName { name, hsm, subscription: None, resource_group: None })
}

/// The name before `.vault.` or `.managedhsm.`, and whether it is the latter.
fn vault_of_host(host: &str) -> Option<(&str, bool)> {
    let dot = memchr::memchr(b'.', host.as_bytes())?;
    let (name, domain) = (host.get(..dot)?, host.get(dot + 1..)?);
    let hsm = domain.starts_with("managedhsm.");
    (hsm || domain.starts_with("vault.")).then_some((name, hsm))
}

/// Host without port, and path without query, of an `https://` URL.
fn host_and_path(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("https://").or_else(|| url.split_once("://").map(|(_, rest)| rest))?;
    let bytes = rest.as_bytes();
    let end = memchr::memchr2(b'?', b'#', bytes).unwrap_or(bytes.len());
    let host_end = memchr::memchr2(b'/', b':', bytes.get(..end)?).unwrap_or(end);
    let path = memchr::memchr(b'/', bytes.get(host_end..end)?).map_or(end, |at| host_end + at + 1);
    Some((rest.get(..host_end)?, rest.get(path..end)?))
}

/// Collections whose members are objects with names of their own.
const COLLECTIONS: &[&str] = &["secrets", "keys", "certificates", "storage"];

/// The parts of a path between slashes that are not empty.
struct Parts<'p>(&'p str);

impl<'p> Iterator for Parts<'p> {
    type Item = &'p str;

    fn next(&mut self) -> Option<&'p str> {
        while let Some(rest) = self.0.strip_prefix('/') {
            self.0 = rest;
        }
        let end = memchr::memchr(b'/', self.0.as_bytes()).unwrap_or(self.0.len());
        let (part, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        (!part.is_empty()).then_some(part)
    }
}

/// The object in a data-plane URL, `collection/name`; `None` for lists and vault operations. Borrowed when it stands
/// there so in lower case, which is the usual form.
#[inline]
pub fn object_of_url(url: &str) -> Option<Cow<'_, str>> {
    match plain_object_of_url(url) {
        Some(object) => Some(Cow::Borrowed(object)),
        None => object_of_any_url(url),
    }
}

/// The object in a URL of the usual form; `None` for any other, whatever it names.
fn plain_object_of_url(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let bytes = rest.as_bytes();
    let part_from = |from: usize| {
        let end = memchr::memchr3(b'/', b'?', b'#', bytes.get(from..)?);
        Some(end.map_or(bytes.len(), |length| from + length))
    };
    let host = part_from(0)?;
    let collection = part_from(host + 1)?;
    let name = part_from(collection + 1)?;
    let slashes = bytes.get(host) == Some(&b'/') && bytes.get(collection) == Some(&b'/');
    if !slashes || !COLLECTIONS.contains(&rest.get(host + 1..collection)?) {
        return None;
    }
    let (vault, _) = vault_of_host(rest.get(..host)?)?;
    // A host ends at its port.
    if memchr::memchr(b':', vault.as_bytes()).is_some() {
        return None;
    }
    let named = rest.get(collection + 1..name)?;
    let upper = named.bytes().fold(false, |upper, byte| upper | byte.is_ascii_uppercase());
    let plain = !upper && !matches!(named, "" | "restore" | "contacts" | "issuers");
    plain.then(|| rest.get(host + 1..name)).flatten()
}

fn object_of_any_url(url: &str) -> Option<Cow<'_, str>> {
    let (host, path) = host_and_path(url)?;
    vault_of_host(host)?;
    let mut parts = Parts(path);
    let (collection, name) = (parts.next()?, parts.next()?);
    let plain = collection.strip_prefix("deleted").unwrap_or(collection);
    let known = COLLECTIONS.iter().any(|known| plain.eq_ignore_ascii_case(known));
    // `secrets/restore`, `certificates/contacts` and `certificates/issuers/NAME` name no object.
    let verb = matches!(name, "restore" | "contacts") && parts.next().is_none();
    if !known || verb || (name == "issuers" && plain.eq_ignore_ascii_case("certificates")) {
        return None;
    }
    let upper = |text: &str| text.bytes().any(|byte| byte.is_ascii_uppercase());
    let joined = path.get(..collection.len() + 1 + name.len());
    match joined {
        // One slash between the two, nothing before them.
        Some(joined) if plain.len() == collection.len() && joined.ends_with(name) && !upper(joined) => {
            Some(Cow::Borrowed(joined))
        }
        // A token is known by its case.
        _ => Some(Cow::Owned(redact(&format!("{plain}/{name}")).to_ascii_lowercase())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn vaults_are_read_from_any_case() {
        let id = "/SUBSCRIPTIONS/S-1/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-ORDERS";
        let vault = vault_of_resource_id(id).unwrap();
        assert_eq!((vault.name, vault.hsm), ("KV-ORDERS", false));
        assert_eq!((vault.subscription, vault.resource_group), (Some("S-1"), Some("RG")));
        assert!(
            vault_of_resource_id("/subscriptions/s/providers/microsoft.keyvault/managedHSMs/pool")
                .unwrap()
                .hsm
        );
        assert_eq!(vault_of_resource_id("/SUBSCRIPTIONS/S-1"), None);
        assert_eq!(vault_of_url("https://kv.vault.azure.cn:443//secrets").unwrap().name, "kv");
        assert!(vault_of_url("https://pool.managedhsm.azure.net/backup").unwrap().hsm);
        assert_eq!(vault_of_url("https://management.azure.com/subscriptions/x"), None);
    }

    #[test]
    fn objects_are_found_in_odd_urls() {
        let cases = [
            ("https://kv.vault.azure.net/secrets/db/0123", Some("secrets/db")),
            ("https://kv.vault.azure.net/secrets/?api-version=7.4", None),
            ("https://kv.vault.azure.net:443//keys//Sign-Key/v1/sign?api-version=7.4", Some("keys/sign-key")),
            ("https://kv.vault.azure.net/deletedkeys/old", Some("keys/old")),
            ("https://kv.vault.azure.net/secrets/restore?api-version=7.4", None),
            ("https://kv.vault.azure.net/secrets/restore/0123", Some("secrets/restore")),
            ("https://kv.vault.azure.net/certificates/issuers/CA", None),
            ("https://kv.vault.azure.net/", None),
            ("https://management.azure.com/subscriptions/s/secrets/a", None),
            ("https://kv.vault.azure.net/secrets/secrets", Some("secrets/secrets")),
            ("https://kv:443.vault.azure.net/secrets/db", None),
            ("nonsense", None),
        ];
        for (url, object) in cases {
            assert_eq!(object_of_url(url).as_deref(), object, "{url}");
        }
        assert!(matches!(
            object_of_url("https://kv.vault.azure.net/secrets/db/0123"),
            Some(Cow::Borrowed(_))
        ));
    }

    proptest! {
        /// Looking at the usual form first changes nothing.
        #[test]
        fn objects_of_the_usual_form_are_those_of_any(
            url in "(https?://|HTTPS://|)(kv|KV|)(:443|[?]x=|#|)([.]vault|[.]managedhsm|)[.]azure(:443|[?]|#|)(/{0,2}(secrets|keys|Keys|deletedkeys|storage|certificates|restore|contacts|issuers|name|Name|ß|[?]a|#b|)){0,5}",
        ) {
            prop_assert_eq!(object_of_url(&url), object_of_any_url(&url));
        }
    }
}
