//! Type and size of keys: `az keyvault key list` and `az keyvault key show`.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::Knowledge;
use super::json::Object;
use crate::record::object::vault_of_url;

/// With or without padding, URL-safe: as Key Vault writes it, and as tools re-write it.
const NUMBERS: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Takes in a key; `None` where the object is none. A key of a list has no type: it is known to be
/// there, and no more.
pub(super) fn key(knowledge: &mut Knowledge, object: Object<'_>) -> Option<&'static str> {
    let inner = object.object("key").unwrap_or(object);
    let url = inner.text("kid")?;
    let vault = vault_of_url(url)?.name.to_ascii_lowercase();
    let name = url.split("/keys/").nth(1)?.split('/').next()?.to_ascii_lowercase();
    if let Some(kind) = kind(inner) {
        knowledge.keys.insert((vault, name), kind);
    }
    Some("keys")
}

/// `RSA-HSM 2048`, as facts name it.
fn kind(key: Object<'_>) -> Option<String> {
    let kind = key.text("kty")?;
    let bits = |bytes: &str| NUMBERS.decode(bytes).ok().map(|bytes| bytes.len() * 8);
    let modulus = key.text("n").and_then(bits);
    let size =
        modulus.or_else(|| key.get("keySize").and_then(Value::as_u64).and_then(|size| size.try_into().ok()));
    let curve = key.any_text(&["crv", "curveName"]);
    let curve_size = || {
        curve?
            .bytes()
            .skip_while(|byte| !byte.is_ascii_digit())
            .take(3)
            .try_fold(0, |size, byte| byte.is_ascii_digit().then(|| size * 10 + usize::from(byte - b'0')))
    };
    Some(match size.or_else(curve_size).filter(|size| *size > 0) {
        Some(size) => format!("{kind} {size}"),
        None => kind.to_owned(),
    })
}
